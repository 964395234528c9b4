"""``run``: typed by the function, whose arguments are checked."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, assert_type
from uuid import UUID

from restate_reflect import Context, RetryPolicy
from tests.typing.services import Order


def plain(order: Order, times: int = 1) -> str:
    return ""


async def asynchronous(order: Order, *, times: int = 1) -> bytes:
    return b""


def untyped(order: Order) -> Any:
    return None


class Payments:
    async def charge(self, order: Order) -> float:
        return 0.0


class Runner:
    async def results(self, ctx: Context, payments: Payments) -> None:
        assert_type(await ctx.run("plain", plain, Order()), str)
        assert_type(await ctx.run("plain", plain, Order(), times=2), str)
        assert_type(await ctx.run("async", asynchronous, Order(), times=2), bytes)
        assert_type(await ctx.run("bound", payments.charge, Order()), float)
        assert_type(await ctx.run("lambda", lambda: 5), int)
        assert_type(ctx.run("plain", plain, Order()), asyncio.Future[str])

    async def arguments(self, ctx: Context, payments: Payments) -> None:
        # expect-error mypy: call-overload; pyright: reportCallIssue
        await ctx.run("plain", plain)
        # expect-error mypy: call-overload; pyright: reportArgumentType, reportCallIssue
        await ctx.run("plain", plain, "order")
        # expect-error mypy: arg-type; pyright: reportArgumentType, reportCallIssue
        await ctx.run("plain", plain, Order(), times="2")
        # expect-error mypy: call-overload; pyright: reportCallIssue
        await ctx.run("async", asynchronous, Order(), 2)
        # expect-error mypy: call-overload; pyright: reportArgumentType, reportCallIssue
        await ctx.run("bound", payments.charge, 5)
        # expect-error mypy: call-overload; pyright: reportArgumentType, reportCallIssue
        await ctx.run(plain, Order())

    async def options(self, ctx: Context) -> None:
        policy = RetryPolicy(max_attempts=3, initial_interval=timedelta(seconds=1))
        assert_type(await ctx.options(retry=policy).run("plain", plain, Order(), times=2), str)
        assert_type(await ctx.options(retry=policy).run("async", asynchronous, Order()), bytes)
        # expect-error mypy: call-overload; pyright: reportArgumentType, reportCallIssue
        await ctx.options(retry=policy).run("plain", plain, 5)
        assert_type(await ctx.options(type=int).run("untyped", untyped, Order()), int)
        assert_type(await ctx.options(type=list[int], retry=policy).run("untyped", untyped, Order()), list[int])
        # expect-error mypy: arg-type; pyright: reportArgumentType
        await ctx.options(type=int).run("untyped", untyped, 5)
        # expect-error mypy: call-overload; pyright: reportCallIssue
        ctx.options(attempts=3)

    async def other_steps(self, ctx: Context) -> None:
        assert_type(await ctx.now(), datetime)
        assert_type(ctx.uuid(), UUID)
        assert_type(ctx.random.random(), float)
        assert_type(ctx.sleep(timedelta(seconds=1), name="nap"), asyncio.Future[None])
        # expect-error mypy: arg-type; pyright: reportArgumentType
        await ctx.sleep("1 s")
