"""Calls and sends: typed by the method that is called, and by the kind of its service."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, assert_type

from restate_reflect import CallFuture, Context, InvocationHandle, ObjectSharedContext, handler_of
from tests.typing.services import Checkout, Inventory, Order, Orders, Signup


class Caller:
    def __init__(self, inventory: Inventory, checkout: Checkout) -> None:
        self.inventory = inventory
        self.checkout = checkout

    async def results(self, ctx: Context) -> None:
        assert_type(await ctx.call(Inventory.reserve, 1, key="a"), int)
        assert_type(await ctx.call(Inventory.available, key="a"), int)
        assert_type(await ctx.call(Checkout.submit, Order(), True), str)
        assert_type(await ctx.call(Checkout.submit, Order()), str)
        assert_type(await ctx.call(Signup.run, "a@b", key="a"), bool)
        assert_type(ctx.call(Inventory.reserve, 1, key="a"), CallFuture[int])
        assert_type(await ctx.call(Orders.save, Order(), key="a"), Order)
        await ctx.call(Checkout.ping)
        await ctx.call(Signup.click, "secret", key="a")

    async def plain_functions(self, ctx: Context) -> None:
        assert_type(await ctx.call(Checkout.plain, 1), float)
        assert_type(await ctx.call(Inventory.plain, 1, key="a"), bytes)

    async def bound_methods(self, ctx: Context) -> None:
        assert_type(await ctx.call(self.inventory.reserve, 1, key="a"), int)
        assert_type(await ctx.call(self.checkout.submit, Order(), True), str)
        assert_type(await ctx.call(self.checkout.plain, 1), float)
        assert_type(await ctx.send(self.inventory.reserve, 1, key="a").attach(), int)
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.call(self.inventory.reserve, 1)
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.call(self.inventory.reserve, "1", key="a")

    async def from_a_shared_handler(self, ctx: ObjectSharedContext) -> None:
        assert_type(await ctx.call(Inventory.reserve, 1, key=ctx.key), int)

    async def options(self, ctx: Context) -> None:
        call = ctx.call(Inventory.reserve, 1, key="a", idempotency_key="i", headers={"x": "y"})
        assert_type(call, CallFuture[int])
        assert_type(await call.invocation_id, str)
        await call.cancel_invocation()
        # expect-error mypy: call-overload; pyright: reportCallIssue
        ctx.call(Inventory.reserve, 1, key="a", delay=5)

    async def keys(self, ctx: Context) -> None:
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.call(Inventory.reserve, 1)
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.call(Signup.run, "a@b")
        # expect-error mypy: arg-type, call-arg; pyright: reportArgumentType, reportCallIssue
        await ctx.call(Checkout.ping, key="a")
        # expect-error mypy: call-overload; pyright: reportArgumentType, reportCallIssue
        await ctx.call(Inventory.reserve, 1, key=1)
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        ctx.send(Inventory.reserve, 1)
        # expect-error mypy: arg-type, call-arg; pyright: reportArgumentType, reportCallIssue
        ctx.send(Checkout.ping, key="a")

    async def arguments(self, ctx: Context) -> None:
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.call(Inventory.reserve, "1", key="a")
        # expect-error mypy: arg-type, call-arg; pyright: reportArgumentType, reportCallIssue
        await ctx.call(Inventory.reserve, key="a")
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.call(Inventory.available, 1, key="a")
        # expect-error mypy: arg-type, call-arg; pyright: reportArgumentType, reportCallIssue
        await ctx.call(Checkout.submit, Order(), True, 3)
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.call(Orders.save, 1, key="a")
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        ctx.send(Inventory.reserve, "1", key="a")
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        ctx.call(len, "no handler")

    async def sends(self, ctx: Context) -> None:
        handle = ctx.send(Inventory.reserve, 1, key="a", delay=timedelta(minutes=5))
        assert_type(handle, InvocationHandle[int])
        assert_type(await handle, str)
        assert_type(await handle.invocation_id, str)
        assert_type(await handle.attach(), int)
        assert_type(await handle.output(), int | None)
        assert_type(await ctx.send(Checkout.submit, Order(), True, delay=1.5).attach(), str)
        assert_type(await ctx.send(Checkout.plain, 1).attach(), float)

    async def keyword_arguments(self, ctx: Context) -> None:
        assert_type(await ctx.target(Inventory.reserve, key="a").call(qty=1), int)
        assert_type(await ctx.target(Checkout.submit).call(Order()), str)
        assert_type(await ctx.target(Checkout.submit).call(Order(), express=True), str)
        assert_type(await ctx.target(Checkout.submit, delay=1).send(order=Order()).attach(), str)
        assert_type(await ctx.target(Checkout.plain).call(number=1), float)
        # expect-error mypy: call-arg; pyright: reportCallIssue
        await ctx.target(Inventory.reserve, key="a").call(amount=1)
        # expect-error mypy: arg-type; pyright: reportArgumentType
        await ctx.target(Inventory.reserve, key="a").call(qty="1")
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.target(Inventory.reserve).call(qty=1)
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.target(Checkout.submit, key="a").call(Order())

    async def scopes(self, ctx: Context) -> None:
        tenant = ctx.scope("tenant", limit_key="gold")
        assert_type(await tenant.call(Inventory.reserve, 1, key="a"), int)
        assert_type(await tenant.send(Checkout.submit, Order(), False).attach(), str)
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await tenant.call(Inventory.reserve, 1)

    async def by_name(self, ctx: Context) -> None:
        assert_type(await ctx.call_raw("Inventory", "reserve", b"1", key="a"), bytes)
        assert_type(await ctx.send_raw("Checkout", "ping", delay=3).attach(), bytes)
        # expect-error mypy: arg-type; pyright: reportArgumentType
        ctx.call_raw("Inventory", "reserve", "1")

    async def by_class_and_name(self, ctx: Context) -> None:
        assert_type(await ctx.call(handler_of(Orders, "save"), Order(), key="a"), Any)
        assert_type(await ctx.send(handler_of(Orders, "save"), Order(), key="a").attach(), Any)
        assert_type(await ctx.target(handler_of(Orders, "save"), key="a").call(record=Order()), Any)

    async def other_invocations(self, ctx: Context) -> None:
        assert_type(await ctx.attach("inv_1", int), int)
        assert_type(await ctx.output("inv_1", int), int | None)
        assert_type(await ctx.attach("inv_1"), Any)
        assert_type(ctx.attach("inv_1", str), asyncio.Future[str])
        ctx.cancel("inv_1")
