"""Promises, awakeables and signals, and asyncio's combinators over all of them."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

from restate_reflect import (
    Awakeable,
    Context,
    DurablePromise,
    ObjectContext,
    WorkflowContext,
    WorkflowSharedContext,
)
from tests.typing.services import Checkout, Inventory, Order


class Promises:
    async def waits(self, ctx: WorkflowContext) -> None:
        promise = ctx.promise("clicked", Order)
        assert_type(promise, DurablePromise[Order])
        assert_type(await promise, Order)
        assert_type(promise.get(), asyncio.Future[Order])
        assert_type(await ctx.promise("clicked"), Any)

    async def completes(self, ctx: WorkflowSharedContext) -> None:
        promise = ctx.promise("clicked", str)
        assert_type(await promise.peek(), str | None)
        await promise.resolve("yes")
        await promise.reject("no", 403)
        # expect-error mypy: arg-type; pyright: reportArgumentType
        await promise.resolve(5)

    async def in_an_object(self, ctx: ObjectContext) -> None:
        # expect-error mypy: attr-defined; pyright: reportAttributeAccessIssue
        ctx.promise("clicked", str)


class AwakeablesAndSignals:
    async def awakeables(self, ctx: Context) -> None:
        answer = ctx.awakeable(Order)
        assert_type(answer, Awakeable[Order])
        assert_type(answer.id, str)
        assert_type(await answer, Order)
        assert_type(await ctx.awakeable(), Any)
        assert_type(await ctx.awakeable(list[int]), list[int])
        ctx.resolve_awakeable(answer.id, Order())
        ctx.reject_awakeable(answer.id, "no")
        # expect-error mypy: arg-type; pyright: reportArgumentType
        ctx.resolve_awakeable(answer)

    async def signals(self, ctx: Context) -> None:
        assert_type(await ctx.signal("go", int), int)
        assert_type(await ctx.signal("go"), Any)
        ctx.resolve_signal("inv_1", "go", 5)
        ctx.reject_signal("inv_1", "go", "no", 409)


class Combinators:
    async def gather(self, ctx: Context) -> None:
        both = await asyncio.gather(ctx.call(Inventory.reserve, 1, key="a"), ctx.run("text", lambda: "text"))
        assert_type(both, tuple[int, str])
        three = await asyncio.gather(
            ctx.call(Checkout.submit, Order(), False), ctx.awakeable(Order), asyncio.sleep(1, b"late")
        )
        assert_type(three, tuple[str, Order, bytes])
        many = await asyncio.gather(*[ctx.call(Inventory.reserve, n, key="a") for n in range(3)])
        assert_type(many, list[int])

    async def group(self, ctx: Context) -> None:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.one(ctx))
        assert_type(task.result(), int)

    async def one(self, ctx: Context) -> int:
        return await ctx.call(Inventory.reserve, 1, key="a")

    async def races(self, ctx: Context) -> None:
        calls = [ctx.call(Inventory.reserve, n, key="a") for n in range(3)]
        assert_type(await ctx.first_success(*calls), int)
        async for result in ctx.as_completed(calls):
            assert_type(result, int)
        async with asyncio.timeout(5):
            assert_type(await ctx.signal("go", str), str)
        assert_type(await asyncio.wait_for(ctx.awakeable(int), 5), int)
        assert_type(await asyncio.shield(ctx.awakeable(int)), int)
