"""Handlers that raise what is no ``Exception``, wherever code of a user runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from restate_reflect import Context

__all__ = ["PLACES", "RAISED", "RUDE", "Rude"]


class Odd(BaseException):
    """Somebody's own."""


RAISED: Final[dict[str, type[BaseException]]] = {
    each.__name__: each for each in (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, Odd)
}


def rude(name: str) -> Any:
    raise RAISED[name]


async def rude_later(name: str) -> None:
    await asyncio.sleep(0)
    rude(name)


def returns_awaitable(name: str) -> Awaitable[None]:
    return rude_later(name)


class Codec:
    """Of a user's own."""

    content_type = "text/plain"

    def encode(self, value: str) -> bytes:
        return value.encode() if value == "" else rude(value)

    def decode(self, data: bytes) -> str:
        return rude(data.decode()) if data else ""

    def json_schema(self, mode: str) -> None:
        return None


class Rude:
    """Each handler raises in another place; ``wait`` is what must not notice."""

    async def wait(self, ctx: Context, name: str) -> str:
        return name + await ctx.signal("go", str)

    async def handler(self, ctx: Context, name: str) -> None:
        rude(name)

    def plain(self, ctx: Context, name: str) -> None:
        rude(name)

    async def turn(self, ctx: Context, name: str) -> None:
        await rude_later(name)

    async def thread(self, ctx: Context, name: str) -> None:
        await ctx.run("step", rude, name)

    async def step(self, ctx: Context, name: str) -> None:
        await ctx.run("step", rude_later, name)

    async def awaitable(self, ctx: Context, name: str) -> None:
        await ctx.run("step", returns_awaitable, name)

    async def task(self, ctx: Context, name: str) -> None:
        await asyncio.create_task(rude_later(name))

    async def group(self, ctx: Context, name: str) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(rude_later(name))

    async def gathered(self, ctx: Context, name: str) -> None:
        await asyncio.gather(rude_later(name), asyncio.sleep(1000))

    async def callback(self, ctx: Context, name: str) -> None:
        asyncio.get_running_loop().call_soon(rude, name)
        await asyncio.sleep(1000)

    async def cleanup(self, ctx: Context, name: str) -> None:
        try:
            await ctx.run("step", rude_later, "ValueError")  # a KeyError, which ends the attempt
        finally:
            rude(name)

    async def read(self, ctx: Context, name: Annotated[str, BeforeValidator(rude)]) -> None: ...

    async def read_by_codec(self, ctx: Context, name: Annotated[str, Codec()]) -> None: ...

    async def written(self, ctx: Context, name: str) -> Annotated[str, Codec()]:
        return name

    async def step_written(self, ctx: Context, name: str) -> None:
        await ctx.options(type=Annotated[str, Codec()]).run("step", str, name)


PLACES: Final = sorted(name for name in vars(Rude) if not name.startswith("_") and name != "wait")

RUDE: Final = "tests.hostile.rude:Rude"
"""As the command line names it."""
