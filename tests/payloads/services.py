"""Services with a payload in every position, and what they need."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, Final

from restate_reflect import (
    Context,
    ObjectContext,
    WorkflowContext,
    WorkflowSharedContext,
)
from restate_reflect.payloads import ClaimCheck, Encrypt, Zstd

SECRET: Final = "hidden-from-the-server"
"""In every payload that handlers make: it must not be found in what the server stores."""

KEYS: Final = {"old": b"o" * 32, "new": b"n" * 32}

LARGE: Final = SECRET * 40


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that is run once, on an event loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


class MemoryStore:
    """What a claim check keeps, in memory; slow enough that others go on meanwhile."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.puts = 0
        self.failures = 0
        """How many of the next puts fail."""

    async def put(self, digest: str, data: bytes, /) -> None:
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise OSError("the disk is full")
        self.puts += 1
        self.kept[digest] = data

    async def get(self, digest: str, /) -> bytes:
        await asyncio.sleep(0)
        return self.kept[digest]


def encrypting(*names: str) -> list[Any]:
    return [Zstd(min_bytes=64), Encrypt({name: KEYS[name] for name in names})]


def claiming() -> list[Any]:
    """With a cache too small for anything, so that all is read from the store."""
    return [Zstd(min_bytes=64), Encrypt({"old": KEYS["old"]}), ClaimCheck(MemoryStore(), above=90, cache_bytes=0)]


CHAINS: Final[dict[str, Callable[[], list[Any]]]] = {
    "compressed": lambda: [Zstd(min_bytes=64)],
    "encrypted": lambda: encrypting("old"),
    "claimed": claiming,
}


async def secret(suffix: str) -> str:
    return SECRET + suffix


async def nothing() -> None:
    """A step without result."""


class Upper:
    async def up(self, ctx: Context, text: str) -> str:
        return text.upper()

    async def two(self, ctx: Context, first: str, second: bytes) -> bytes:
        return first.encode() + second

    async def raw(self, ctx: Context, body: bytes) -> bytes:
        return body[::-1]

    async def void(self, ctx: Context) -> None:
        """No input and no output."""

    async def maybe(self, ctx: Context, text: str | None) -> str | None:
        return text

    async def encoded(self, ctx: Context) -> str:
        """An output that is encoded for whoever calls with an encoded input, though there is none."""
        return await ctx.run("secret", secret, "")


class Cart:
    """An object with state, plain, large and empty."""

    async def fill(self, ctx: ObjectContext, items: list[str]) -> list[str | None]:
        ctx.set("items", [*items, SECRET])
        ctx.set("large", LARGE)
        ctx.set("nothing", None)
        ctx.set("raw", b"\x00\xf5\xffpay1" + SECRET.encode())
        await ctx.sleep(1)
        again = await ctx.get("items", list[str])
        assert await ctx.get("raw", bytes) == b"\x00\xf5\xffpay1" + SECRET.encode()
        ctx.set("items", again)
        return [*(again or []), await ctx.get("nothing", str | None), *await ctx.keys()]

    async def look(self, ctx: ObjectContext) -> str:
        large = await ctx.get("large", str)
        return f"{len(large or '')} {await ctx.get('items', list[str])}"


class Everything:
    """Each position once, in one handler."""

    async def run(self, ctx: Context, name: str) -> dict[str, Any]:
        step = await ctx.run("secret", secret, name)
        await ctx.run("nothing", nothing)
        large = await ctx.run("large", secret, LARGE)
        up = await ctx.call(Upper.up, step)
        two = await ctx.call(Upper.two, step, b"\x00\xff")
        raw = await ctx.call(Upper.raw, b"\x00\xf5\xffpay1" + SECRET.encode())
        await ctx.call(Upper.void)
        maybe = await ctx.call(Upper.maybe, None)
        sent = ctx.send(Upper.up, large)
        attached = await sent.attach()
        other = ctx.send(Waiter.waits, name)
        awakeable = await ctx.call(Waiter.told, name)
        ctx.resolve_awakeable(awakeable, SECRET)
        waited = await other.attach()
        return {
            "step": step == SECRET + name,
            "up": up == step.upper(),
            "two": two == step.encode() + b"\x00\xff",
            "raw": raw == (b"\x00\xf5\xffpay1" + SECRET.encode())[::-1],
            "maybe": maybe is None,
            "attached": attached == large.upper(),
            "waited": waited == SECRET,
        }


class Waiter:
    """Waits for an awakeable, whose id it tells through a step."""

    def __init__(self) -> None:
        self.ids: dict[str, asyncio.Future[str]] = {}

    def _id(self, name: str) -> asyncio.Future[str]:
        return self.ids.setdefault(name, asyncio.get_running_loop().create_future())

    async def waits(self, ctx: Context, name: str) -> str:
        awakeable = ctx.awakeable(str)

        async def tell() -> None:
            if not self._id(name).done():
                self._id(name).set_result(awakeable.id)

        await ctx.run("tell", tell)
        return await awakeable

    async def told(self, ctx: Context, name: str) -> str:
        async def wait() -> str:
            return await self._id(name)

        return await ctx.run("wait", wait)


class Signup:
    """A workflow with promises and a signal."""

    async def run(self, ctx: WorkflowContext, name: str) -> str:
        verified = await ctx.promise("verified", str)
        return f"{name} {verified == SECRET}"

    async def verify(self, ctx: WorkflowSharedContext, code: str) -> str | None:
        before = await ctx.promise("verified", str).peek()
        await ctx.promise("verified", str).resolve(code)
        return before


ALL: Final = (Upper, Cart, Everything, Waiter, Signup)
