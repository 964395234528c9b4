"""Handlers called directly, with a context that only remembers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from restate_reflect import Context, ObjectContext, Request, TerminalError, WorkflowContext
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


class Review:
    def __init__(self, stock: Stock) -> None:
        self.stock = stock

    async def run(self, ctx: WorkflowContext) -> list[str]:
        first, second = ctx.awakeable(str), ctx.awakeable(str)
        answers = [await first, await second, await ctx.promise("decision", str), await ctx.signal("go", str)]
        answers.append(await ctx.run("charge", charge, 1))
        await ctx.promise("done", str).resolve("yes")
        return answers

    async def tell(self, ctx: Context) -> int:
        left = await ctx.scope("blue", limit_key="gold").call(
            self.stock.reserve, 1, key="tea", idempotency_key="i", headers={"x-a": "b"}
        )
        return left + await ctx.send(Stock.reserve, 2, key="tea").attach()


def test_what_others_complete_is_given_beforehand() -> None:
    """Awakeables in order, promises, signals and steps by name; the step is not executed."""
    ctx = FakeContext(
        awakeables=["a", "b"],
        promises={"decision": "c"},
        signals={"go": "d"},
        results={"charge": lambda amount: f"{amount}"},
    )
    assert asyncio.run(Review(Stock()).run(ctx)) == ["a", "b", "c", "d", "1"]
    assert ctx.completed == {"promise:done": "yes"}
    assert ctx.steps == ["charge"]


def test_a_failure_can_be_given_beforehand() -> None:
    """It is raised where the handler waits."""
    ctx = FakeContext(awakeables=[TerminalError("no", 403)])
    with pytest.raises(TerminalError, match="no"):
        asyncio.run(Shop().approve(ctx))


def test_calls_are_remembered_with_all_their_options() -> None:
    """A method of an instance has the answer of its function; sends can be attached to by the fake id."""

    async def reserve(quantity: int) -> int:
        await asyncio.sleep(0)
        return quantity * 10

    stock = Stock()
    ctx = FakeContext(answers={Stock.reserve: reserve, "inv_fake_1": 5})
    assert asyncio.run(Review(stock).tell(ctx)) == 15
    (call,) = ctx.calls
    assert (call.idempotency_key, call.headers, call.scope, call.limit_key) == ("i", {"x-a": "b"}, "blue", "gold")


def test_the_request_can_be_given() -> None:
    """With everything a handler may look at."""

    class Curious:
        async def look(self, ctx: Context) -> list[str | None]:
            return [ctx.request.id, ctx.request.scope, ctx.request.headers["x-a"]]

    ctx = FakeContext(request=Request("inv_1", {"x-a": "b"}, {}, b"", scope="blue"))
    assert asyncio.run(Curious().look(ctx)) == ["inv_1", "blue", "b"]
