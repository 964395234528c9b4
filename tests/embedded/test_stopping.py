"""Cancel, kill, pause, resume, purge."""

from __future__ import annotations

import asyncio

import pytest

from restate_reflect import Context, InvocationCancelledError, ObjectContext, TerminalError
from restate_reflect.embedded import InvocationNotFoundError, Reply, Runtime, Status
from tests.embedded.running import asynchronous, decoded, runtime_with


class Sleeper:
    def __init__(self) -> None:
        self.log: list[str] = []

    async def sleep(self, ctx: Context) -> str:
        try:
            await asyncio.sleep(3600)
        except InvocationCancelledError:
            self.log.append("sleeper")
            raise
        return "slept"

    async def careful(self, ctx: Context) -> str:
        try:
            await asyncio.sleep(3600)
        except InvocationCancelledError:
            await ctx.run("compensate", self.compensate)
            return "compensated"
        return "slept"

    async def compensate(self) -> None:
        self.log.append("compensated")


class Parent:
    async def call(self, ctx: Context) -> str:
        return await ctx.call(Sleeper.sleep)

    async def send(self, ctx: Context) -> str:
        ctx.send(Sleeper.sleep)
        await asyncio.sleep(7200)
        return "sent"


class Held:
    async def hold(self, ctx: ObjectContext) -> None:
        await asyncio.sleep(3600)

    async def quick(self, ctx: ObjectContext) -> str:
        return "quick"


def child_of(runtime: Runtime, parent: str) -> str:
    (child,) = [each.id for each in runtime.invocations() if each.parent == parent]
    return child


@pytest.mark.parametrize("suspended", [False, True])
@asynchronous
async def test_cancellation_reaches_the_callee_first(suspended: bool) -> None:
    """Implicit cancellation: the callee is cancelled, its failure ends the caller."""
    sleeper = Sleeper()
    async with await runtime_with(Parent, sleeper, auto_skip=False, force_suspension=suspended) as runtime:
        parent = runtime.send("Parent", "call").invocation.id
        await runtime.settle()
        assert runtime.cancel(parent) is Reply.APPENDED
        await runtime.settle()
        outcome, child = runtime.output(parent), runtime.output(child_of(runtime, parent))
        assert outcome is not None
        assert child is not None
        assert outcome.failure is not None
        assert child.failure is not None
        assert (outcome.failure.code, child.failure.code) == (409, 409)
        assert sleeper.log == ["sleeper"]


@asynchronous
async def test_a_handler_may_compensate_and_succeed() -> None:
    sleeper = Sleeper()
    async with await runtime_with(sleeper, auto_skip=False) as runtime:
        id_ = runtime.send("Sleeper", "careful").invocation.id
        runtime.cancel(id_)
        await runtime.settle()
        outcome = runtime.output(id_)
        assert outcome is not None
        assert decoded(outcome) == "compensated"
        assert sleeper.log == ["compensated"]


@pytest.mark.parametrize("operation, message", [("cancel", "canceled"), ("kill", "killed")])
@asynchronous
async def test_one_that_has_not_begun_ends_at_once_and_leaves_nothing(operation: str, message: str) -> None:
    async with await runtime_with(Sleeper(), Held, auto_skip=False) as runtime:
        scheduled = runtime.send("Sleeper", "sleep", delay=60).invocation.id
        runtime.send("Held", "hold", key="a")
        waiting = asyncio.ensure_future(runtime.invoke("Held", "quick", key="a"))
        await runtime.settle()
        (inboxed,) = [each.id for each in runtime.invocations() if each.status is Status.INBOXED]
        for id_ in (scheduled, inboxed):
            assert getattr(runtime, operation)(id_) is Reply.DONE
            with pytest.raises(InvocationNotFoundError):
                runtime.invocation(id_)
        assert (await waiting).failure == TerminalError(message, 409)
        assert runtime.next_timer() is not None


@pytest.mark.parametrize("handler", ["call", "send"])
@asynchronous
async def test_kill_ends_the_whole_tree_without_asking(handler: str) -> None:
    sleeper = Sleeper()
    async with await runtime_with(Parent, sleeper, auto_skip=False) as runtime:
        parent = runtime.send("Parent", handler).invocation.id
        await runtime.settle()
        child = child_of(runtime, parent)
        assert runtime.kill(parent) is Reply.DONE
        for id_ in (parent, child):
            outcome = runtime.output(id_)
            assert outcome is not None
            assert outcome.failure == TerminalError("killed", 409)
        assert sleeper.log == []
        assert runtime.kill(parent) is Reply.ALREADY_COMPLETED
        assert runtime.next_timer() is None


@asynchronous
async def test_killing_the_holder_lets_the_next_one_in() -> None:
    async with await runtime_with(Held, auto_skip=False) as runtime:
        holder = runtime.send("Held", "hold", key="a").invocation.id
        waiting = asyncio.ensure_future(runtime.invoke("Held", "quick", key="a"))
        await runtime.settle()
        runtime.kill(holder)
        assert decoded(await waiting) == "quick"


@asynchronous
async def test_a_paused_invocation_waits_for_resume() -> None:
    """The attempt in progress suspends first."""
    async with await runtime_with(Sleeper(), auto_skip=False) as runtime:
        id_ = runtime.send("Sleeper", "sleep").invocation.id
        await runtime.settle()
        assert runtime.pause(id_) is Reply.APPENDED
        assert runtime.pause(id_) is Reply.DONE
        await runtime.advance(7200)
        assert runtime.invocation(id_).status is Status.PAUSED
        assert runtime.resume(id_) is Reply.DONE
        await runtime.settle()
        outcome = runtime.output(id_)
        assert outcome is not None
        assert decoded(outcome) == "slept"
        assert runtime.pause(id_) is Reply.NOT_RUNNING
        assert runtime.resume(id_) is Reply.ALREADY_COMPLETED


@asynchronous
async def test_a_suspended_invocation_stays_suspended() -> None:
    async with await runtime_with(Sleeper(), auto_skip=False, force_suspension=True) as runtime:
        id_ = runtime.send("Sleeper", "sleep").invocation.id
        await runtime.settle()
        assert runtime.pause(id_) is Reply.DONE
        assert runtime.invocation(id_).status is Status.SUSPENDED
        await runtime.advance(3600)
        outcome = runtime.output(id_)
        assert outcome is not None
        assert decoded(outcome) == "slept"


@asynchronous
async def test_cancelling_a_paused_invocation_resumes_it() -> None:
    sleeper = Sleeper()
    async with await runtime_with(sleeper, auto_skip=False) as runtime:
        id_ = runtime.send("Sleeper", "careful").invocation.id
        await runtime.settle()
        runtime.pause(id_)
        runtime.cancel(id_)
        await runtime.settle()
        assert sleeper.log == ["compensated"]


@asynchronous
async def test_only_what_is_completed_can_be_purged() -> None:
    async with await runtime_with(Held, auto_skip=False) as runtime:
        holder = runtime.send("Held", "hold", key="a").invocation.id
        done = (await runtime.invoke("Held", "quick", key="b")).invocation_id
        assert runtime.purge(holder) is Reply.NOT_COMPLETED
        assert runtime.purge_journal(done) is Reply.DONE
        assert runtime.journal(done) == []
        assert runtime.output(done) is not None
        assert runtime.purge(done) is Reply.DONE
        assert runtime.purge(done) is Reply.NOT_FOUND


@asynchronous
async def test_closing_the_runtime_interrupts_whoever_waits() -> None:
    runtime = await runtime_with(Sleeper(), auto_skip=False)
    waiting = asyncio.ensure_future(runtime.invoke("Sleeper", "sleep"))
    await runtime.settle()
    runtime.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
