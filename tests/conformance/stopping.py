"""Services for tests of shutdown; steps note in a file when they start, finish or are cancelled."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from restate_reflect import Context, ObjectContext


class Steps:
    """Each takes its time."""

    async def run(self, ctx: Context, name: str, seconds: float, notes: str) -> str:
        async def work() -> str:
            note(notes, f"{name} started")
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                note(notes, f"{name} cancelled")
                raise
            note(notes, f"{name} finished")
            return name

        return await ctx.run("work", work)


class Waits:
    """Waits for a signal."""

    async def wait(self, ctx: ObjectContext) -> str:
        ctx.set("waiting", True)
        await ctx.signal("go on", str)
        return "went on"

    async def go_on(self, ctx: ObjectContext, invocation: str) -> None:
        ctx.resolve_signal(invocation, "go on", "now")


class Mixed:
    """A bit of everything, to be interrupted anywhere."""

    async def add(self, ctx: ObjectContext, amount: int) -> int:
        old = await ctx.get("total", int) or 0
        await ctx.sleep(0.02)
        ctx.set("total", old + amount)
        await ctx.options(type=Any).run("work", asyncio.sleep, 0.01)
        await asyncio.gather(ctx.sleep(0.01), ctx.call(Mixed.echo, amount, key=f"{ctx.key}-echo"))
        return old + amount

    async def echo(self, ctx: ObjectContext, amount: int) -> int:
        return amount

    async def total(self, ctx: ObjectContext) -> int:
        return await ctx.get("total", int) or 0


def note(file: str, line: str) -> None:
    with Path(file).open("a") as lines:
        lines.write(f"{line}\n")
