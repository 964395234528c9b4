"""The crash matrix: what is durable passes, what is not is found, with the place."""

from __future__ import annotations

import asyncio
import random

import pytest

from restate_reflect import Context, ObjectContext
from restate_reflect.durable.guards import Guard
from restate_reflect.errors import HandlerBugError
from restate_reflect.testing import Divergence, Durable, TestEnvironment
from restate_reflect.testing._crashes import BASELINE
from restate_reflect.testing._recording import Recording


async def number(value: int) -> int:
    return value


class Ledger:
    async def book(self, ctx: ObjectContext, amount: int) -> int:
        balance = await ctx.get("balance", int, default=0) + amount
        ctx.set("balance", balance)
        return balance


class Steps:
    async def ten(self, ctx: Context) -> int:
        total = 0
        for value in range(10):
            total += await ctx.run(f"step {value}", number, value)
        return total

    async def mixed(self, ctx: Context) -> list[int]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._branch(ctx, value)) for value in range(3)]
        await asyncio.sleep(3600)
        await ctx.call(Ledger.book, 5, key="a")
        return [task.result() for task in tasks]

    async def _branch(self, ctx: Context, value: int) -> int:
        await ctx.sleep(value)
        return await ctx.run(f"branch {value}", number, value)

    async def random_branch(self, ctx: Context) -> None:
        await ctx.run("begin", number, 0)
        await ctx.run(f"step {random.random()}", number, 1)  # not ctx.random: another name on every attempt

    async def double(self, ctx: Context) -> None:
        LEAKED.append(1)
        await ctx.run("begin", number, 0)
        await ctx.run("length", number, len(LEAKED))


LEAKED: list[int] = []


async def test_ten_steps_survive_a_crash_after_each(durable: Durable) -> None:
    """The fixture re-runs this test; every run must give the same."""
    env = await durable(Steps, Ledger)
    assert await env.call(Steps.ten) == 45


async def test_concurrency_timers_and_calls_survive(durable: Durable) -> None:
    """State is written once however often the caller dies."""
    env = await durable(Steps, Ledger)
    assert await env.call(Steps.mixed) == [0, 1, 2]
    assert env.state(Ledger, "a").get("balance", int) == 5


def test_the_matrix_has_a_run_for_every_entry_and_one_that_suspends() -> None:
    """22 entries for ten steps (input, ten commands and results, output): 24 runs in all."""
    durable = Durable(max_crashes=500)

    async def scenario() -> None:
        env = await durable(Steps, Ledger)
        await env.call(Steps.ten)

    durable.run(scenario)
    assert durable.runs == 24


def test_a_step_that_depends_on_chance_is_found() -> None:
    """The message shows the recorded and the current command, and the line."""
    durable = Durable(max_crashes=500)

    async def scenario() -> None:
        env = await durable(Steps, Ledger, guard=Guard.OFF)  # which would tell of it first
        await env.call(Steps.random_branch)

    with pytest.raises(HandlerBugError, match=r"(?s)journal mismatch.*test_crash_matrix\.py:\d+") as caught:
        durable.run(scenario)
    assert "undisturbed, the test passed" in caught.value.__notes__[0]


def test_a_result_that_leaks_from_attempt_to_attempt_is_found() -> None:
    """Nothing mismatches, but the step's result is another one than undisturbed."""
    durable = Durable(max_crashes=500)

    async def scenario() -> None:
        LEAKED.clear()
        env = await durable(Steps, Ledger)
        await env.call(Steps.double)

    with pytest.raises(Divergence, match="Steps/double #1 is not durable") as caught:
        durable.run(scenario)
    assert "undisturbed: run name='length' → b'1'\n" in str(caught.value)
    assert "disturbed:   run name='length' → b'2'\n" in str(caught.value)
    (note,) = caught.value.__notes__
    assert "test_crash_matrix.py:" in note
    assert note.count('await ctx.run("length", number, len(LEAKED))') == 2


def test_the_number_of_crashes_can_be_limited() -> None:
    """Long scenarios get evenly spread ones."""
    durable = Durable(max_crashes=4)

    async def scenario() -> None:
        env = await durable(Steps, Ledger)
        await env.call(Steps.ten)

    durable.run(scenario)
    assert durable.runs == 5


def test_steps_that_are_executed_again_though_recorded_are_found() -> None:
    """An engine that loses results would be caught; here the counts are fed by hand, as ours does not."""

    async def scenario() -> None:
        async with TestEnvironment(Steps, Ledger) as env:
            recording = Recording(BASELINE, env.runtime, env._steps)
            sent = await env.send(Steps.ten)
            await sent.attach()
            env._steps.begun[sent.id, "step 3"] += 1
            recording.finish()
            with pytest.raises(Divergence, match=r"Steps/ten #1: run 'step 3' was executed 2 times, undisturbed"):
                recording.check_executions()

    asyncio.run(scenario())


def test_a_step_may_run_twice_if_its_result_was_not_stored() -> None:
    """The crash comes after the command: what the body did is lost, and the matrix allows for it."""
    begun: list[str] = []

    class Slow:
        async def go(self, ctx: Context) -> list[int]:
            return list(await asyncio.gather(ctx.run("a", self.body, "a"), ctx.run("b", self.body, "b")))

        async def body(self, name: str) -> int:
            begun.append(name)
            await asyncio.sleep(0.001)
            return 1

    durable = Durable(max_crashes=500)

    async def scenario() -> None:
        env = await durable(Slow)
        assert await env.call(Slow.go) == [1, 1]

    durable.run(scenario)
    assert begun.count("a") >= durable.runs


async def test_a_crash_can_be_asked_for(restate_env: Durable) -> None:
    """The attempt that waits is gone, and the next one finds the results of the first."""
    env = await restate_env(Steps, Ledger)
    sent = await env.send(Steps.mixed)
    await env.settle()
    assert env.crash(sent) == 1
    assert await sent.attach() == [0, 1, 2]
    assert env.executions("branch *") == 3
    assert env.crash() == 0
