"""Services that the client tests call."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    TerminalError,
    WorkflowContext,
    WorkflowSharedContext,
    handler,
)


class Item(BaseModel):
    sku: str
    qty: int = 1


class Desk:
    """A plain service."""

    async def price(self, ctx: Context, item: Item) -> float:
        return 2.5 * item.qty

    def join(self, ctx: Context, left: str, right: str = "!", *, times: int = 1) -> str:
        return (left + right) * times

    async def nothing(self, ctx: Context) -> None:
        return None

    async def blob(self, ctx: Context, data: bytes) -> bytes:
        return data[::-1]

    async def fail(self, ctx: Context, message: str, code: int) -> int:
        raise TerminalError(message, code=code, metadata={"sku": "a-1"})

    async def fail_late(self, ctx: Context, message: str, code: int) -> int:
        await asyncio.sleep(0.2)
        raise TerminalError(message, code=code)

    async def header(self, ctx: Context, name: str) -> str | None:
        return ctx.request.headers.get(name)

    async def headers(self, ctx: Context) -> list[str]:
        return sorted(ctx.request.headers)

    async def wait_for_awakeable(self, ctx: Context, desk: str) -> int:
        awakeable = ctx.awakeable(int)
        ctx.send(Shelf.note, awakeable.id, key=desk)
        return await awakeable

    async def sleep(self, ctx: Context, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "rested"

    @handler(ingress_private=True)
    async def hidden(self, ctx: Context) -> str:
        return "secret"


class Shelf:
    """A virtual object."""

    async def add(self, ctx: ObjectContext, n: int) -> int:
        total = await ctx.get("n", int, default=0) + n
        ctx.set("n", total)
        return total

    async def total(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get("n", int, default=0)

    async def note(self, ctx: ObjectContext, text: str) -> None:
        ctx.set("note", text)

    async def noted(self, ctx: ObjectSharedContext) -> str | None:
        return await ctx.get("note", str)

    async def key_of(self, ctx: ObjectSharedContext) -> str:
        return ctx.key


class Approval:
    """A workflow."""

    async def run(self, ctx: WorkflowContext, item: Item, note: str = "") -> str:
        approved = await ctx.promise("approved", bool)
        return f"{item.sku}:{approved}{note}"

    async def approve(self, ctx: WorkflowSharedContext, yes: bool) -> None:
        await ctx.promise("approved", bool).resolve(yes)
