"""The benchmark's services with the official Python SDK (``restate_sdk``)."""

# mypy: disable-error-code="import-not-found, untyped-decorator, no-any-return"
# pyright: reportMissingImports=false, reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# The SDK is installed in the environment of the peers, not in that of the type checkers.

from __future__ import annotations

from datetime import timedelta

import restate
from pydantic import BaseModel
from restate.serde import BytesSerde


class Greeting(BaseModel):
    name: str


class Reply(BaseModel):
    message: str


greeter = restate.Service("Greeter")
counter = restate.VirtualObject("Counter")
steps = restate.Service("Steps")
calls = restate.Service("Calls")
echoes = restate.Service("Echo")
waiting = restate.Service("Waiting")


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


@echoes.handler(input_serde=BytesSerde(), output_serde=BytesSerde())
async def echo(ctx: restate.Context, body: bytes) -> bytes:
    return body


@waiting.handler()
async def hour(ctx: restate.Context, greeting: Greeting) -> None:
    await ctx.sleep(timedelta(hours=1))


app = restate.app([greeter, counter, steps, calls, echoes, waiting])
