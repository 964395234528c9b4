"""On virtual time too, a step takes as long as it takes: deadlines around it end it as they would on a server."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from restate_reflect import Context
from restate_reflect.server import RestateServer
from restate_reflect.testing import TestEnvironment
from restate_reflect.testing._server_environment import ServerEnvironment

ended: list[str] = []


async def slow() -> str:
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        ended.append("cancelled")
        raise
    return "slow"


async def quick() -> str:
    return "quick"


class Impatient:
    async def within(self, ctx: Context) -> str:
        try:
            async with asyncio.timeout(0.3):
                return await ctx.run("slow", slow)
        except TimeoutError:
            return "timed out"

    async def waits(self, ctx: Context) -> str:
        try:
            return await asyncio.wait_for(ctx.run("slow", slow), 0.3)
        except TimeoutError:
            return "timed out"

    async def first(self, ctx: Context) -> str:
        tasks: list[asyncio.Future[Any]] = [ctx.run("slow", slow), ctx.sleep(0.2)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return "slow" if tasks[0] in done else "sleep"

    async def twice(self, ctx: Context) -> str:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.1)
                ticks += 1

        ticking = asyncio.create_task(tick())
        racing: list[asyncio.Future[Any]] = [ctx.run("slow", slow), ctx.sleep(0.35)]
        await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
        ticking.cancel()
        return str(ticks)

    async def exact(self, ctx: Context) -> float:
        before = await ctx.now()
        await ctx.run("quick", quick)
        await ctx.sleep(3600)
        return ((await ctx.now()) - before).total_seconds()


async def outcome(handler: str) -> object:
    async with TestEnvironment(Impatient) as env:
        return await env.call(getattr(Impatient, handler))


def test_a_deadline_ends_before_a_step_that_takes_longer() -> None:
    """Not after it: the step would have to take its 30 seconds."""
    began = time.monotonic()
    found = {name: asyncio.run(outcome(name)) for name in ("within", "waits", "first", "twice")}
    assert found == {"within": "timed out", "waits": "timed out", "first": "sleep", "twice": "3"}
    assert time.monotonic() - began < 25
    assert "cancelled" in ended


def test_restate_server_ends_them_alike(restate_server: RestateServer) -> None:
    async def on_server() -> dict[str, object]:
        async with ServerEnvironment(Impatient, server=restate_server) as env:
            return {name: await env.call(getattr(Impatient, name)) for name in ("within", "waits", "first", "twice")}

    assert asyncio.run(on_server()) == {"within": "timed out", "waits": "timed out", "first": "sleep", "twice": "3"}


def test_a_step_that_ends_before_any_timer_moves_no_time() -> None:
    assert asyncio.run(outcome("exact")) == 3600.0
