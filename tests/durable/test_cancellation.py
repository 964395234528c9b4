"""Cancellation: at every kind of await, of callees, and what can be done after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from restate_reflect import Context, InvocationCancelledError, TerminalError, WorkflowContext
from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import CANCEL, V5, V6, V7, M, called, done, inv, play, signal

log: list[str] = []


@pytest.fixture(autouse=True)
def _empty() -> None:
    log.clear()


class Callee:
    async def work(self, ctx: Context, n: int) -> str:
        raise AssertionError("not run here")


async def forever() -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        log.append("body cancelled")
        raise


async def wait_all(ctx: WorkflowContext) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(1))
        group.create_task(asyncio.sleep(2))


async def with_timeout(ctx: WorkflowContext) -> None:
    async with asyncio.timeout(10):
        await ctx.sleep(100)


async def with_wait_for(ctx: WorkflowContext) -> None:
    await asyncio.wait_for(ctx.sleep(100), 10)


async def first_of(ctx: WorkflowContext) -> None:
    done_, _ = await asyncio.wait([ctx.sleep(1), ctx.sleep(2)], return_when="FIRST_COMPLETED")
    done_.pop().result()


async def served_event(ctx: WorkflowContext) -> None:
    ready = asyncio.Event()

    async def serve() -> None:
        await ctx.sleep(1)
        ready.set()

    task = asyncio.create_task(serve())
    await ready.wait()
    await task


async def served_queue(ctx: WorkflowContext) -> None:
    queue: asyncio.Queue[None] = asyncio.Queue()

    async def serve() -> None:
        await ctx.sleep(1)
        queue.put_nowait(None)

    task = asyncio.create_task(serve())
    await queue.get()
    await task


async def nested_task(ctx: WorkflowContext) -> None:
    async def inner() -> None:
        await asyncio.create_task(asyncio.sleep(1))

    await asyncio.create_task(inner())


AWAITS: dict[str, Callable[[WorkflowContext], Any]] = {
    "ctx.sleep": lambda ctx: ctx.sleep(1),
    "asyncio.sleep": lambda ctx: asyncio.sleep(1),
    "call": lambda ctx: ctx.call(Callee.work, 1),
    "call id": lambda ctx: ctx.call(Callee.work, 1).invocation_id,
    "send id": lambda ctx: ctx.send(Callee.work, 1),
    "run": lambda ctx: ctx.run("forever", forever),
    "awakeable": lambda ctx: ctx.awakeable(),
    "promise": lambda ctx: ctx.promise("p"),
    "peek": lambda ctx: ctx.promise("p").peek(),
    "resolve": lambda ctx: ctx.promise("p").resolve(1),
    "signal": lambda ctx: ctx.signal("s"),
    "state": lambda ctx: ctx.get("k"),
    "keys": lambda ctx: ctx.keys(),
    "attach": lambda ctx: ctx.attach(inv(0)),
    "output": lambda ctx: ctx.output(inv(0)),
    "gather": lambda ctx: asyncio.gather(ctx.sleep(1), ctx.awakeable()),
    "TaskGroup": wait_all,
    "timeout": with_timeout,
    "wait_for": with_wait_for,
    "wait": first_of,
    "shield": lambda ctx: asyncio.shield(ctx.sleep(1)),
    "Event": served_event,
    "Queue": served_queue,
    "nested task": nested_task,
}


class Flow:
    def __init__(self, make: Callable[[WorkflowContext], Any] = AWAITS["ctx.sleep"]) -> None:
        self.make = make

    async def run(self, ctx: WorkflowContext) -> str:
        try:
            await self.make(ctx)
        except InvocationCancelledError as error:
            return f"cancelled {error.code}"
        except ExceptionGroup as group:
            return "cancelled group" if group.split(InvocationCancelledError)[1] is None else "mixed group"
        return "not cancelled"


@pytest.mark.parametrize("version", [V5, V6, V7])
@pytest.mark.parametrize("name", list(AWAITS))
def test_every_await_raises_it(name: str, version: ProtocolVersion) -> None:
    played = play(Flow(AWAITS[name]), "run", key="k", version=version, others=[Callee])
    assert played.waits
    played.feed(CANCEL)
    if name == "call" or name == "call id":
        played.feed(called(1, "inv_callee"))
    assert played.output in (b'"cancelled 409"', b'"cancelled group"')


@pytest.mark.parametrize("name", list(AWAITS))
def test_every_await_raises_it_on_replay(name: str) -> None:
    """The cancel signal is in the journal; the last attempt got as far as its output."""
    first = play(Flow(AWAITS[name]), "run", key="k", others=[Callee]).feed(CANCEL)
    if name == "call" or name == "call id":
        first.feed(called(1, "inv_callee"))
    assert first.sink.ended
    assert first.again().types == [M.END]


def test_a_running_body_is_cancelled() -> None:
    play(Flow(AWAITS["run"]), "run", key="k").feed(CANCEL)
    assert log == ["body cancelled"]


def test_uncaught_it_ends_the_invocation_with_409() -> None:
    class Naive:
        async def go(self, ctx: Context) -> None:
            await ctx.sleep(1)

    assert play(Naive, "go").feed(CANCEL).failure == (409, "cancelled")


def test_uncaught_in_a_task_group_it_ends_the_invocation_with_409() -> None:
    class Naive:
        async def go(self, ctx: Context) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(1))
                group.create_task(asyncio.sleep(1))

    assert play(Naive, "go").feed(CANCEL).failure == (409, "cancelled")


class Caller:
    async def three(self, ctx: Context) -> str:
        calls = [ctx.call(Callee.work, n) for n in range(3)]
        ctx.send(Callee.work, 9)
        try:
            await asyncio.gather(*calls)
        except TerminalError as error:
            return str(error)
        return "done"

    async def compensates(self, ctx: Context) -> str:
        try:
            await ctx.sleep(100)
        except InvocationCancelledError:
            undone = await ctx.call(Callee.work, 7)
            await ctx.sleep(1)
            return f"undone {undone}"
        return "done"

    async def ignores(self, ctx: Context) -> list[str]:
        seen = []
        for n in range(2):
            try:
                await ctx.sleep(n + 1)
                seen.append("slept")
            except InvocationCancelledError:
                seen.append("cancelled")
        return seen

    async def retries_event(self, ctx: Context) -> str:
        """Blocks on something that nobody serves, once the cancellation was caught."""
        stuck = asyncio.Event()
        helper = asyncio.create_task(asyncio.sleep(50))
        try:
            await stuck.wait()
        except InvocationCancelledError:
            return f"freed {helper.done()}"
        return "done"

    async def swallows_then_blocks(self, ctx: Context) -> None:
        try:
            await ctx.sleep(1)
        except InvocationCancelledError:
            await asyncio.Event().wait()


def test_pending_callees_are_cancelled_first_and_answered_ones_are_not() -> None:
    played = play(Caller, "three", others=[Callee])
    played.feed(called(1, "inv_a"), called(3, "inv_b"), called(5, "inv_c"), called(7, "inv_sent"))
    played.feed(done(M.CALL_COMPLETION, 4, b'"ok"'), CANCEL)
    cancelled = [message.target_invocation_id for message in played.all(M.SEND_SIGNAL_COMMAND)]
    assert cancelled == ["inv_a", "inv_c"]
    assert {message.idx for message in played.all(M.SEND_SIGNAL_COMMAND)} == {1}
    assert played.output == b'"cancelled"'


def test_a_callees_id_that_has_not_come_is_waited_for() -> None:
    """Nothing is raised before every callee can be cancelled, whatever else comes meanwhile."""
    played = play(Caller, "three", others=[Callee])
    played.feed(called(1, "inv_a"), CANCEL)
    assert M.SEND_SIGNAL_COMMAND not in played.types
    played.feed(called(5, "inv_c"), done(M.CALL_COMPLETION, 4, b'"ok"'))
    assert M.SEND_SIGNAL_COMMAND not in played.types
    played.feed(called(3, "inv_b"))
    assert [m.target_invocation_id for m in played.all(M.SEND_SIGNAL_COMMAND)] == ["inv_a", "inv_b", "inv_c"]
    assert played.output == b'"cancelled"'


def test_waiting_for_a_callees_id_suspends_on_just_that() -> None:
    played = play(Caller, "three", CANCEL, others=[Callee], eof=True)
    assert played.suspended_on == [1, 3, 5]
    following = played.again(called(1, "a"), called(3, "b"), called(5, "c"), eof=True)
    assert following.output == b'"cancelled"'


def test_cancelling_replays_from_every_prefix() -> None:
    """Ids are taken out of turn, so attempts that saw more of the journal must not decide otherwise."""
    first = play(Caller, "three", others=[Callee])
    first.feed(CANCEL, done(M.CALL_COMPLETION, 2, b'"ok"'), called(5, "c"), called(3, "b"), called(1, "a"))
    first._store_written()
    whole = first.stored
    assert [m.target_invocation_id for m in first.all(M.SEND_SIGNAL_COMMAND)] == ["a", "b", "c"]
    for cut in range(1, len(whole) + 1):
        following = play(Caller, "three", *whole[1:cut], others=[Callee])
        for entry in whole[cut:]:
            if entry[0] & 0x80:
                following.feed(entry)
        assert following.types[-1] == M.END


def test_compensation_may_call_and_wait() -> None:
    played = play(Caller, "compensates", others=[Callee]).feed(CANCEL)
    played.feed(
        called(2, inv(0)),
        done(M.CALL_COMPLETION, 3, b'"7"'),
        done(M.SLEEP_COMPLETION, 4),
    )
    assert played.output == b'"undone 7"'


def test_compensation_survives_suspension() -> None:
    first = play(Caller, "compensates", others=[Callee], eof=False).feed(CANCEL).eof()
    assert first.suspended_on == [3]
    second = first.again(called(2, inv(0)), done(M.CALL_COMPLETION, 3, b'"7"'), eof=True)
    assert second.suspended_on == [4]
    assert second.again(done(M.SLEEP_COMPLETION, 4)).output == b'"undone 7"'


def test_it_is_raised_once() -> None:
    """Whoever catches it and goes on is not disturbed again; nor by a second cancel signal."""
    played = play(Caller, "ignores").feed(CANCEL, CANCEL)
    assert played.waits
    assert played.feed(done(M.SLEEP_COMPLETION, 2)).output == b'["cancelled","slept"]'


def test_it_arrives_before_the_handler_waits_at_all() -> None:
    assert play(Caller, "ignores", CANCEL).feed(done(M.SLEEP_COMPLETION, 2)).output == b'["cancelled","slept"]'


def test_a_handler_that_never_waits_is_not_cancelled() -> None:
    class Quick:
        async def go(self, ctx: Context) -> str:
            ctx.send(Callee.work, 1)
            return "done"

    assert play(Quick, "go", CANCEL, others=[Callee]).output == b'"done"'


def test_it_frees_a_handler_that_is_left_blocked() -> None:
    assert play(Caller, "retries_event").feed(CANCEL).output == b'"freed True"'


def test_blocking_for_ever_after_it_is_told_once_more_then_a_deadlock() -> None:
    played = play(Caller, "swallows_then_blocks").feed(CANCEL)
    assert played.failure == (409, "cancelled")


def test_a_cancelled_child_can_be_cancelled_before_its_owner() -> None:
    """asyncio's own cancellation and Restate's do not get in each other's way."""

    class Mixed:
        async def go(self, ctx: Context) -> str:
            task = asyncio.create_task(asyncio.sleep(100))
            await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                log.append("local")
            try:
                await ctx.awakeable()
            except InvocationCancelledError:
                return "cancelled"
            return "done"

    assert play(Mixed, "go").feed(CANCEL).output == b'"cancelled"'
    assert log == ["local"]


def test_cancelling_a_call_locally_leaves_the_callee_alone() -> None:
    class Local:
        async def go(self, ctx: Context) -> str:
            call = ctx.call(Callee.work, 1)
            call.cancel()
            await ctx.signal("go")
            return "done"

    played = play(Local, "go", others=[Callee]).feed(signal("go"))
    assert M.SEND_SIGNAL_COMMAND not in played.types
    assert played.output == b'"done"'
