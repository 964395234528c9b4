"""What a whole crash matrix costs: the test of a ten-step handler, as the ``durable`` fixture runs it.

    python benchmarks/crash_matrix.py

24 runs of the scenario each time (undisturbed, suspended at every await, a crash after each of the 22 entries),
with a new environment for each run; the median of 30, wall clock. Goal: under 50 ms.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from restate_reflect import Context
from restate_reflect.testing import Durable, Environment

ROUNDS = 30


class Bench:
    """Ten steps one after the other, and ten at once."""

    async def ten(self, ctx: Context, n: int) -> int:
        for index in range(10):
            n = await ctx.run(f"step {index}", step, n)
        return n

    async def fan_out(self, ctx: Context, n: int) -> int:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._branch(ctx, index, n)) for index in range(5)]
        return sum(task.result() for task in tasks)

    async def _branch(self, ctx: Context, index: int, n: int) -> int:
        n = await ctx.run(f"first {index}", step, n)
        return await ctx.run(f"second {index}", step, n)


async def step(n: int) -> int:
    return n + 1


async def ten_steps(env: Environment) -> None:
    assert await env.call(Bench.ten, 0) == 10


async def fan_out(env: Environment) -> None:
    assert await env.call(Bench.fan_out, 0) == 10


def matrix(check: Callable[[Environment], Awaitable[None]]) -> tuple[float, int]:
    """Seconds for one matrix, and its runs."""
    durable = Durable(max_crashes=500)

    async def scenario() -> None:
        await check(await durable(Bench))

    begin = time.perf_counter()
    durable.run(scenario)
    return time.perf_counter() - begin, durable.runs


def main() -> None:
    for check in (ten_steps, fan_out):
        matrix(check)  # warm: classes are read once per process
        taken, runs = zip(*(matrix(check) for _ in range(ROUNDS)), strict=True)
        low, middle, high = min(taken), statistics.median(taken), max(taken)
        print(
            f"{check.__name__:10} {runs[0]} runs: {middle * 1000:.1f} ms median"
            f" ({low * 1000:.1f} to {high * 1000:.1f}, of {ROUNDS})"
        )


if __name__ == "__main__":
    main()
