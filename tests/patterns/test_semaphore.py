"""At most so many at once, in the order of asking, whoever is killed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from restate_reflect import Context, TerminalError
from restate_reflect.patterns import Semaphore, permit
from restate_reflect.testing import Durable


class Printing:
    def __init__(self) -> None:
        self.failing = True

    async def prints(self, ctx: Context, seconds: int) -> str:
        async with permit(ctx, "printer", limit=2):
            await ctx.sleep(seconds, name="print")
        return "printed"

    async def prints_alone(self, ctx: Context) -> str:
        async with permit(ctx, "printer", limit=1):
            return "printed"

    async def jams(self, ctx: Context) -> None:
        async with permit(ctx, "printer", limit=1):
            raise TerminalError("paper jam")

    async def is_mended(self, ctx: Context) -> None:
        async with permit(ctx, "printer", limit=1):
            if self.failing:
                raise ValueError("somebody has to mend this")

    async def holds(self, ctx: Context, lease: int | None) -> None:
        async with permit(ctx, "printer", limit=1, lease=None if lease is None else timedelta(seconds=lease)):
            await ctx.awakeable(bool)


async def test_two_print_at_once_and_the_third_waits(durable: Durable) -> None:
    env = await durable(Printing, Semaphore)
    began = env.now()
    sent = [await env.send(Printing.prints, 10) for _ in range(4)]
    assert [await each.attach() for each in sent] == ["printed"] * 4
    assert env.now() - began == timedelta(seconds=20)
    assert await env.call(Semaphore.holders, key="printer") == []


async def test_a_terminal_error_gives_it_back(durable: Durable) -> None:
    env = await durable(Printing, Semaphore)
    with pytest.raises(TerminalError, match="paper jam"):
        await env.call(Printing.jams)
    await env.settle()
    assert await env.call(Semaphore.holders, key="printer") == []


async def test_who_is_cancelled_while_waiting_or_holding_gives_it_back(durable: Durable) -> None:
    """The first holds it, the second waits; both are cancelled, and the third gets it."""
    env = await durable(Printing, Semaphore)
    first, second = await env.send(Printing.holds, None), await env.send(Printing.holds, None)
    await env.settle()
    for each in (second, first):
        await each.cancel()
        with pytest.raises(TerminalError):
            await each.attach()
    assert await env.call(Printing.prints, 1) == "printed"


async def test_it_is_kept_while_an_attempt_is_retried(restate_env: Durable) -> None:
    printing = Printing()
    env = await restate_env(printing, Semaphore, auto_skip=False, retries=True)
    sent = await env.send(Printing.is_mended)
    await env.advance(seconds=1)
    assert len(await env.call(Semaphore.holders, key="printer")) == 1
    printing.failing = False
    await env.advance(minutes=10)
    await sent.attach()
    await env.settle()
    assert await env.call(Semaphore.holders, key="printer") == []


async def test_a_lease_ends(durable: Durable) -> None:
    """Whatever becomes of its holder."""
    env = await durable(Printing, Semaphore, auto_skip=False)
    await env.send(Printing.holds, 60)
    await env.settle()
    sent = await env.send(Printing.prints_alone)
    await env.advance(seconds=59)
    assert not await sent.output()
    await env.advance(seconds=2)
    assert await sent.attach() == "printed"


async def test_an_operator_takes_one_back(durable: Durable) -> None:
    env = await durable(Printing, Semaphore)
    await env.send(Printing.holds, None)
    await env.settle()
    (held,) = await env.call(Semaphore.holders, key="printer")
    assert await env.call(Semaphore.release, held, key="printer")
    assert not await env.call(Semaphore.release, held, key="printer")
    assert await env.call(Printing.prints, 0) == "printed"
