"""Handlers called directly, with a context that only remembers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from restate_reflect import Context, ObjectContext, TerminalError
from restate_reflect.testing import FakeContext


class Stock:
    async def reserve(self, ctx: ObjectContext, quantity: int) -> int:
        stock = await ctx.get("stock", int, default=0)
        if stock < quantity:
            raise TerminalError("sold out", 409)
        ctx.set("stock", stock - quantity)
        return stock - quantity


async def charge(amount: int) -> str:
    return f"charge of {amount}"


class Shop:
    async def buy(self, ctx: Context, quantity: int) -> str:
        left = await ctx.call(Stock.reserve, quantity, key="tea")
        ctx.send(Stock.reserve, 0, key="tea", delay=timedelta(days=1))
        await ctx.sleep(60)
        return f"{await ctx.run('charge', charge, left)}"

    async def approve(self, ctx: Context) -> str:
        return await ctx.awakeable(str)


def test_state_is_a_dictionary_of_plain_values() -> None:
    """It is given, read and changed without codecs."""
    ctx = FakeContext(key="tea", state={"stock": 3})
    assert asyncio.run(Stock().reserve(ctx, 2)) == 1
    assert ctx.state == {"stock": 1}


def test_calls_are_answered_and_everything_is_remembered() -> None:
    """Calls by method; sends, steps and sleeps only leave a trace."""
    ctx = FakeContext(answers={Stock.reserve: 7})
    assert asyncio.run(Shop().buy(ctx, 1)) == "charge of 7"
    assert [(call.args, call.key) for call in ctx.calls] == [((1,), "tea")]
    assert [send.delay for send in ctx.sends] == [timedelta(days=1)]
    assert (ctx.steps, ctx.slept) == (["charge"], [60.0])


def test_an_answer_can_be_a_failure_or_a_function() -> None:
    """As the callee would."""
    failing = FakeContext(answers={Stock.reserve: TerminalError("sold out", 409)})
    with pytest.raises(TerminalError, match="sold out"):
        asyncio.run(Shop().buy(failing, 1))
    computing = FakeContext(answers={Stock.reserve: lambda quantity: quantity * 2})
    assert asyncio.run(Shop().buy(computing, 4)) == "charge of 8"


def test_a_call_without_answer_says_what_to_write() -> None:
    """No silent None."""
    with pytest.raises(LookupError, match=r"FakeContext\(answers=\{Stock\.reserve: …\}\)"):
        asyncio.run(Shop().buy(FakeContext(), 1))


def test_awakeables_are_completed_by_the_test() -> None:
    """By id, on the loop of the test."""

    async def run() -> str:
        ctx = FakeContext()
        waiting = asyncio.ensure_future(Shop().approve(ctx))
        await asyncio.sleep(0)
        (future,) = ctx.awakeables.values()
        future.set_result("yes")
        return await waiting

    assert asyncio.run(run()) == "yes"
