"""The test environment, used as its users will."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from restate_reflect import Context, ObjectContext, ObjectSharedContext, State, TerminalError, WorkflowContext
from restate_reflect.errors import HandlerBugError
from restate_reflect.protocol.messages import MessageType
from restate_reflect.testing import Durable


class Counter:
    count = State(int, default=0)

    async def add(self, ctx: ObjectContext, amount: int) -> int:
        total = await ctx.get(Counter.count) + amount
        ctx.set(Counter.count, total)
        return total

    async def value(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get(Counter.count)


async def charge(amount: int) -> str:
    return f"charge of {amount}"


class Mailer:
    async def send(self, ctx: Context, text: str) -> bool:
        raise AssertionError("mocked in these tests")


class Shop:
    async def buy(self, ctx: Context, amount: int) -> str:
        receipt = await ctx.run("charge", charge, amount)
        await ctx.call(Mailer.send, receipt)
        return receipt

    async def remind(self, ctx: Context, days: int) -> str:
        await asyncio.sleep(days * 86_400)
        return "reminded"

    async def approve(self, ctx: Context, limit: int) -> str:
        approval = ctx.awakeable(str)
        ctx.send(Counter.add, 1, key=approval.id)
        async with asyncio.timeout(limit):
            return await approval

    async def forgetful(self, ctx: Context) -> None:
        ctx.run("lost", charge, 1)


class Signup:
    async def run(self, ctx: WorkflowContext, email: str) -> str:
        return await ctx.promise("confirmed", str)


async def test_calls_are_typed_and_state_can_be_looked_at_and_changed(restate_env: Durable) -> None:
    """State is read and written with the declared types."""
    env = await restate_env(Counter)
    assert await env.call(Counter.add, 2, key="a") == 2
    assert env.state(Counter, "a").get(Counter.count) == 2
    env.state(Counter, "a").set(Counter.count, 40)
    assert await env.call(Counter.value, key="a") == 40
    assert env.state(Counter, "a").keys() == ["count"]


async def test_time_skips_while_somebody_waits(restate_env: Durable) -> None:
    """Three days pass in no time, and the environment's clock shows them."""
    env = await restate_env(Shop, mocks=[Mailer])
    began = env.now()
    assert await env.call(Shop.remind, 3) == "reminded"
    assert env.now() - began == timedelta(days=3)


async def test_time_can_be_moved_by_hand(restate_env: Durable) -> None:
    """Nothing happens before its time."""
    env = await restate_env(Shop, mocks=[Mailer], auto_skip=False)
    sent = await env.send(Shop.remind, 3)
    await env.advance(days=2, hours=23)
    assert not await sent.output()
    await env.advance(hours=1)
    assert await sent.attach() == "reminded"


async def test_a_mocked_service_answers_and_remembers_its_calls(restate_env: Durable) -> None:
    """One entry for each invocation, with arguments and key."""
    env = await restate_env(Shop, mocks=[Mailer])
    sending = env.mock(Mailer.send, returns=True)
    assert await env.call(Shop.buy, 5) == "charge of 5"
    assert [call.args for call in sending.calls] == [("charge of 5",)]


async def test_a_mock_can_fail_or_compute(restate_env: Durable) -> None:
    """``raises`` is what the caller sees; ``calls`` gets the arguments."""
    env = await restate_env(Shop, mocks=[Mailer])
    env.mock(Mailer.send, raises=TerminalError("no such mailbox", 404))
    with pytest.raises(TerminalError, match="no such mailbox") as caught:
        await env.call(Shop.buy, 5)
    assert caught.value.code == 404
    seen: list[str] = []

    def remember(text: str) -> bool:
        seen.append(text)
        return True

    env.mock(Mailer.send, calls=remember)
    await env.call(Shop.buy, 6)
    assert seen == ["charge of 6"]


def test_a_mocked_service_without_answer_fails_the_test_at_once() -> None:
    """The message shows what to write."""
    durable = Durable(max_crashes=0)

    async def scenario() -> None:
        env = await durable(Shop, mocks=[Mailer])
        await env.call(Shop.buy, 5)

    with pytest.raises(HandlerBugError, match=r"env\.mock\(Mailer\.send, returns=…\)"):
        durable.run(scenario)


async def test_an_injected_failure_is_retried(restate_env: Durable) -> None:
    """The step succeeds at the third try; time skips over the back-off."""
    env = await restate_env(Shop, mocks=[Mailer])
    env.mock(Mailer.send, returns=True)
    env.fail_step("charge", times=2)
    assert await env.call(Shop.buy, 7) == "charge of 7"


async def test_awakeables_are_resolved_from_the_test(restate_env: Durable) -> None:
    """The test plays whoever was given the id."""
    env = await restate_env(Shop, Counter, mocks=[Mailer], auto_skip=False)
    sent = await env.send(Shop.approve, 60)
    await env.settle()
    (told,) = env.invocations(Counter)
    env.resolve_awakeable(str(told.key), "yes")
    assert await sent.attach() == "yes"


async def test_journals_are_typed(restate_env: Durable) -> None:
    """Entries have types, names and decoded messages."""
    env = await restate_env(Shop, mocks=[Mailer])
    env.mock(Mailer.send, returns=True)
    sent = await env.send(Shop.buy, 5)
    await sent.attach()
    commands = [entry for entry in env.journal(sent) if entry.is_command]
    assert [entry.type for entry in commands] == [
        MessageType.INPUT_COMMAND,
        MessageType.RUN_COMMAND,
        MessageType.CALL_COMMAND,
        MessageType.OUTPUT_COMMAND,
    ]
    assert commands[1].name == "charge"


def test_a_bug_fails_the_request_at_once() -> None:
    """Production would retry until somebody deploys a fix; a test should not wait for that."""
    durable = Durable(max_crashes=0)

    async def scenario() -> None:
        env = await durable(Shop, mocks=[Mailer])
        await env.call(Shop.forgetful)

    with pytest.raises(HandlerBugError, match=r"run 'lost' was never awaited \(tests/testing/test_environment.py:\d+"):
        durable.run(scenario)


async def test_workflows_are_submitted_and_attached_to(restate_env: Durable) -> None:
    """The promise is completed from the test."""
    env = await restate_env(Signup)
    submitted = await env.submit(Signup.run, "a@b.c", key="ada")
    await env.settle()
    env.promise(Signup, "ada", "confirmed").resolve("yes")
    assert await submitted.attach() == "yes"
