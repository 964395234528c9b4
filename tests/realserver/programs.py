"""Handlers made of the standard library's asyncio, and a record of what each attempt saw.

Order within an answer has a cause: in a relay each task waits for the one after it. Order that
comes from timers alone would depend on how busy the server is; it goes into the traces only,
which every attempt of an invocation has to repeat.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from restate_reflect import Context

TICK = 0.02


@dataclass
class Traces:
    """What the attempts of each invocation have seen, by invocation id."""

    by_invocation: defaultdict[str, list[list[str]]] = field(default_factory=lambda: defaultdict(list))

    def start(self, ctx: Context) -> Callable[[object], None]:
        """Begins the trace of one attempt; what it returns takes the events."""
        trace: list[str] = []
        self.by_invocation[ctx.request.id].append(trace)
        return lambda event: trace.append(str(event))


class Adder:
    """Is called by the programs."""

    async def add_one(self, ctx: Context, number: int) -> int:
        return number + 1


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


class Relay:
    """Tasks of which each waits for the next one: they end in reverse, each after a step."""

    def __init__(self, ctx: Context, runners: int, number: int, see: Callable[[object], None]) -> None:
        self.order: list[int] = []
        self._ctx, self._number, self._see = ctx, number, see
        self._turns = [asyncio.Event() for _ in range(runners)]
        self._turns[-1].set()

    async def runner(self, index: int) -> int:
        await self._turns[index].wait()
        doubled = await self._ctx.run(f"runner-{index}", double, self._number + index)
        self.order.append(index)
        self._see(index)
        self._turns[index - 1].set()
        return doubled


class Programs:
    """One handler per primitive; each answer follows from the number given."""

    def __init__(self) -> None:
        self.traces = Traces()

    async def gather(self, ctx: Context, number: int) -> list[Any]:
        see = self.traces.start(ctx)

        async def child(index: int) -> int:
            doubled = await ctx.run(f"double-{index}", double, number + index)
            see(("doubled", index))
            return await ctx.call(Adder.add_one, doubled)

        results = await asyncio.gather(child(0), asyncio.sleep(TICK, "slept"), child(1))
        failed = await asyncio.gather(ctx.run("double", double, number), self._fails(), return_exceptions=True)
        see(results)
        return [*results, failed[0], str(failed[1])]

    async def task_group(self, ctx: Context, number: int) -> list[Any]:
        see = self.traces.start(ctx)
        relay = Relay(ctx, 3, number, see)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(relay.runner(index)) for index in range(3)]
        cancelled: list[int] = []
        try:
            async with asyncio.TaskGroup() as group:
                for index in range(5):
                    group.create_task(self._until_cancelled(index, cancelled, see))
                group.create_task(self._fails(TICK))
        except* ValueError as failures:
            see(failures.exceptions)
        return [relay.order, [task.result() for task in tasks], cancelled]

    async def timeout(self, ctx: Context, number: int) -> list[Any]:
        see = self.traces.start(ctx)
        outcome: list[Any] = []
        try:
            async with asyncio.timeout(TICK):
                await ctx.awakeable(int)
        except TimeoutError:
            outcome.append("late")
        see("timed out")
        async with asyncio.timeout(60):
            outcome.append(await ctx.call(Adder.add_one, number))
        try:
            await asyncio.wait_for(asyncio.Event().wait(), TICK)
        except TimeoutError:
            outcome.append("nobody")
        see(outcome)
        return outcome

    async def queue(self, ctx: Context, number: int) -> list[Any]:
        see = self.traces.start(ctx)
        items: asyncio.Queue[int | None] = asyncio.Queue(maxsize=1)
        taken: list[Any] = []

        async def produce() -> None:
            for index in range(3):
                await items.put(await ctx.run(f"make-{index}", double, number + index))
            await items.put(None)

        producer = asyncio.create_task(produce())
        while (item := await items.get()) is not None:
            see(item)
            taken.append(await ctx.call(Adder.add_one, item))
        await producer
        return taken

    async def wait(self, ctx: Context, number: int) -> list[Any]:
        see = self.traces.start(ctx)
        relay = Relay(ctx, 4, number, see)
        order: list[list[int]] = []
        waiting = {asyncio.create_task(relay.runner(index)) for index in range(4)}
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            order.append([task.result() for task in done])
            see(order)
        naps = {asyncio.create_task(asyncio.sleep(TICK * (index % 2), index)) for index in range(4)}
        first, late = await asyncio.wait(naps, return_when=asyncio.FIRST_COMPLETED)
        see([nap.result() for nap in first])
        rest, _ = await asyncio.wait(late)
        done_in_time, still = await asyncio.wait({ctx.awakeable(int)}, timeout=TICK)
        return [order, sorted(nap.result() for nap in first | rest), len(done_in_time), len(still)]

    async def as_completed(self, ctx: Context, number: int) -> list[Any]:
        see = self.traces.start(ctx)
        relay = Relay(ctx, 4, number, see)
        tasks = [asyncio.create_task(relay.runner(index)) for index in range(4)]
        order = [await finished for finished in asyncio.as_completed(tasks)]
        naps = [asyncio.create_task(asyncio.sleep(TICK, index)) for index in range(4)]
        for nap in asyncio.as_completed(naps):
            see(await nap)
        calls = [ctx.call(Adder.add_one, number + index) for index in range(3)]
        came = [result async for result in ctx.as_completed(calls)]
        see(came)
        return [order, sorted(came)]

    async def primitives(self, ctx: Context, number: int) -> list[Any]:
        see = self.traces.start(ctx)
        ready, lock, turns = asyncio.Event(), asyncio.Lock(), list[int]()

        async def child(index: int) -> None:
            await ready.wait()
            async with lock:
                turns.append(await ctx.run(f"turn-{index}", double, index))
                see(turns)

        children = [asyncio.create_task(child(index)) for index in range(4)]
        await ctx.sleep(TICK / 2, name="before the start")
        ready.set()
        await asyncio.gather(*children)
        return [turns, await asyncio.shield(ctx.call(Adder.add_one, number))]

    async def _fails(self, delay: float = 0) -> None:
        await asyncio.sleep(delay)
        raise ValueError("as planned")

    async def _until_cancelled(self, index: int, cancelled: list[int], see: Callable[[object], None]) -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(index)
            see(("cancelled", index))
            raise


EXPECTED: dict[str, Callable[[int], list[Any]]] = {
    "gather": lambda n: [2 * n + 1, "slept", 2 * n + 3, 2 * n, "as planned"],
    "task_group": lambda n: [[2, 1, 0], [2 * n, 2 * n + 2, 2 * n + 4], [0, 1, 2, 3, 4]],
    "timeout": lambda n: ["late", n + 1, "nobody"],
    "queue": lambda n: [2 * n + 1, 2 * n + 3, 2 * n + 5],
    "wait": lambda n: [[[2 * n + 6], [2 * n + 4], [2 * n + 2], [2 * n]], [0, 1, 2, 3], 0, 1],
    "as_completed": lambda n: [[2 * n + 6, 2 * n + 4, 2 * n + 2, 2 * n], [n + 1, n + 2, n + 3]],
    "primitives": lambda n: [[0, 2, 4, 6], n + 1],
}
"""Handler name to the answer for a number."""
