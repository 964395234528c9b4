"""What a handler began and did not see to its end is told; timers and tasks are as asyncio has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from restate_reflect import Context, TerminalError, WorkflowContext
from restate_reflect.durable.futures import RunFuture
from restate_reflect.testing import TestEnvironment
from tests.journals import M, Played, command, done, play


class Service:
    def __init__(self, function: Callable[[Context], Any]) -> None:
        self.function = function

    async def go(self, ctx: Context) -> Any:
        return await self.function(ctx)


async def quick() -> None:
    return None


# ---------------------------------------------------------------- tasks that are left behind


async def audits(ctx: Context) -> str:
    async def audit() -> None:
        await ctx.run("audit", quick)

    asyncio.create_task(audit(), name="auditing")  # noqa: RUF006  left behind on purpose
    await asyncio.sleep(0)
    return "done"


def in_tests(function: Callable[[Context], Any]) -> str:
    """The message of the failure that a test sees; empty if there is none."""

    async def run() -> str:
        try:
            async with TestEnvironment(Service(function)) as env:
                await env.call(Service.go)
        except Exception as error:
            return str(error)
        return ""

    return asyncio.run(run())


def test_a_task_that_is_left_behind_is_an_error_in_tests() -> None:
    message = in_tests(audits)
    assert "left task 'auditing' (audits.<locals>.audit, made at tests/durable/test_nothing_vanishes.py:" in message
    assert "Await it, or make it in an asyncio.TaskGroup; or cancel it." in message


def test_it_is_a_warning_in_production(caplog: pytest.LogCaptureFixture) -> None:
    played = play(Service(audits), "go")
    assert played.output == b'"done"'
    (record,) = caplog.records
    assert "left task 'auditing'" in record.getMessage()


async def kept_in_a_set(ctx: Context) -> None:
    background: set[asyncio.Task[None]] = set()
    task = asyncio.create_task(sleeps(ctx))
    background.add(task)
    task.add_done_callback(background.discard)


async def shielded(ctx: Context) -> None:
    task = asyncio.create_task(sleeps(ctx))
    asyncio.get_running_loop().call_later(5, task.cancel)


async def sleeps(ctx: Context) -> None:
    await ctx.sleep(1)


@pytest.mark.parametrize("function", [kept_in_a_set, shielded])
def test_who_only_keeps_a_task_leaves_it_behind(function: Callable[[Context], Any]) -> None:
    assert "left task 'Task-2'" in in_tests(function)


async def race(ctx: Context) -> None:
    tasks = [asyncio.create_task(sleeps(ctx)), asyncio.create_task(quick())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def cancels(ctx: Context) -> None:
    task = asyncio.create_task(sleeps(ctx))
    await asyncio.sleep(0)
    task.cancel()


async def first_success(ctx: Context) -> None:
    async def at_once() -> int:
        return 1

    async def later() -> int:
        await ctx.sleep(5)
        return 2

    await ctx.first_success(at_once(), later())


@pytest.mark.parametrize("function", [race, cancels, first_success])
def test_losers_of_a_race_and_what_was_cancelled_may_stay(function: Callable[[Context], Any]) -> None:
    assert in_tests(function) == ""


def test_a_task_that_failed_unseen_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("nobody looks")

    async def go(ctx: Context) -> None:
        asyncio.create_task(fails())  # noqa: RUF006  on purpose
        await asyncio.sleep(0)

    assert play(Service(go), "go").types[-1] == M.END
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "fails, made at tests/durable/test_nothing_vanishes.py:" in record.getMessage()
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "nobody looks"


def test_a_task_that_failed_and_was_seen_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("somebody looks")

    async def go(ctx: Context) -> None:
        task = asyncio.create_task(fails())
        await asyncio.wait([task])
        task.exception()

    assert play(Service(go), "go").types[-1] == M.END
    assert caplog.records == []


# ---------------------------------------------------------------- results nobody awaits


@pytest.mark.parametrize(
    "function, text",
    [
        (lambda ctx: ctx.call_raw("Other", "go"), "or use ctx.send if nobody waits for its result"),
        (lambda ctx: ctx.sleep(1), "sleep was never awaited"),
        (lambda ctx: ctx.awakeable(), "awakeable sign_1"),
    ],
)
def test_what_nobody_awaits_is_told(function: Callable[[Context], Any], text: str) -> None:
    async def go(ctx: Context) -> None:
        function(ctx)

    message = play(Service(go), "go").error.message
    assert text in message
    assert "was never awaited (tests/durable/test_nothing_vanishes.py:" in message


def test_a_promise_that_nobody_awaits_is_told() -> None:
    class Flow:
        async def run(self, ctx: WorkflowContext) -> None:
            ctx.promise("paid").get()

    message = play(Flow, "run", key="k").error.message
    assert "promise 'paid' was never awaited" in message


def test_an_awakeable_whose_id_went_elsewhere_is_told_in_tests() -> None:
    async def go(ctx: Context) -> str:
        return ctx.awakeable().id

    assert play(Service(go), "go").output.startswith(b'"sign_1')
    assert "was never awaited" in in_tests(go)


async def fails() -> None:
    raise TerminalError("declined")


async def one_result_is_left(ctx: Context) -> str:
    """By the time it returns, both are there."""
    ctx.run("charge", quick)
    await ctx.run("mail", quick)
    await asyncio.sleep(10)
    return "done"


def test_how_fast_a_step_is_decides_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """In production its work is done, and the handler's result counts."""
    message = in_tests(one_result_is_left)
    assert "run 'charge' was never awaited (tests/durable/test_nothing_vanishes.py:" in message
    caplog.clear()
    assert play(Service(one_result_is_left), "go").echo().feed(done(M.SLEEP_COMPLETION, 3)).output == b'"done"'
    (record,) = caplog.records
    assert "run 'charge' was never awaited" in record.getMessage()


def test_a_step_that_failed_unseen_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def go(ctx: Context) -> str:
        ctx.run("charge", fails)
        await ctx.run("mail", quick)
        await asyncio.sleep(10)
        return "done"

    assert play(Service(go), "go").echo().feed(done(M.SLEEP_COMPLETION, 3)).output == b'"done"'
    warning, error = caplog.records
    assert "run 'charge' was never awaited" in warning.getMessage()
    assert error.levelno == logging.ERROR
    assert "run 'charge' (tests/durable/test_nothing_vanishes.py:" in error.getMessage()
    assert error.exc_info is not None
    assert str(error.exc_info[1]) == "declined"


async def awaited_late(future: RunFuture[None]) -> None:
    await future


async def asked_for_its_result(future: RunFuture[None]) -> None:
    future.result()


async def asked_for_its_exception(future: RunFuture[None]) -> None:
    assert future.exception() is None


async def gathered_late(future: RunFuture[None]) -> None:
    await asyncio.gather(future)


async def waited_for_late(future: RunFuture[None]) -> None:
    await asyncio.wait([future])


async def timed_late(future: RunFuture[None]) -> None:
    await asyncio.wait_for(future, 1)


async def shielded_late(future: RunFuture[None]) -> None:
    await asyncio.shield(future)


@pytest.mark.parametrize(
    "look",
    [
        awaited_late,
        asked_for_its_result,
        asked_for_its_exception,
        gathered_late,
        waited_for_late,
        timed_late,
        shielded_late,
    ],
)
def test_a_result_that_is_looked_at_when_it_is_there_is_not_forgotten(look: Callable[[Any], Any]) -> None:
    async def go(ctx: Context) -> None:
        charged = ctx.run("charge", quick)
        await ctx.run("mail", quick)
        await asyncio.sleep(10)
        await look(charged)

    assert in_tests(go) == ""


def test_what_was_cancelled_before_it_came_is_not_forgotten() -> None:
    async def go(ctx: Context) -> None:
        ctx.run("charge", quick).cancel()
        await asyncio.sleep(10)

    assert in_tests(go) == ""


def test_a_call_whose_id_is_enough_is_not_forgotten() -> None:
    async def go(ctx: Context) -> None:
        await ctx.call_raw("Other", "go").cancel_invocation()

    played = play(Service(go), "go")
    played.feed(done_id(played))
    assert played.types[-1] == M.END


def done_id(played: Played) -> bytes:
    from tests.journals import called

    return called(played.one(M.CALL_COMMAND).invocation_id_notification_idx, "inv_1")


# ---------------------------------------------------------------- names and timers


def test_unnamed_tasks_are_numbered_in_each_attempt() -> None:
    async def go(ctx: Context) -> list[str]:
        tasks = [asyncio.current_task(), *(asyncio.create_task(quick()) for _ in range(2))]
        tasks.append(asyncio.create_task(quick(), name="own"))
        await asyncio.gather(*(task for task in tasks[1:] if task))
        return [task.get_name() for task in tasks if task]

    for _ in range(2):
        assert play(Service(go), "go").output == b'["Task-1","Task-2","Task-3","own"]'


async def order_of_delays(delays: list[float]) -> list[float]:
    loop, order, over = asyncio.get_running_loop(), list[float](), asyncio.Event()
    for delay in delays:
        loop.call_later(delay, order.append, delay)
    loop.call_later(max(0, *delays) + 0.001, over.set)
    loop.call_soon(order.append, 1000.0)
    await over.wait()
    return order


def test_what_is_due_comes_after_what_is_ready_in_the_order_of_its_time() -> None:
    delays = [0, -1, -2, 0]

    async def go(ctx: Context) -> list[float]:
        return await order_of_delays(list(delays))

    played = play(Service(go), "go").feed(done(M.SLEEP_COMPLETION, 1))
    assert played.output == b"[1000.0,-2,-1,0,0]"
    assert asyncio.run(order_of_delays(list(delays))) == [1000.0, -2, -1, 0, 0]


async def turns(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Two timers of one deadline, and what the first one calls soon."""
    trace: list[str] = []
    over = asyncio.Event()
    when = loop.time() + 0.01

    def first() -> None:
        trace.append("first")
        loop.call_soon(trace.append, "soon")
        loop.call_soon(over.set)

    loop.call_at(when, first)
    loop.call_at(when, trace.append, "second")
    await over.wait()
    return trace


def test_timers_of_one_deadline_fire_in_one_turn() -> None:
    async def go(ctx: Context) -> list[str]:
        return await turns(asyncio.get_running_loop())

    expected = asyncio.run(_here(turns))
    assert expected == ["first", "second", "soon"]
    for finished in ((1, 2), (2, 1)):
        played = play(Service(go), "go").feed(done(M.SLEEP_COMPLETION, finished[0]))
        assert played.output == b'["first","second","soon"]'


async def _here(function: Callable[[asyncio.AbstractEventLoop], Any]) -> Any:
    return await function(asyncio.get_running_loop())


def test_the_second_completion_of_one_deadline_changes_nothing() -> None:
    async def go(ctx: Context) -> float:
        await asyncio.gather(asyncio.sleep(1), asyncio.sleep(1))
        await asyncio.sleep(1)
        return asyncio.get_running_loop().time()

    completed = [done(M.SLEEP_COMPLETION, number) for number in (1, 2, 3)]
    assert play(Service(go), "go").feed(*completed).output == b"2.0"
    commands = [command(M.SLEEP_COMMAND, wake_up_time=1, result_completion_id=number) for number in (1, 2, 3)]
    recorded = [*commands[:2], completed[0], completed[1], commands[2], completed[2]]
    assert play(Service(go), "go", *recorded).output == b"2.0"


def test_a_timer_that_was_set_after_a_step_has_its_full_time() -> None:
    """The loop's clock stands still while the step takes its time; the earlier timer's end is not the later one's."""

    async def go(ctx: Context) -> list[str]:
        trace: list[str] = []

        async def early() -> None:
            await asyncio.sleep(2)
            trace.append("early")

        task = asyncio.create_task(early())
        await ctx.call_raw("Other", "takes 1.9 s")
        await asyncio.sleep(1)
        trace.append("late")
        await task
        return trace

    played = play(Service(go), "go")
    played.feed(done(M.CALL_COMPLETION, played.one(M.CALL_COMMAND).result_completion_id, b""))
    first, second = (each.result_completion_id for each in played.all(M.SLEEP_COMMAND))
    assert played.feed(done(M.SLEEP_COMPLETION, first), done(M.SLEEP_COMPLETION, second)).output == b'["early","late"]'
