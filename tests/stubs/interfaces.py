"""Interfaces written by hand: they know the wire, not the implementation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from restate_reflect import Context, ObjectContext, ObjectSharedContext, service


@dataclass
class Part:
    name: str


class Bin(Protocol):
    async def put(self, ctx: ObjectContext, part: Part) -> int: ...

    async def content(self, ctx: ObjectSharedContext) -> list[str]: ...


@service(name="acme.Workshop")
class Workshop(ABC):
    @abstractmethod
    async def sizes(self, ctx: Context, names: list[str]) -> dict[str, str]: ...


class Foreman:
    """Calls the others without their code."""

    async def fill(self, ctx: Context, bin: str, names: list[str]) -> list[str]:
        for name in names:
            await ctx.call(Bin.put, Part(name), key=bin)
        sizes = await ctx.call(Workshop.sizes, names)
        return [f"{name}:{sizes[name]}" for name in await ctx.call(Bin.content, key=bin)]
