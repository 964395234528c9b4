"""``@service(durable_natives=True)``: the standard library's clocks and random numbers are answered by the journal."""

from __future__ import annotations

import asyncio
import random
import sys
import time
import types
import uuid
from random import randint
from time import monotonic

import pytest

from restate_reflect import Context, service
from restate_reflect.durable.guards import Guard
from restate_reflect.testing import Durable
from tests.journals import M, play

asked: list[str] = []


def ask() -> str:
    return repr((
        time.time(), time.time_ns() > 0, time.monotonic(), monotonic(), random.random(), randint(1, 10**9),
        random.sample(range(10**6), 3), str(uuid.uuid4()), str(uuid.uuid1()),
        time.localtime(), time.gmtime(None), time.ctime(), time.asctime(), time.strftime("%Y %H:%M:%S"),
    ))  # fmt: skip


@service(durable_natives=True)
class Answered:
    async def go(self, ctx: Context) -> str:
        first = ask()
        await asyncio.sleep(3)
        return f"{first} {ask()}"

    async def backs_off(self, ctx: Context, limit: float) -> int:
        """As libraries do it: until some time has gone, and a bit of chance in between."""
        start, tries = time.monotonic(), 0
        while time.monotonic() - start < limit:
            tries += 1
            await asyncio.sleep(1 + random.random() / 10)
        return tries

    async def wall(self, ctx: Context) -> float:
        before = time.time()
        await asyncio.sleep(3600)
        return round(time.time() - before)

    async def steps(self, ctx: Context) -> bool:
        async def body() -> float:
            return time.monotonic()

        def in_thread() -> float:
            return time.monotonic()

        inside = time.monotonic()
        return await ctx.run("a", body) > inside + 1 and await ctx.run("b", in_thread) > inside + 1


class Plain:
    async def go(self, ctx: Context) -> float:
        return time.time()


async def test_answers_are_the_same_wherever_it_crashes(durable: Durable) -> None:
    env = await durable(Answered)
    call = asyncio.ensure_future(env.call(Answered.go))
    await env.advance(seconds=4)
    assert await call
    assert await env.call(Answered.steps)


async def test_a_back_off_ends_though_each_wait_suspends(durable: Durable) -> None:
    env = await durable(Answered)
    assert await env.call(Answered.backs_off, 3.0) == 3
    assert await env.call(Answered.wall) == 3600


def test_the_time_is_the_first_step() -> None:
    found = play(Answered, "go", guard=Guard.FAIL).echo()
    assert found.types == [M.RUN_COMMAND, M.PROPOSE_RUN_COMPLETION, M.SLEEP_COMMAND]


def test_an_attempt_that_ends_before_is_closed_quietly(recwarn: pytest.WarningsRecorder) -> None:
    play(Answered, "go", eof=True)
    assert not recwarn.list


def test_other_services_and_other_code_get_the_machines_answers() -> None:
    play(Answered, "go").echo()
    assert float(play(Plain, "go").output) == pytest.approx(time.time(), abs=60)
    assert random.random() != random.random()
    assert isinstance(random.Random(1), random.Random)


def test_names_that_are_imported_later_are_answered_too() -> None:
    play(Answered, "go").echo()
    module = types.ModuleType("later")
    exec("from time import monotonic", module.__dict__)
    assert module.monotonic is time.monotonic
    assert "later" not in sys.modules
