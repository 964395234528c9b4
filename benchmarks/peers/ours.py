"""The benchmark's services with restate_reflect."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from restate_reflect import Context, ObjectContext, handler


class Greeting(BaseModel):
    name: str


class Reply(BaseModel):
    message: str


class Greeter:
    async def greet(self, ctx: Context, greeting: Greeting) -> Reply:
        return Reply(message=f"Hello {greeting.name}")


class Counter:
    async def add(self, ctx: ObjectContext, amount: int) -> int:
        total = await ctx.get("count", int, default=0) + amount
        ctx.set("count", total)
        return total


async def step(number: int) -> int:
    return number


class Steps:
    async def ten(self, ctx: Context, greeting: Greeting) -> int:
        total = 0
        for number in range(10):
            total += await ctx.run("step", step, number)
        return total


class Calls:
    async def ten(self, ctx: Context, greeting: Greeting) -> int:
        length = 0
        for _ in range(10):
            length += len((await ctx.call(Greeter.greet, greeting)).message)
        return length


class Echo:
    @handler(max_input_bytes=64 << 20)
    async def echo(self, ctx: Context, body: bytes) -> bytes:
        return body


class Waiting:
    async def hour(self, ctx: Context, greeting: Greeting) -> None:
        await asyncio.sleep(3600)
