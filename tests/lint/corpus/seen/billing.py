"""Invoices and subscriptions. Faults of exceptions, awaits, tasks and loops."""

import asyncio
import contextlib
from asyncio import CancelledError, create_task
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    State,
    TerminalError,
    WorkflowContext,
    WorkflowSharedContext,
)


def send(text: str) -> None:
    print(text)


async def quietly(ctx: Context, name: str, function: Callable[..., object]) -> bool:
    """Swallows more than it should."""
    try:
        await ctx.run(name, function)
    except:  # noqa: E722 # expect: RR201
        return False
    return True


class Invoices:
    paid = State(bool, default=False)

    async def pay(self, ctx: ObjectContext, amount: int) -> bool:
        if not await quietly(ctx, "pay", lambda: send("pay")):
            return False
        ctx.set(Invoices.paid, True)
        return True

    async def collect(self, ctx: ObjectContext, amounts: list[int]) -> int:
        total = 0
        for amount in amounts:
            try:
                if await ctx.call(Invoices.is_paid, key=str(amount)):
                    total += amount
            except (ValueError, BaseException):  # expect: RR201
                continue
        return total

    async def is_paid(self, ctx: ObjectSharedContext) -> bool:
        return await ctx.get(Invoices.paid)

    async def dunning(self, ctx: ObjectContext, days: int) -> str:
        try:
            async with asyncio.timeout(days * 86400):
                await ctx.awakeable(str)
        except CancelledError:  # expect: RR202
            return "cancelled"
        except TimeoutError:
            return "late"
        return "paid"

    async def remind(self, ctx: ObjectContext, texts: list[str]) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # expect: RR202
            for text in texts:
                await ctx.run(f"remind {text}", send, text)
                await ctx.sleep(timedelta(days=1))

    async def total(self, ctx: ObjectContext, keys: list[str]) -> int:
        paid = [ctx.call(Invoices.is_paid, key=key) for key in keys]
        return sum([await each for each in paid])

    async def close(self, ctx: ObjectContext) -> None:
        ctx.run("close", send, "closed")  # expect: RR203
        result = ctx.call(Invoices.is_paid, key="x")  # expect: RR203
        ctx.set(Invoices.paid, True)

    async def credit(self, ctx: ObjectContext, amount: int) -> None:
        self._credit(ctx, amount)  # expect: RR203

    async def _credit(self, ctx: ObjectContext, amount: int) -> None:
        await ctx.run("credit", send, str(amount))

    async def pause(self, ctx: ObjectContext) -> None:
        asyncio.sleep(60)  # expect: RR203

    async def refund(self, ctx: ObjectContext, amount: int) -> None:
        try:
            await ctx.run("refund", send, str(amount))
        finally:
            asyncio.create_task(self._credit(ctx, -amount))  # expect: RR204

    async def spread(self, ctx: ObjectContext, amounts: list[int]) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._credit(ctx, amounts[0]))  # expect: RR204/RR203
        task.add_done_callback(print)
        await ctx.sleep(1)

    async def again(self, ctx: ObjectContext, amount: int) -> bool:
        return await ctx.target(Invoices.pay, key=ctx.key).call(amount)  # expect: RR206

    async def settle(self, ctx: ObjectContext) -> bool:
        own = ctx.key
        return await ctx.call(self.pay, 1, key=own)  # expect: RR206

    async def spin(self, ctx: ObjectContext) -> None:
        task = create_task(self._credit(ctx, 1))
        while not task.done():  # expect: RR205
            await asyncio.sleep(0)


class Subscription:
    async def run(self, ctx: WorkflowContext, plan: str) -> str:
        cancelled = ctx.promise("cancelled", bool)
        while not cancelled.done():
            await ctx.run("charge", send, plan)
            await asyncio.wait([cancelled], timeout=30 * 86400)
        ctx.promise("ended", str).resolve(plan)  # expect: RR203
        try:
            return await ctx.promise("reason", str)
        except BaseException:  # expect: RR201
            return "unknown"

    async def cancel(self, ctx: WorkflowSharedContext) -> None:
        await ctx.promise("cancelled", bool).resolve(True)

    async def watch(self, ctx: WorkflowSharedContext) -> str:
        ended = asyncio.ensure_future(ctx.promise("ended", str).get())
        while True:  # expect: RR205
            if ended.done():
                return ended.result()

    async def follow(self, ctx: WorkflowSharedContext) -> None:
        flag = asyncio.Event()
        while not flag.is_set():  # expect: RR205
            pass

    async def drop(self, ctx: WorkflowSharedContext) -> None:
        task = asyncio.create_task(self._note(ctx))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        with suppress(BaseException):  # expect: RR201
            await ctx.run("drop", send, "dropped")

    async def _note(self, ctx: WorkflowSharedContext) -> None:
        try:
            await ctx.sleep(timedelta(hours=1))
        except* asyncio.CancelledError:  # expect: RR202
            send("stopped")
        except* TerminalError:
            raise

    async def first(self, ctx: WorkflowSharedContext) -> str:
        either = asyncio.Future()  # expect: RR112
        other = asyncio.get_running_loop().create_future()
        done, _ = await asyncio.wait([either, other], return_when=asyncio.FIRST_COMPLETED)
        return str(len(done))
