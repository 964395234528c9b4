"""Handlers with branches: the crash matrix raises no false alarm, and still finds what is wrong.

Steps take random real time, so branches go on in another order in every run.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from restate_reflect import Context, ObjectContext
from restate_reflect.durable.guards import Guard
from restate_reflect.errors import HandlerBugError
from restate_reflect.testing import Divergence, Durable

Node = list[Any]


async def slow(name: str) -> str:
    await asyncio.sleep(random.choice([0, 0, 0.0002, 0.001]))
    return name


def plain(name: str) -> str:
    time.sleep(random.choice([0, 0.0005]))
    return name


class Ledger:
    async def book(self, ctx: ObjectContext, amount: int) -> int:
        balance = await ctx.get("balance", int, default=0) + amount
        ctx.set("balance", balance)
        await ctx.run("audit", slow, f"{amount}")
        return balance


class Branches:
    """Runs a program: a tree of branches whose leaves are steps, timers and calls."""

    async def go(self, ctx: Context, program: Node) -> None:
        await getattr(self, f"_{program[0]}")(ctx, *program[1:])

    async def _step(self, ctx: Context, name: str) -> None:
        assert await ctx.run(name, slow, name) == name

    async def _plain(self, ctx: Context, name: str) -> None:
        assert await ctx.run(name, plain, name) == name

    async def _sleep(self, ctx: Context, seconds: int) -> None:
        await ctx.sleep(seconds)

    async def _call(self, ctx: Context, key: str, amount: int) -> None:
        await ctx.call(Ledger.book, amount, key=key)

    async def _send(self, ctx: Context, key: str, amount: int) -> None:
        ctx.send(Ledger.book, amount, key=key)

    async def _seq(self, ctx: Context, parts: list[Node]) -> None:
        for part in parts:
            await self.go(ctx, part)

    async def _gather(self, ctx: Context, parts: list[Node]) -> None:
        await asyncio.gather(*(self.go(ctx, part) for part in parts))

    async def _group(self, ctx: Context, parts: list[Node]) -> None:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(self.go(ctx, part))

    async def _workers(self, ctx: Context, number: int, items: list[Node]) -> None:
        """Which worker gets which item depends on who is done first."""
        queue: asyncio.Queue[Node] = asyncio.Queue()
        for item in items:
            queue.put_nowait(item)

        async def work() -> None:
            while not queue.empty():
                await self.go(ctx, queue.get_nowait())

        await asyncio.gather(*(work() for _ in range(number)))

    async def _race(self, ctx: Context, parts: list[Node], winner: str) -> None:
        """What is done next depends on who wins, and the losers never finish."""
        tasks = [asyncio.create_task(self.go(ctx, part)) for part in parts]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        first = min(tasks.index(task) for task in done)
        await ctx.run(f"{winner} {first}", slow, str(first))
        await ctx.call(Ledger.book, first, key=f"{winner} {first}")

    async def _limit(self, ctx: Context, seconds: int, part: Node) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.go(ctx, part)
        except TimeoutError:
            await ctx.run("too late", slow, "")


NAMES = st.sampled_from(["a", "b", "c"])
LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.tuples(st.just("step"), NAMES).map(list),
    st.tuples(st.just("plain"), NAMES).map(list),
    st.tuples(st.just("sleep"), st.integers(0, 2)).map(list),
    st.tuples(st.sampled_from(["call", "send"]), NAMES, st.integers(1, 3)).map(list),
)


def inner(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(children, min_size=2, max_size=3)
    return st.one_of(
        st.tuples(st.sampled_from(["seq", "gather", "group"]), several).map(list),
        st.tuples(st.just("workers"), st.just(2), several).map(list),
        st.tuples(st.just("race"), several, NAMES).map(list),
        st.tuples(st.just("limit"), st.integers(1, 2), children).map(list),
    )


PROGRAMS = st.recursive(LEAVES, inner, max_leaves=6)


@pytest.mark.slow
@given(PROGRAMS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_correct_branches_raise_no_alarm(program: Node) -> None:
    """Whatever is gathered, grouped, raced or limited: every disturbed run is accepted."""
    durable = Durable(max_crashes=30)

    async def scenario() -> None:
        env = await durable(Branches, Ledger)
        await env.call(Branches.go, program)

    durable.run(scenario)


def test_a_fan_out_is_disturbed_everywhere() -> None:
    """Three branches of three steps each that overtake one another; sums are the same in every run."""
    durable = Durable(max_crashes=500)
    parts = [["seq", [["step", f"{branch}{step}"] for step in range(3)] + [["call", "k", 1]]] for branch in "xyz"]

    async def scenario() -> None:
        env = await durable(Branches, Ledger)
        await env.call(Branches.go, ["gather", parts])
        assert env.state(Ledger, "k").get("balance", int) == 3
        assert env.executions("audit") >= 3

    durable.run(scenario)
    assert durable.runs > 40


# ---------------------------------------------------------------- what must be found


class Item:
    """Hashed by its address, so a set of these has another order in every attempt."""

    def __init__(self, name: str) -> None:
        self.name = name


class Clock:
    """Goes on by a second whenever somebody looks: attempts later than the first see later times."""

    time = 0

    @classmethod
    def now(cls) -> int:
        cls.time += 1
        return cls.time


class Wrong:
    """Each handler has a branch as it should be, and beside it one that is not durable."""

    async def _beside(self, ctx: Context, other: Coroutine[Any, Any, None]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._right(ctx))
            group.create_task(other)

    async def _right(self, ctx: Context) -> None:
        for number in range(3):
            await ctx.run(f"right {number}", slow, "")

    async def chance(self, ctx: Context) -> None:
        async def branch() -> None:
            await ctx.run("begin", slow, "")
            await ctx.run(f"step {random.random()}", slow, "")

        await self._beside(ctx, branch())

    async def set_order(self, ctx: Context) -> None:
        async def branch() -> None:
            for item in {Item(f"item {number}") for number in random.sample(range(8), 8)}:
                await ctx.run(item.name, slow, "")

        await self._beside(ctx, branch())

    async def wall_clock(self, ctx: Context) -> None:
        async def branch() -> None:
            await ctx.run("begin", slow, "")
            ctx.send(Ledger.book, Clock.now(), key="a")

        await self._beside(ctx, branch())

    async def skipped_step(self, ctx: Context) -> None:
        async def branch() -> None:
            await ctx.run("begin", slow, "")
            if Clock.now() < 2:
                await ctx.run("extra", slow, "")
            await ctx.run("end", slow, "")

        await self._beside(ctx, branch())

    async def skipped_at_the_end(self, ctx: Context) -> None:
        async def branch() -> None:
            await ctx.run("begin", slow, "")
            if Clock.now() < 2:
                ctx.send(Ledger.book, 1, key="a")

        await self._beside(ctx, branch())


@pytest.mark.parametrize(
    "handler", [Wrong.chance, Wrong.set_order, Wrong.wall_clock, Wrong.skipped_step, Wrong.skipped_at_the_end]
)
def test_a_branch_that_is_not_durable_is_found(handler: Callable[[Wrong, Context], Coroutine[Any, Any, None]]) -> None:
    """Also beside a branch that overtakes it; the message names the command or the line."""
    durable = Durable(max_crashes=500)

    async def scenario() -> None:
        Clock.time = 0
        env = await durable(Wrong, Ledger, guard=Guard.OFF)  # which would tell of chance first
        await env.call(handler)

    with pytest.raises((Divergence, HandlerBugError), match=r"not durable|journal mismatch"):
        durable.run(scenario)


def test_an_invocation_that_gets_stuck_is_found() -> None:
    """Nobody waits for it, and undisturbed it ends."""

    class Fragile:
        attempts = 0

        async def go(self, ctx: Context) -> None:
            Fragile.attempts += 1
            await asyncio.gather(ctx.run("a", slow, ""), ctx.run("b", slow, ""))
            if Fragile.attempts > 1:
                raise RuntimeError("works once only")

    durable = Durable(max_crashes=500)

    async def scenario() -> None:
        Fragile.attempts = 0
        env = await durable(Fragile, retries=True)
        await env.send(Fragile.go)
        await env.settle()

    with pytest.raises(Divergence, match=r"(?s)undisturbed: (output|completed).*disturbed:   (nothing|backing-off)"):
        durable.run(scenario)


def test_a_counter_of_somebody_else_may_count_repeated_steps() -> None:
    """A step whose result was lost is executed again, and then gives the next number: at least once is the rule."""

    class Till:
        def __init__(self) -> None:
            self.receipts = 0

        def receipt(self) -> int:
            self.receipts += 1
            return self.receipts

        async def sell(self, ctx: Context) -> int:
            first = await ctx.run("receipt", self.receipt)
            return await ctx.run("receipt", self.receipt) - first

    durable = Durable(max_crashes=500)

    async def scenario() -> None:
        env = await durable(Till)
        assert await env.call(Till.sell) >= 1

    durable.run(scenario)
