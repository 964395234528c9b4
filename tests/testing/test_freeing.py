"""What a test has made is gone with it: a crash matrix makes dozens of environments, a suite thousands."""

from __future__ import annotations

import asyncio
import gc

from restate_reflect import Context
from restate_reflect.testing import TestEnvironment


async def step(number: int) -> int:
    return number


class Shop:
    async def buy(self, ctx: Context, amount: int) -> int:
        return await ctx.run("first", step, amount) + await ctx.call(Shop.price, amount)

    async def price(self, ctx: Context, amount: int) -> int:
        await ctx.sleep(60)
        return amount


async def one_test() -> None:
    async with TestEnvironment(Shop) as env:
        assert await env.call(Shop.buy, 2) == 4


def test_an_environment_leaves_nothing_to_the_garbage_collector() -> None:
    with asyncio.Runner() as runner:
        runner.run(one_test())
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                runner.run(one_test())
            assert gc.collect() < 10
        finally:
            gc.enable()
