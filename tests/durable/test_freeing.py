"""An attempt that has ended holds nothing, runs nothing, and says nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
import types
import weakref
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.durable.closing import MAX_CLOSES
from restate_reflect.durable.guards import Guard
from tests.journals import LOOP, V6, M, Played, done, given_input, play

events: list[str] = []


class Big:
    """Stands for what a handler holds in its local variables."""


alive: list[weakref.ref[Big]] = []


@pytest.fixture(autouse=True, scope="module")
def _only_these_tests_make_garbage() -> None:
    """What other tests have left alive is not looked through again by each of these."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _nothing_is_reported(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither asyncio's logger nor the real loop has anything to complain about."""
    events.clear()
    alive.clear()
    complaints: list[dict[str, Any]] = []
    LOOP.set_exception_handler(lambda loop, context: complaints.append(context))
    with caplog.at_level(logging.DEBUG, "asyncio"):
        yield
        gc.collect()
    LOOP.set_exception_handler(None)
    assert complaints == []
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def hold() -> Big:
    big = Big()
    alive.append(weakref.ref(big))
    return big


async def sleeps(ctx: Context) -> None:
    big = hold()
    await ctx.sleep(1)
    del big


async def sleeps_deeply(ctx: Context) -> None:
    big = hold()
    await sleeps(ctx)
    del big


async def task_group(ctx: Context) -> None:
    big = hold()
    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(sleeps(ctx))
    del big


async def gathers(ctx: Context) -> None:
    big = hold()
    await asyncio.gather(sleeps(ctx), sleeps(ctx), ctx.call_raw("Other", "go"))
    del big


async def event(ctx: Context) -> None:
    big, ready = hold(), asyncio.Event()
    asyncio.get_running_loop().call_later(5, ready.set)
    async with asyncio.timeout(9):
        await ready.wait()
    del big


async def background(ctx: Context) -> None:
    big = hold()
    tasks = [asyncio.create_task(sleeps(ctx)) for _ in range(100)]
    await ctx.awakeable()
    del big, tasks


async def step(ctx: Context) -> None:
    big = hold()

    async def body() -> None:
        await asyncio.sleep(3600)
        repr(big)

    await asyncio.wait([ctx.run("long", body), ctx.sleep(1)], return_when="FIRST_COMPLETED")
    await ctx.awakeable()


HANDLERS: list[Callable[[Context], Any]] = [sleeps, sleeps_deeply, task_group, gathers, event, background, step]


class Service:
    def __init__(self, function: Callable[[Context], Any]) -> None:
        self.function = function

    async def go(self, ctx: Context) -> Any:
        return await self.function(ctx)


def ended(how: str, function: Callable[[Context], Any]) -> Played:
    played = play(Service(function), "go")
    assert played.waits
    match how:
        case "suspended":
            played.eof()
            if played.waits:  # a step executes; its result can't matter any more
                played.attempt.abort("test")
        case "failed":
            played.raw(b"\x01\x00" + bytes(6))
        case "aborted":
            played.attempt.abort("gone")
        case _:
            played.attempt.interrupt("gone")
    return played


@pytest.mark.parametrize("function", HANDLERS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("how", ["suspended", "failed", "aborted", "interrupted"])
def test_local_variables_die_with_the_attempt(how: str, function: Callable[[Context], Any]) -> None:
    """By reference counts, without the garbage collector: a server has thousands of attempts a second."""
    gc.collect()
    gc.disable()
    try:
        played = ended(how, function)
        attempt = weakref.ref(played.attempt)
        del played
        if function is step:
            LOOP.run_until_complete(turns(5))  # the body's task gets its cancellation
        assert len(alive) > 0
        assert [ref() for ref in alive] == [None] * len(alive)
        assert attempt() is None
    finally:
        gc.enable()


async def nested_gathers(ctx: Context) -> None:
    await asyncio.gather(asyncio.gather(ctx.sleep(1), sleeps(ctx)), ctx.sleep(2))


async def gathers_aside(ctx: Context) -> None:
    gathered = asyncio.gather(ctx.sleep(1), sleeps(ctx))
    await ctx.sleep(3)
    await gathered


async def groups_in_groups(ctx: Context) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(task_group(ctx))
        group.create_task(nested_gathers(ctx))


async def a_task(ctx: Context) -> None:
    await asyncio.create_task(sleeps(ctx))


async def waits(ctx: Context) -> None:
    await asyncio.wait([asyncio.create_task(sleeps(ctx)), ctx.awakeable()])


async def as_completed(ctx: Context) -> None:
    for each in asyncio.as_completed([asyncio.create_task(sleeps(ctx)) for _ in range(2)]):
        await each


async def shields(ctx: Context) -> None:
    await asyncio.shield(sleeps(ctx))


WITH_TASKS = [nested_gathers, gathers_aside, groups_in_groups, a_task, waits, as_completed, shields]


@pytest.mark.parametrize(
    "function", [*(each for each in HANDLERS if each is not step), *WITH_TASKS], ids=lambda function: function.__name__
)
def test_nothing_of_a_suspended_attempt_is_left_to_the_garbage_collector(function: Callable[[Context], Any]) -> None:
    """Neither by those who wait for each other nor, from Python 3.14 on, by what asyncio remembers of that."""
    ended("suspended", function)  # what the first one leaves for good
    gc.collect()
    gc.disable()
    try:
        ended("suspended", function)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_the_attempt_itself_dies() -> None:
    played = ended("suspended", sleeps)
    attempt = weakref.ref(played.attempt)
    assert not played.environment.attempts
    del played
    gc.collect()
    assert attempt() is None


def test_finally_blocks_run_and_context_calls_in_them_raise() -> None:
    async def go(ctx: Context) -> None:
        try:
            await ctx.sleep(1)
        finally:
            events.append("finally")
            try:
                ctx.send_raw("Other", "go")
            except Exception as error:
                events.append(type(error).__name__)
            await ctx.sleep(1)
            events.append("not reached")

    played = play(Service(go), "go", eof=True)
    assert events == ["finally", "AttemptClosedError"]
    assert played.types == [M.SLEEP_COMMAND, M.SUSPENSION]


def test_async_context_managers_are_left() -> None:
    class Resource:
        async def __aenter__(self) -> Resource:
            events.append("enter")
            return self

        async def __aexit__(self, *exc: object) -> None:
            events.append("exit")

    async def go(ctx: Context) -> None:
        async with Resource():
            await ctx.sleep(1)

    play(Service(go), "go", eof=True)
    assert events == ["enter", "exit"]


def test_except_exception_does_not_see_a_suspension() -> None:
    async def go(ctx: Context) -> str:
        try:
            await ctx.sleep(1)
        except Exception:
            events.append("caught")
        return "swallowed"

    played = play(Service(go), "go", eof=True)
    assert (played.types[-1], events) == (M.SUSPENSION, [])


@pytest.mark.parametrize("awaits_again", [False, True])
def test_a_bare_except_can_not_swallow_a_suspension(awaits_again: bool) -> None:
    """It sees GeneratorExit, as in any coroutine that is closed; whatever it does then comes to nothing."""

    async def go(ctx: Context) -> str:
        try:
            await ctx.sleep(1)
        except BaseException as error:
            events.append(type(error).__name__)
            if awaits_again:
                await asyncio.Event().wait()
        events.append("goes on")
        return "swallowed"

    played = play(Service(go), "go", eof=True)
    assert played.types == [M.SLEEP_COMMAND, M.SUSPENSION]
    assert events == ["GeneratorExit"] if awaits_again else ["GeneratorExit", "goes on"]


def test_a_retry_loop_can_not_swallow_a_suspension() -> None:
    async def go(ctx: Context) -> None:
        while True:
            try:
                await ctx.sleep(1)
            except Exception:
                events.append("caught")

    played = play(Service(go), "go", eof=True)
    assert (played.types, events) == ([M.SLEEP_COMMAND, M.SUSPENSION], [])


def test_a_bare_retry_loop_can_not_swallow_a_suspension() -> None:
    """Each round meets a dead context; after some rounds it is ended for good."""

    async def go(ctx: Context) -> None:
        for _ in range(1000):
            try:
                await ctx.sleep(1)
            except BaseException as error:
                events.append(type(error).__name__)

    played = play(Service(go), "go", eof=True)
    assert played.types == [M.SLEEP_COMMAND, M.SUSPENSION]
    assert events[0] == "GeneratorExit"


def test_an_async_generator_that_is_awaited_while_closing_is_closed_in_its_task() -> None:
    """Python only forgets its iterator, when the coroutine that awaits it is closed for the second time."""

    async def leftovers() -> AsyncGenerator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            task = asyncio.current_task()
            events.append(f"drained in {task.get_name() if task else 'no task'}")

    async def go(ctx: Context) -> None:
        try:
            await ctx.sleep(1)
        finally:
            async for _ in leftovers():
                pass

    play(Service(go), "go", eof=True)
    assert events == ["drained in Task-1"]


def test_tasks_made_while_closing_are_closed_too() -> None:
    async def go(ctx: Context) -> None:
        try:
            await ctx.sleep(1)
        finally:
            events.append("finally")
            asyncio.create_task(sleeps(ctx))  # noqa: RUF006 - left alone on purpose

    play(Service(go), "go", eof=True)
    assert events == ["finally"]
    assert alive == []


def test_an_async_generator_that_is_left_open_is_nobodys_task() -> None:
    """asyncio would close it from a task whenever it is collected, which no replay repeats; the real loop must not."""

    async def numbers(ctx: Context) -> AsyncGenerator[int]:
        try:
            yield 1
            yield 2
        finally:
            events.append("closed")
            await ctx.sleep(7)

    async def go(ctx: Context) -> None:
        async for _ in numbers(ctx):
            break
        await ctx.sleep(1)

    played = play(Service(go), "go").feed(done(M.SLEEP_COMPLETION, 1))
    LOOP.run_until_complete(turns(5))
    gc.collect()
    assert (played.types, events) == ([M.SLEEP_COMMAND, M.OUTPUT_COMMAND, M.END], [])


def test_an_async_generator_of_a_step_is_closed_by_the_real_loop() -> None:
    """As anywhere in asyncio, also at an address where one of the handler has been."""

    async def numbers(what: str) -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            events.append(what)

    async def leave_open(what: str) -> None:
        async for _ in numbers(what):
            break

    async def go(ctx: Context) -> None:
        for _ in range(3):
            async for _ in numbers("never"):
                pass  # to its end: its address is free then
            events.clear()
            await ctx.run("step", leave_open, "closed")

    played = play(Service(go), "go").echo().echo()
    LOOP.run_until_complete(turns(3))
    assert played.types.count(M.RUN_COMMAND) == 3
    assert events == ["closed"]


def test_an_async_generator_is_closed_with_aclosing() -> None:
    """Then its ``finally`` may wait, durably."""

    async def numbers(ctx: Context) -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            await ctx.sleep(7)
            events.append("closed")

    async def go(ctx: Context) -> None:
        async with contextlib.aclosing(numbers(ctx)) as generator:
            async for _ in generator:
                break

    played = play(Service(go), "go")
    assert events == []
    played.feed(done(M.SLEEP_COMPLETION, 1))
    assert (played.types[-1], events) == (M.END, ["closed"])


def made_plainly(coroutine: Any) -> asyncio.Task[Any]:
    return asyncio.Task(coroutine, loop=asyncio.get_running_loop())


def made_eagerly(coroutine: Any) -> asyncio.Task[Any]:
    factory: Any = getattr(asyncio, "eager_task_factory", None)
    task: asyncio.Task[Any] = factory(asyncio.get_running_loop(), coroutine)
    return task


NO_EAGER_TASKS = pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 has no eager tasks")


@pytest.mark.parametrize("make", [made_plainly, pytest.param(made_eagerly, marks=NO_EAGER_TASKS)])
@pytest.mark.parametrize("is_awaited", [True, False])
def test_tasks_that_are_made_without_asking_the_loop_are_closed_too(
    make: Callable[[Any], Any], is_awaited: bool
) -> None:
    """As LangGraph makes them: each in its loop, and not by the garbage collector."""
    tasks: list[Any] = []

    async def go(ctx: Context) -> None:
        tasks.append(make(waits_twice("closed")))
        await (asyncio.gather(*tasks) if is_awaited else ctx.sleep(20))

    played = play(Service(go), "go", eof=True)
    assert played.types[-1] is M.SUSPENSION
    assert events == ["closed"]
    tasks.clear()


@contextlib.asynccontextmanager
async def leaves(name: str) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await waits_twice(name)


@contextlib.asynccontextmanager
async def leaves_others() -> AsyncGenerator[None]:
    async with leaves("outer"), leaves("inner"):
        try:
            yield
        finally:
            await asyncio.sleep(0)


def test_generators_whose_ends_wait_for_each_others_ends_are_closed_one_after_the_other() -> None:
    """As context managers within context managers are left: none is dropped half-way, for the garbage collector."""

    async def go(ctx: Context) -> None:
        async with leaves_others():
            await ctx.sleep(10)

    gc.disable()
    try:
        play(Service(go), "go", eof=True)
        assert events == ["inner", "outer"]
    finally:
        gc.enable()


def test_many_tasks_cost_no_more_each() -> None:
    """Finished tasks are forgotten, live ones are not looked at again and again."""

    async def nothing() -> None:
        return None

    async def go(ctx: Context) -> int:
        waiting = [asyncio.create_task(sleeps(ctx)) for _ in range(500)]
        for _ in range(2000):
            await asyncio.create_task(nothing())
        return len(waiting)

    played = play(Service(go), "go")
    assert played.output == b"500"


def test_unretrieved_failures_of_background_tasks_are_not_reported() -> None:
    async def fails() -> None:
        raise ValueError("nobody looks")

    async def go(ctx: Context) -> None:
        task = asyncio.create_task(fails())
        await asyncio.sleep(0)
        task.done()

    assert play(Service(go), "go").types[-1] == M.END


async def numbers() -> AsyncGenerator[int]:
    try:
        await waits_twice("in a generator")
        yield 1
    finally:
        events.append("generator")


async def waits_twice(name: str) -> None:
    try:
        await asyncio.sleep(10)
    finally:
        try:
            await asyncio.sleep(0)
        finally:
            events.append(name)


class Wrapped:
    """Awaitable by what it makes of a coroutine."""

    def __await__(self) -> Generator[Any, None, None]:
        return waits_twice("in an awaitable").__await__()


@types.coroutine
def generator_based() -> Generator[Any, None, None]:
    yield from waits_twice("in a generator function").__await__()


async def ends_slowly() -> AsyncGenerator[int]:
    try:
        yield 1
    finally:
        await waits_twice("in a generator's end")


async def by_aclose() -> None:
    async with contextlib.aclosing(ends_slowly()) as generator:
        async for _ in generator:
            break


WAYS: dict[str, Callable[[], Any]] = {
    "coroutine": lambda: waits_twice("in a coroutine"),
    "generator": lambda: anext(numbers()),
    "generator with default": lambda: anext(numbers(), 0),
    "generator by asend": lambda: numbers().asend(None),
    "awaitable": Wrapped,
    "generator function": generator_based,
    "generator that is closed": by_aclose,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_handler_waits_in_is_closed_innermost_first(way: str) -> None:
    """So that no part of it is left to the garbage collector, which complains of what waits again."""

    async def go(ctx: Context) -> None:
        try:
            await WAYS[way]()
        finally:
            events.append("handler")
            raise ValueError("nobody hears this")

    played = play(Service(go), "go", eof=True)
    assert played.types == [M.SLEEP_COMMAND, M.SUSPENSION]
    assert len(events) >= 2
    assert events[0].startswith("in a")
    assert events[-1] == "handler"


def test_a_handler_that_swallows_its_end_for_ever_is_left_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process goes on, and its log names the line. (Python complains too, when it frees the coroutine.)"""
    monkeypatch.setattr(sys, "unraisablehook", lambda complaint: None)

    async def go(ctx: Context) -> None:
        while True:
            try:
                await asyncio.sleep(1)
            except BaseException as error:
                events.append(type(error).__name__)

    played = play(Service(go), "go", eof=True)
    assert played.types == [M.SLEEP_COMMAND, M.SUSPENSION]
    assert len(events) >= MAX_CLOSES
    (record,) = caplog.records
    assert "it catches everything and waits again" in record.getMessage()
    assert "test_freeing.py:" in record.getMessage()


def test_an_attempt_that_is_ended_by_its_own_handler_is_closed_after_the_turn() -> None:
    """A handler that stops its endpoint, say."""
    ending: list[Played] = []

    async def go(ctx: Context) -> None:
        ending[0].attempt.abort("by itself")
        try:
            await asyncio.sleep(1)
        finally:
            events.append("closed")

    played = Played(Service(go), "go", V6, (), Guard.OFF)
    ending.append(played)
    played.begin([given_input()])
    assert events == ["closed"]
    assert played.written == []
    assert not played.environment.attempts


def test_variables_are_reset_where_they_were_set() -> None:
    """By libraries that keep a span or a request in a context variable."""
    variable: ContextVar[str] = ContextVar("variable", default="outside")

    async def go(ctx: Context) -> None:
        async def child() -> None:
            token = variable.set("child")
            try:
                await ctx.sleep(1)
            finally:
                variable.reset(token)
                events.append(variable.get())

        token = variable.set("handler")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
        finally:
            variable.reset(token)
            events.append(variable.get())

    play(Service(go), "go", eof=True)
    assert events == ["outside", "handler"]
    assert variable.get() == "outside"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_what_ends_a_process_ends_an_attempt_only(error: type[BaseException]) -> None:
    """Raised by a handler, by a callback of its loop, by a step on the loop or in a thread."""

    def fails() -> None:
        raise error

    async def fails_later() -> None:
        await asyncio.sleep(0)
        raise error

    async def handler(ctx: Context) -> None:
        fails()

    async def callback(ctx: Context) -> None:
        asyncio.get_running_loop().call_soon(fails)
        await ctx.sleep(1)

    async def step(ctx: Context) -> None:
        await ctx.run("fails", fails_later)

    async def thread(ctx: Context) -> None:
        await ctx.run("fails", fails)

    for each in (handler, callback, step, thread):
        played = play(Service(each), "go")
        if played.waits:
            played.finish_runs()
        assert played.types[-1] == M.ERROR, each
