"""What patterns give has the types of what they are given."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from restate_reflect import Context, ObjectContext, TerminalError, current_context
from restate_reflect.context import BaseContext
from restate_reflect.patterns import Cron, Job, job, map_bounded
from restate_reflect.testing import Durable


def plain(item: int) -> str:
    return str(item)


async def asynchronous(item: int) -> bytes:
    return str(item).encode()


async def durable_code(ctx: Context, item: int) -> float:
    return item / 2


class Report:
    async def make(self, ctx: ObjectContext, pages: int) -> None:
        assert_type(current_context(), BaseContext)
        assert_type(current_context(ObjectContext), ObjectContext)


class Patterns:
    async def all(self, ctx: Context, items: list[int]) -> int:
        strings = assert_type(await map_bounded(ctx, plain, items, limit=2), list[str])
        data = assert_type(await map_bounded(ctx, asynchronous, items, limit=2), list[bytes])
        numbers = assert_type(await map_bounded(ctx, durable_code, items, limit=2), list[float])
        maybe = await map_bounded(ctx, plain, items, limit=2, tolerate=1)
        assert_type(maybe, list[str | TerminalError])
        made = assert_type(job(Report.make, key="sales", every=60)(1), Job)
        assert_type(await ctx.call(Cron.schedule, made, key="nightly"), datetime)
        return len(strings) + len(data) + len(numbers) + len(maybe)


async def test_they_run_as_they_are_typed(restate_env: Durable) -> None:
    env = await restate_env(Patterns, Cron, Report)
    assert await env.call(Patterns.all, [1, 2]) == 8
    assert await env.call(Cron.cancel, key="nightly")
