"""So many in a period, whoever asks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from restate_reflect import Context, TerminalError
from restate_reflect.patterns import RateLimiter, throttle
from restate_reflect.testing import Durable


class Mailing:
    async def send_all(self, ctx: Context, mails: int, burst: int) -> None:
        for _ in range(mails):
            await throttle(ctx, "mail", limit=2, per=timedelta(seconds=10), burst=burst)

    async def concurrently(self, ctx: Context, mails: int) -> None:
        await asyncio.gather(*(throttle(ctx, "mail", limit=1, per=10) for _ in range(mails)))

    async def impatient(self, ctx: Context) -> None:
        await throttle(ctx, "mail", limit=1, per=60, max_wait=timedelta(seconds=30))

    async def many(self, ctx: Context, pieces: int) -> None:
        await throttle(ctx, "mail", limit=1, per=1, pieces=pieces)


@pytest.mark.parametrize("burst, seconds", [(1, 20), (3, 10), (5, 0)])
async def test_a_burst_and_then_one_by_one(durable: Durable, burst: int, seconds: int) -> None:
    """Five mails at two in ten seconds."""
    env = await durable(Mailing, RateLimiter)
    began = env.now()
    await env.call(Mailing.send_all, 5, burst)
    assert env.now() - began == pytest.approx(timedelta(seconds=seconds), abs=timedelta(seconds=1))


async def test_all_invocations_share_it(durable: Durable) -> None:
    env = await durable(Mailing, RateLimiter)
    began = env.now()
    sent = [await env.send(Mailing.concurrently, 2) for _ in range(2)]
    for each in sent:
        await each.attach()
    assert env.now() - began == pytest.approx(timedelta(seconds=30), abs=timedelta(seconds=1))


async def test_who_would_wait_too_long_takes_no_turn(durable: Durable) -> None:
    env = await durable(Mailing, RateLimiter)
    await env.call(Mailing.impatient)
    for _ in range(2):
        with pytest.raises(TerminalError, match="'mail' is taken for longer than 0:00:30") as refused:
            await env.call(Mailing.impatient)
        assert refused.value.code == 429
    await env.advance(seconds=31)
    await env.call(Mailing.impatient)


async def test_nobody_takes_less_than_one(durable: Durable) -> None:
    env = await durable(Mailing, RateLimiter)
    with pytest.raises(TerminalError, match="pieces=0"):
        await env.call(Mailing.many, 0)
