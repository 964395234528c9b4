"""Suspension: what is waited for, as a flat list (V5, V6) and as a tree (V7), and what is told while waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from restate_reflect import Context, InvocationCancelledError, WorkflowContext
from restate_reflect.durable.guards import Guard
from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import CANCEL, V5, V6, V7, M, Played, called, done, given_input, inv, play, signal, tree

FIRST, ALL = "FIRST_COMPLETED", "ALL_SUCCEEDED_OR_FIRST_FAILED"


class Callee:
    async def work(self, ctx: Context) -> str:
        raise AssertionError("not run here")


async def some_tasks(ctx: WorkflowContext) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(1))
        group.create_task(_await(ctx.awakeable()))


async def timeout(ctx: WorkflowContext) -> None:
    async with asyncio.timeout(5):
        await ctx.signal("s")


async def gather_in_task(ctx: WorkflowContext) -> None:
    await asyncio.gather(_await(ctx.sleep(1)), _await(ctx.sleep(2)))


async def gather_beside_task(ctx: WorkflowContext) -> None:
    task = asyncio.create_task(asyncio.sleep(9))
    await asyncio.gather(ctx.sleep(1), ctx.sleep(2))
    await task


async def _await(awaitable: Any) -> Any:
    return await awaitable


# For each await: the leaves of V5 and V6, and the tree of V7 without the cancel signal, which is in both until used up.
AWAITS: dict[str, tuple[Callable[[WorkflowContext], Any], list[int | str], Any]] = {
    "sleep": (lambda ctx: ctx.sleep(1), [1], ([1], [])),
    "asyncio.sleep": (lambda ctx: asyncio.sleep(1), [1], ([1], [])),
    "call": (lambda ctx: ctx.call(Callee.work), [2], ([2], [])),
    "call id": (lambda ctx: ctx.call(Callee.work).invocation_id, [1], ([1], [])),
    "send id": (lambda ctx: ctx.send(Callee.work), [1], ([1], [])),
    "awakeable": (lambda ctx: ctx.awakeable(), ["#17"], (["#17"], [])),
    "signal": (lambda ctx: ctx.signal("s"), ["s"], (["s"], [])),
    "promise": (lambda ctx: ctx.promise("p"), [1], ([1], [])),
    "peek": (lambda ctx: ctx.promise("p").peek(), [1], ([1], [])),
    "resolve": (lambda ctx: ctx.promise("p").resolve(1), [1], ([1], [])),
    "state": (lambda ctx: ctx.get("k"), [1], ([1], [])),
    "keys": (lambda ctx: ctx.keys(), [1], ([1], [])),
    "attach": (lambda ctx: ctx.attach(inv(0)), [1], ([1], [])),
    "output": (lambda ctx: ctx.output(inv(0)), [1], ([1], [])),
    "gather": (
        lambda ctx: asyncio.gather(ctx.sleep(1), ctx.awakeable(), ctx.signal("s")),
        [1, "#17", "s"],
        ([], [(ALL, [1, "#17", "s"], [])]),
    ),
    "gather of one": (lambda ctx: asyncio.gather(ctx.sleep(1)), [1], ([1], [])),
    "gather of tasks": (gather_in_task, [1, 2], ([1, 2], [])),
    "gather beside a task": (gather_beside_task, [1, 2, 3], ([1, 2, 3], [])),
    "wait": (lambda ctx: asyncio.wait([ctx.sleep(1), ctx.sleep(2)]), [1, 2], ([1, 2], [])),
    "TaskGroup": (some_tasks, [1, "#17"], ([1, "#17"], [])),
    "timeout": (timeout, [1, "s"], ([1, "s"], [])),
    "wait_for": (lambda ctx: asyncio.wait_for(ctx.sleep(9), 5), [1, 2], ([1, 2], [])),
}


class Flow:
    def __init__(self, name: str) -> None:
        self.make = AWAITS[name][0]

    async def run(self, ctx: WorkflowContext) -> None:
        await self.make(ctx)


def with_cancel(leaves: list[int | str]) -> list[int | str]:
    """Numbers, then signal indexes, then names, as the message's fields are listed."""
    numbers = [leaf for leaf in leaves if isinstance(leaf, int)]
    indexes = [leaf for leaf in leaves if isinstance(leaf, str) and leaf.startswith("#")]
    names = [leaf for leaf in leaves if isinstance(leaf, str) and not leaf.startswith("#")]
    return [*numbers, *indexes, "#1", *names]


@pytest.mark.parametrize("version", [V5, V6])
@pytest.mark.parametrize("name", list(AWAITS))
def test_request_response_suspends_at_every_await_with_its_leaves(name: str, version: ProtocolVersion) -> None:
    """The request has ended before the handler starts: what it waits for can't come in this attempt."""
    played = play(Flow(name), "run", others=[Callee], version=version, eof=True)
    assert played.sink.ended
    assert sorted(map(str, played.suspended_on)) == sorted(map(str, [*AWAITS[name][1], "#1"]))
    assert not played.one(M.SUSPENSION).HasField("awaiting_on")


@pytest.mark.parametrize("name", list(AWAITS))
def test_v7_suspends_with_a_tree(name: str) -> None:
    """A gather wakes the handler when all are there, or one has failed; anything else when something is there."""
    leaves, nested = AWAITS[name][2]
    played = play(Flow(name), "run", others=[Callee], version=V7, eof=True)
    message = played.one(M.SUSPENSION)
    assert tree(message.awaiting_on) == (FIRST, with_cancel(leaves), nested)
    assert not list(message.waiting_completions)


@pytest.mark.parametrize("name", list(AWAITS))
def test_v7_tells_what_it_awaits_once(name: str) -> None:
    """``AwaitingOn`` is a hint for the server's operators; it changes when the await does."""
    leaves, nested = AWAITS[name][2]
    played = play(Flow(name), "run", others=[Callee], version=V7)
    assert tree(played.one(M.AWAITING_ON).awaiting_on) == (FIRST, with_cancel(leaves), nested)
    played.feed(signal("unrelated"))
    assert len(played.all(M.AWAITING_ON)) == 1
    assert played.waits


@pytest.mark.parametrize("name", list(AWAITS))
def test_nothing_is_told_before_v7(name: str) -> None:
    assert M.AWAITING_ON not in play(Flow(name), "run", others=[Callee], version=V6).types


@pytest.mark.parametrize("name", list(AWAITS))
def test_suspending_late_equals_suspending_early(name: str) -> None:
    """Whether the request ends with the journal or while the handler waits, it is the same suspension."""
    early = play(Flow(name), "run", others=[Callee], version=V6, eof=True)
    late = play(Flow(name), "run", others=[Callee], version=V6).eof()
    assert bytes(late.sink.data) == bytes(early.sink.data)


def test_a_tree_shrinks_as_results_come() -> None:
    played = play(Flow("gather"), "run", version=V7).feed(done(M.SLEEP_COMPLETION, 1)).eof()
    assert tree(played.one(M.SUSPENSION).awaiting_on) == (FIRST, ["#1"], [(ALL, ["#17", "s"], [])])


def test_v7_tells_again_when_the_await_changes() -> None:
    class Two:
        async def go(self, ctx: Context) -> None:
            await ctx.sleep(1)
            await ctx.sleep(2)

    played = play(Two, "go", version=V7).feed(done(M.SLEEP_COMPLETION, 1))
    assert [tree(m.awaiting_on) for m in played.all(M.AWAITING_ON)] == [(FIRST, [1, "#1"], []), (FIRST, [2, "#1"], [])]


def test_v7_tells_nothing_while_a_step_executes() -> None:
    gate = asyncio.Event()

    class Step:
        async def go(self, ctx: Context) -> None:
            await asyncio.gather(ctx.run("wait", gate.wait), ctx.sleep(1))

    played = play(Step, "go", version=V7)
    assert M.AWAITING_ON not in played.types
    gate.set()
    played.finish_runs()
    assert tree(played.one(M.AWAITING_ON).awaiting_on) == (FIRST, ["#1"], [(ALL, [1, 2], [])])


@pytest.mark.parametrize("version", [V6, V7])
def test_the_cancel_signal_is_awaited_until_it_is_used_up(version: ProtocolVersion) -> None:
    class Stubborn:
        async def go(self, ctx: Context) -> None:
            try:
                await ctx.sleep(1)
            except InvocationCancelledError:
                await ctx.sleep(2)

    played = play(Stubborn, "go", CANCEL, version=version, eof=True)
    message = played.one(M.SUSPENSION)
    found = tree(message.awaiting_on)[1] if version == 7 else played.suspended_on
    assert found == [2]


def test_a_step_executes_even_if_the_request_has_ended() -> None:
    class Step:
        async def go(self, ctx: Context) -> int:
            return await ctx.run("one", _one)

    played = play(Step, "go", eof=True)
    assert played.types == [M.RUN_COMMAND, M.PROPOSE_RUN_COMPLETION, M.SUSPENSION]
    following = played.again(done(M.RUN_COMPLETION, 1, b"1"), eof=True)
    assert following.output == b"1"


async def _one() -> int:
    return 1


def test_request_response_needs_one_request_per_result() -> None:
    class Three:
        async def go(self, ctx: Context) -> str:
            return f"{await ctx.call(Callee.work)} {await ctx.awakeable()} {await ctx.signal('s')}"

    first = play(Three, "go", others=[Callee], eof=True)
    second = first.again(called(1, inv(0)), done(M.CALL_COMPLETION, 2, b'"a"'), eof=True)
    third = second.again(signal(17, b'"b"'), eof=True)
    fourth = third.again(signal("s", b'"c"'), eof=True)
    assert [played.types[-1] for played in (first, second, third, fourth)] == [M.SUSPENSION] * 3 + [M.END]
    assert fourth.output == b'"a b c"'


def test_draining_suspends_instead_of_waiting() -> None:
    """The endpoint shuts down; the server resumes the invocation elsewhere."""
    played = play(Flow("sleep"), "run")
    played.attempt.drain()
    assert played.suspended_on == [1, "#1"]


def test_an_attempt_whose_journal_arrives_while_draining_suspends_too() -> None:
    played = Played(Flow("sleep"), "run", V6, (), Guard.OFF)
    played.environment.draining = True
    assert played.begin([given_input()]).suspended_on == [1, "#1"]


def test_interrupting_and_aborting_end_the_attempt() -> None:
    interrupted, aborted = play(Flow("sleep"), "run"), play(Flow("sleep"), "run")
    interrupted.attempt.interrupt("shutting down")
    assert interrupted.error.message == "shutting down"
    assert interrupted.error.code == 503
    aborted.attempt.abort("connection lost")
    assert aborted.types == [M.SLEEP_COMMAND]
    assert not aborted.environment.attempts
    aborted.feed(done(M.SLEEP_COMPLETION, 1))
    assert aborted.types == [M.SLEEP_COMMAND]


class Wide:
    """Waits for many results at once."""

    async def gather(self, ctx: Context) -> int:
        return len(await asyncio.gather(*(ctx.awakeable() for _ in range(3000))))

    async def tasks(self, ctx: Context) -> int:
        async with asyncio.TaskGroup() as group:
            for _ in range(3000):
                group.create_task(_await(ctx.awakeable()))
        return 3000


@pytest.mark.parametrize("handler", ["gather", "tasks"])
@pytest.mark.parametrize("version", [V6, V7])
def test_a_wide_wait_costs_the_same_for_each_result(handler: str, version: ProtocolVersion) -> None:
    """Results that come one by one: 0.1 ms each, where looking at all the others took 70 ms; and few trees are told."""
    played = play(Wide, handler, version=version)
    began = time.process_time()
    for index in range(3000):
        played.attempt.receive(signal(17 + index, b"1"))
    assert played.output == b"3000"
    assert time.process_time() - began < 5
    assert len(played.sink.data) < 500_000


def test_a_small_tree_is_told_at_every_change() -> None:
    async def go(self: object, ctx: Context) -> None:
        await asyncio.gather(*(ctx.awakeable() for _ in range(10)))

    played = play(type("Narrow", (), {"go": go}), "go", version=V7)
    for index in range(9):
        played.feed(signal(17 + index, b"1"))
    assert len(played.all(M.AWAITING_ON)) == 10
