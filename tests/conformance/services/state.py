"""Section 3 of the contract: objects that keep state."""

from __future__ import annotations

from dataclasses import dataclass

from restate_reflect import ObjectContext, ObjectSharedContext, State, TerminalError


@dataclass
class CounterUpdate:
    oldValue: int
    newValue: int


class Counter:
    """One integer."""

    counter = State(int, default=0)

    async def add(self, ctx: ObjectContext, amount: int) -> CounterUpdate:
        old = await ctx.get(self.counter)
        ctx.set(self.counter, old + amount)
        return CounterUpdate(old, old + amount)

    async def addThenFail(self, ctx: ObjectContext, amount: int) -> None:
        await self.add(ctx, amount)
        raise TerminalError(ctx.key)

    async def get(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get(self.counter)

    async def reset(self, ctx: ObjectContext) -> None:
        ctx.clear(self.counter)


class ListObject:
    """A list of strings."""

    items = State(list[str], default=[])

    async def append(self, ctx: ObjectContext, item: str) -> None:
        ctx.set(self.items, [*await ctx.get(self.items), item])

    async def get(self, ctx: ObjectContext) -> list[str]:
        return await ctx.get(self.items)

    async def clear(self, ctx: ObjectContext) -> list[str]:
        items = await ctx.get(self.items)
        ctx.clear(self.items)
        return items


@dataclass
class Entry:
    key: str
    value: str


class MapObject:
    """A state key for each entry."""

    async def set(self, ctx: ObjectContext, key: str, value: str) -> None:
        ctx.set(key, value)

    async def get(self, ctx: ObjectContext, key: str) -> str:
        return await ctx.get(key, str, default="")

    async def clearAll(self, ctx: ObjectContext) -> list[Entry]:
        entries = [Entry(key, await ctx.get(key, str, default="")) for key in await ctx.keys()]
        ctx.clear_all()
        return entries
