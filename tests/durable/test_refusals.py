"""Refusals: nobody can swallow them, and they name what was reached for, and the user's line."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import inspect
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.durable.loop import DurableLoop
from restate_reflect.durable.refusals import NEUTRAL, REFUSED
from tests.journals import LOOP, M, Played, play


class Service:
    def __init__(self, function: Callable[[Context], Any]) -> None:
        self.function = function

    async def go(self, ctx: Context) -> Any:
        return await self.function(ctx)


def refused(function: Callable[[Context], Any]) -> str:
    """The message with which the attempt ends, and nothing else is written."""
    played = play(Service(function), "go")
    assert played.types == [M.ERROR], played.messages
    message: str = played.error.message
    assert "test_refusals.py:" in message
    return message


def output(function: Callable[[Context], Any]) -> bytes:
    return play(Service(function), "go").output


# ---------------------------------------------------------------- nobody swallows them


async def thread(ctx: Context) -> None:
    await asyncio.to_thread(str, 1)


async def gathered_thread(ctx: Context) -> None:
    await asyncio.gather(asyncio.to_thread(str, 1))


async def thread_in_a_group(ctx: Context) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(str, 1))


async def wrapped(ctx: Context) -> None:
    await asyncio.wrap_future(concurrent.futures.Future())


async def foreign(ctx: Context) -> None:
    await LOOP.create_future()


async def connection(ctx: Context) -> None:
    await asyncio.open_connection("localhost", 1)


async def loop_of_its_own(ctx: Context) -> None:
    asyncio.get_running_loop().run_until_complete(asyncio.Future())


async def set_order(ctx: Context) -> None:
    coroutines = [asyncio.sleep(0), asyncio.sleep(0)]
    try:
        for each in asyncio.as_completed(coroutines):
            await each
    finally:
        for coroutine in coroutines:
            coroutine.close()


THINGS: dict[Callable[[Context], Any], str] = {
    thread: "a thread can't be used",
    gathered_thread: "a thread can't be used",
    thread_in_a_group: "a thread can't be used",
    wrapped: "a future of a thread or a process can't be used",
    foreign: "a future of another event loop (a client, a lock, a task made elsewhere) can't be used",
    connection: "can't be used",
    loop_of_its_own: "a loop of its own can't be used",
    set_order: "asyncio.as_completed() starts bare coroutines",
}


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: thing.__name__)
@pytest.mark.parametrize("caught", [Exception, BaseException, KeyError])
def test_what_is_refused_ends_the_attempt(thing: Callable[[Context], Any], caught: type[BaseException]) -> None:
    """Whatever the handler catches, and whatever it does then: with the refusal, at the line that led to it."""

    async def go(ctx: Context) -> str:
        try:
            await thing(ctx)
        except caught:
            pass
        ctx.send_raw("Other", "fallback")
        return "fallback"

    message = refused(go)
    assert THINGS[thing] in message
    assert f"in {thing.__name__}" in message


def test_a_loop_of_refusals_ends() -> None:
    """Though each is caught."""
    rounds: list[int] = []

    async def go(ctx: Context) -> None:
        while True:
            try:
                await asyncio.to_thread(str, 1)
            except Exception:
                rounds.append(1)

    assert "a thread can't be used" in refused(go)
    assert len(rounds) == 100


def test_who_drives_the_handler_is_not_to_blame() -> None:
    """A task whose own code is the standard library's was made at a line of the user's."""
    message = refused(gathered_thread)
    assert f"test_refusals.py:{gathered_thread.__code__.co_firstlineno + 1} in gathered_thread" in message


def test_the_users_line_is_named_and_not_the_librarys(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lib-packages"
    package.mkdir()
    (package / "some_client.py").write_text("import asyncio\nasync def ask():\n    await asyncio.to_thread(str, 1)\n")
    monkeypatch.syspath_prepend(str(package))
    import some_client  # type: ignore[import-not-found]

    async def ask(ctx: Context) -> None:
        await some_client.ask()

    message = refused(ask)
    assert f"test_refusals.py:{ask.__code__.co_firstlineno + 1} in " in message


def test_a_library_that_makes_its_threads_itself_is_refused_before_it_does() -> None:
    """As anyio: a plain future, and a thread that completes it; the loop is asked for none."""
    threads: list[str] = []

    async def run_sync_in_worker_thread() -> None:
        future = asyncio.Future[None]()
        threads.append("started")
        await future

    async def go(ctx: Context) -> None:
        try:
            await run_sync_in_worker_thread()
        except BaseException:
            ctx.send_raw("Other", "fallback")

    assert "a thread can't be used in handler code" in refused(go)
    assert threads == []


# ---------------------------------------------------------------- each method of a loop


METHODS = sorted(name for name, _ in inspect.getmembers(asyncio.AbstractEventLoop, callable) if name[0] != "_")
WORKING: dict[str, Callable[[Any], Any]] = {
    "call_at": lambda loop: loop.call_at(loop.time(), int),
    "call_later": lambda loop: loop.call_later(0, int),
    "call_soon": lambda loop: loop.call_soon(int),
    "call_soon_threadsafe": lambda loop: loop.call_soon_threadsafe(int),
    "call_exception_handler": lambda loop: loop.call_exception_handler({"message": "text"}),
    "default_exception_handler": lambda loop: loop.default_exception_handler({"message": "text"}),
    "create_future": lambda loop: loop.create_future(),
    "create_task": lambda loop: loop.create_task(asyncio.sleep(0)),
    "get_debug": lambda loop: loop.get_debug() is False or 1 / 0,
    "get_exception_handler": lambda loop: loop.get_exception_handler() is None or 1 / 0,
    "get_task_factory": lambda loop: loop.get_task_factory() is None or 1 / 0,
    "set_exception_handler": lambda loop: loop.set_exception_handler(None),
    "set_task_factory": lambda loop: loop.set_task_factory(None),
    "is_closed": lambda loop: loop.is_closed() is False or 1 / 0,
    "is_running": lambda loop: loop.is_running() is True or 1 / 0,
    "time": lambda loop: loop.time() == 0 or 1 / 0,
}


@pytest.mark.parametrize("name", METHODS)
def test_each_method_works_or_says_why_not(name: str) -> None:
    """No method is a blank ``NotImplementedError``."""

    async def go(ctx: Context) -> str:
        loop = asyncio.get_running_loop()
        if name in WORKING:
            WORKING[name](loop)
        elif name in NEUTRAL:
            arguments = inspect.signature(getattr(asyncio.AbstractEventLoop, name)).parameters
            found = getattr(loop, name)(*[0] * (len(arguments) - 1))
            assert not (await found if inspect.isawaitable(found) else found)
        else:
            getattr(loop, name)(None, str)
        return "fine"

    refuses = REFUSED | {"run_in_executor": "a thread"}  # but for an executor that does everything at once
    if name in refuses:
        assert f"{refuses[name]} can't be used in handler code" in refused(go)
    else:
        assert output(go) == b'"fine"'


def test_no_method_is_left_out() -> None:
    inherited = [name for name in METHODS if getattr(DurableLoop, name) is getattr(asyncio.AbstractEventLoop, name)]
    assert inherited == []


def test_a_task_factory_makes_the_tasks() -> None:
    made: list[str] = []

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def go(ctx: Context) -> list[str]:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(factory)
        assert loop.get_task_factory() is factory
        task = asyncio.create_task(asyncio.sleep(0), name="named")
        await task
        return [*made, task.get_name()]

    assert output(go) == b'["sleep","named"]'


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 has no eager tasks")
def test_eager_tasks_run_durably() -> None:
    async def go(ctx: Context) -> list[str]:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined, unused-ignore]
        trace: list[str] = []

        async def child() -> None:
            trace.append("at once")
            await asyncio.sleep(0)
            trace.append("later")

        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            trace.append("after")
        return trace

    assert output(go) == b'["at once","after","later"]'


def test_an_exception_handler_is_asked() -> None:
    async def go(ctx: Context) -> str:
        loop = asyncio.get_running_loop()
        told: list[str] = []
        loop.set_exception_handler(lambda loop, context: told.append(context["message"]))
        loop.call_exception_handler({"message": "told"})
        return told[0]

    assert output(go) == b'"told"'


def test_a_thread_may_not_call_back() -> None:
    errors: list[str] = []

    async def go(ctx: Context) -> str:
        loop = asyncio.get_running_loop()

        def work() -> None:
            try:
                loop.call_soon_threadsafe(int)
            except Exception as error:
                errors.append(str(error))

        other = threading.Thread(target=work)
        other.start()
        other.join()
        return "done"

    played = play(Service(go), "go")
    assert "completed from outside" in errors[0]
    assert played.types == [M.ERROR]


# ---------------------------------------------------------------- nothing comes from outside


def test_a_step_may_not_wake_the_handler() -> None:
    """Told in the step, with the ways to do it; its attempt ends, though the step catches everything."""

    async def go(ctx: Context) -> None:
        ready = asyncio.Event()

        async def body() -> None:
            try:
                ready.set()
            except Exception:
                pass

        step = ctx.run("body", body)
        await ready.wait()
        await step

    message = play(Service(go), "go").error.message
    assert "is completed from outside of it (tests/durable/test_refusals.py:" in message
    assert "Return the value from the step, or send it by a signal or an awakeable" in message


def test_a_step_in_a_thread_may_not_either() -> None:
    async def go(ctx: Context) -> None:
        queue: asyncio.Queue[int] = asyncio.Queue()
        got = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        await ctx.run("put", lambda: queue.put_nowait(1))
        await got

    played = play(Service(go), "go").finish_runs()
    assert "is completed from outside of it" in played.error.message


def test_another_invocation_may_not_wake_the_handler() -> None:
    """An event on ``self``, say. The one that sets it is told."""

    class Shared:
        def __init__(self) -> None:
            self.ready = asyncio.Event()

        async def waits(self, ctx: Context) -> None:
            async with asyncio.timeout(60):
                await self.ready.wait()

        async def sets(self, ctx: Context) -> str:
            try:
                self.ready.set()
            except Exception:
                pass
            return "set"

    shared = Shared()
    waiting: Played = play(shared, "waits")
    setting = play(shared, "sets")
    assert "is completed from outside of it" in setting.error.message
    assert waiting.waits


# ---------------------------------------------------------------- libraries that have a thread of their own

THREADED = """
import asyncio, threading

def _complete(loop, future, begin):
    begin.wait(10)
    try:
        loop.call_soon_threadsafe(lambda: future.done() or future.set_result("from a thread"))
    except Exception:
        pass

async def ask(begin, plain=False):
    loop = asyncio.get_running_loop()
    future = asyncio.Future() if plain else loop.create_future()
    thread = threading.Thread(target=_complete, args=(loop, future, begin))
    thread.start()
    threads.append(thread)
    return await future

threads = []
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    package = tmp_path / "lib-packages"
    package.mkdir()
    (package / "threaded_client.py").write_text(THREADED)
    monkeypatch.syspath_prepend(str(package))
    monkeypatch.delitem(sys.modules, "threaded_client", raising=False)
    return importlib.import_module("threaded_client")


@pytest.mark.parametrize("plain", [False, True])
def test_a_result_of_a_librarys_own_thread_is_refused(library: Any, plain: bool) -> None:
    """At the user's line, whatever is caught; though nobody knows yet that a thread will come."""
    begin = threading.Event()

    async def ask(ctx: Context) -> str:
        try:
            return str(await library.ask(begin, plain))
        except BaseException:
            return "fallback"

    message = refused(ask)
    begin.set()
    library.threads[0].join()
    assert "The result of a thread" in message
    assert "can't be used in handler code" in message
    assert f"test_refusals.py:{ask.__code__.co_firstlineno + 2} in " in message
    assert "ctx.run" in message


def test_a_thread_that_completes_something_meanwhile_ends_the_attempt(library: Any) -> None:
    """At once, though the handler waits for something else as well."""
    begin = threading.Event()

    async def ask(ctx: Context) -> str:
        async with asyncio.timeout(60):
            try:
                return str(await library.ask(begin))
            except BaseException:
                return "fallback"

    played = play(Service(ask), "go")
    assert played.waits
    begin.set()
    library.threads[0].join()
    LOOP.run_until_complete(asyncio.sleep(0))
    assert played.types[-1] is M.ERROR
    message = played.error.message
    assert "is completed from outside of it" in message
    assert "by a thread" in message
    assert f"test_refusals.py:{ask.__code__.co_firstlineno + 3} in " in message


def test_a_thread_that_comes_too_late_concerns_nobody() -> None:
    """It is the library's: an error there would end it for everybody."""

    async def ask(ctx: Context) -> None:
        async with asyncio.timeout(60):
            loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
            late.append((loop, future))
            await future

    late: list[Any] = []
    play(Service(ask), "go", eof=True)
    ((loop, future),) = late
    errors: list[BaseException] = []

    def complete() -> None:
        try:
            loop.call_soon_threadsafe(future.set_result, 1)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=complete)
    thread.start()
    thread.join()
    assert errors == []
