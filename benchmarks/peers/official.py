"""The benchmark's services with the official Python SDK (``restate_sdk``)."""

from __future__ import annotations

import restate
from pydantic import BaseModel


class Greeting(BaseModel):
    name: str


class Reply(BaseModel):
    message: str


greeter = restate.Service("Greeter")
counter = restate.VirtualObject("Counter")
steps = restate.Service("Steps")
calls = restate.Service("Calls")


@greeter.handler()
async def greet(ctx: restate.Context, greeting: Greeting) -> Reply:
    return Reply(message=f"Hello {greeting.name}")


@counter.handler()
async def add(ctx: restate.ObjectContext, amount: int) -> int:
    total = (await ctx.get("count", type_hint=int) or 0) + amount
    ctx.set("count", total)
    return total


async def step(number: int) -> int:
    return number


@steps.handler("ten")
async def ten_steps(ctx: restate.Context, greeting: Greeting) -> int:
    total = 0
    for number in range(10):
        total += await ctx.run_typed("step", step, number=number)
    return total


@calls.handler("ten")
async def ten_calls(ctx: restate.Context, greeting: Greeting) -> int:
    length = 0
    for _ in range(10):
        length += len((await ctx.service_call(greet, arg=greeting)).message)
    return length


app = restate.app([greeter, counter, steps, calls])
