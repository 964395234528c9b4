"""What a profile-guided build watches: every kind of invocation, the common ones most (see ``hatch_build.py``).

    python -m benchmarks.training

Code that does not run here is compiled for size and put aside, so that the tour below matters as much as the
benchmark's own workloads: it is what other programs do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta
from typing import Final

from pydantic import BaseModel

from benchmarks.in_process import Replayed, record, services_core
from benchmarks.peers.ours import Echo
from benchmarks.workloads import WORKLOADS
from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    TerminalError,
    WorkflowContext,
    WorkflowSharedContext,
)
from restate_reflect.embedded import Outcome, Runtime, RuntimeSettings, VirtualClock
from restate_reflect.protocol.versions import ProtocolVersion

REPETITIONS: Final = 300
TOURS: Final = 20


class Stop(BaseModel):
    """One model that most handlers read or write."""

    name: str
    visits: int = 0


class Diary:
    """State of a virtual object."""

    async def write(self, ctx: ObjectContext, stop: Stop) -> int:
        visits = await ctx.get(stop.name, int, default=0) + 1
        ctx.set(stop.name, visits)
        if visits % 5 == 0:
            ctx.clear(stop.name)
        return visits

    async def read(self, ctx: ObjectSharedContext) -> list[Stop]:
        return [Stop(name=key, visits=await ctx.get(key, int, default=0)) for key in await ctx.keys()]


class Trip:
    """A workflow that waits for a promise."""

    async def run(self, ctx: WorkflowContext, stop: Stop) -> str:
        ctx.set("stop", stop)
        return await ctx.promise("ticket", str)

    async def board(self, ctx: WorkflowSharedContext, ticket: str) -> None:
        await ctx.promise("ticket", str).resolve(ticket)


class Tour:
    """Steps, calls, timers and awakeables: one after the other, at once, and such that fail."""

    async def go(self, ctx: Context, stops: list[Stop]) -> list[Stop]:
        for stop in stops:
            stop.visits = await ctx.run("look", look, stop.name)
            stop.visits += await ctx.call(Diary.write, stop, key=stop.name)
        await asyncio.gather(*(self._visit(ctx, stop) for stop in stops))
        with suppress(TerminalError):
            await ctx.run("refused", refuse)
        ctx.send(Diary.write, stops[0], key="late", delay=timedelta(seconds=1))
        return stops

    async def _visit(self, ctx: Context, stop: Stop) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(1))
            group.create_task(_finish(ctx.run("count", count, stop.name)))
        with suppress(TimeoutError):
            await asyncio.wait_for(ctx.awakeable(str), 1)

    async def refused(self, ctx: Context, stop: Stop) -> None:
        raise TerminalError(f"{stop.name} is closed", code=403)


async def _finish(awaitable: Awaitable[object]) -> None:
    await awaitable


async def look(name: str) -> int:
    return len(name)


def count(name: str) -> int:
    """A plain function: runs in a thread."""
    return len(name)


async def refuse() -> None:
    raise TerminalError("closed")


async def watch_workloads() -> None:
    """Those of the benchmark."""
    for workload in (WORKLOADS[name] for name in ("greet", "add", "steps", "calls")):
        recording = await record(workload, REPETITIONS)
        replayed = Replayed(recording, services_core())
        await replayed.open()
        await replayed.run()


async def watch_tours(settings: RuntimeSettings) -> None:
    """Everything else, on the embedded runtime."""
    body = b'[{"name":"Oslo"},{"name":"Rome"}]'
    async with Runtime(None, VirtualClock(auto_skip=True), settings=settings) as runtime:
        await runtime.deploy(Tour(), Diary(), Trip(), Echo())
        for number in range(TOURS):
            _require(await runtime.invoke("Tour", "go", body))
            _require(await runtime.invoke("Tour", "refused", b'{"name":"Oslo"}'), code=403)
            _require(await runtime.invoke("Tour", "go", b'[{"name":3}]'), code=400)
            _require(await runtime.invoke("Diary", "read", b"", key="Oslo"))
            key = f"trip {number}"
            waiting = runtime.send("Trip", "run", b'{"name":"Oslo"}', key=key)
            _require(await runtime.invoke("Trip", "board", b'"A4"', key=key))
            _require(await runtime.attach(waiting.invocation.id))
        # More than a frame holds, and than a window admits.
        _require(await runtime.invoke("Echo", "echo", bytes(200_000)))
        await runtime.settle()


def _require(outcome: Outcome, code: int | None = None) -> None:
    """A profile of handlers that fail would be no use."""
    if (outcome.failure.code if outcome.failure else None) != code:
        raise RuntimeError(f"{outcome} where code {code} was expected")


async def main() -> None:
    await watch_workloads()
    for version in (ProtocolVersion.V5, ProtocolVersion.V6, ProtocolVersion.V7):
        for suspending in (False, True):
            await watch_tours(RuntimeSettings(force_suspension=suspending, max_protocol_version=version))


if __name__ == "__main__":
    asyncio.run(main())
