"""Prints a digest of every journal of one scenario on virtual time; two processes must print the same."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from typing import Any

from restate_reflect import Context, ObjectContext
from tests.embedded.running import runtime_with


class Account:
    async def add(self, ctx: ObjectContext, n: int) -> int:
        balance = (await ctx.get("balance", int) or 0) + n
        ctx.set("balance", balance)
        return balance


class Many:
    async def fan_out(self, ctx: Context) -> list[Any]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.branch(ctx, n)) for n in range(8)]
        return [task.result() for task in tasks]

    async def branch(self, ctx: Context, n: int) -> int:
        await asyncio.sleep(8 - n)
        return await ctx.call(Account.add, n, key=str(n % 3)) + await ctx.run(f"step {n}", self.step, n)

    async def step(self, n: int) -> int:
        return n


async def main(suspending: bool) -> None:
    digest = hashlib.sha256()
    async with await runtime_with(Many(), Account, force_suspension=suspending) as runtime:
        await runtime.invoke("Many", "fan_out")
        for invocation in runtime.invocations():
            for entry in runtime.kernel.store.journal(invocation.id):
                digest.update(repr((invocation.id, entry)).encode())
    print(digest.hexdigest())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] == "suspending"))
