"""Agents of openai-agents in handlers: identical wherever they crash, and each model request is made once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

pytest.importorskip("agents", reason="belongs to the extra 'openai-agents'")

from agents import Agent, MaxTurnsExceeded, Model, ModelProvider, ModelResponse, RunConfig, Runner
from pydantic import BaseModel

from restate_reflect import (
    Context,
    InvocationCancelledError,
    ObjectContext,
    RetryPolicy,
    State,
    TerminalError,
    current_context,
)
from restate_reflect.agents import TokenBudget, ask_human, inline
from restate_reflect.agents.openai_agents import (
    Items,
    Options,
    StateSession,
    durable_config,
    durable_tool,
    handler_as_tool,
    run,
)
from restate_reflect.ingress import ServiceError
from restate_reflect.testing import Durable
from tests.agents.scripted_openai import Script, calls, says, started

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::restate_reflect.durable.blocking.BlockedLoopWarning"
)


class Weather(BaseModel):
    city: str


threads: set[bool] = set()


@durable_tool
async def forecast(city: str) -> Weather:
    """How it will be."""
    await asyncio.sleep(0.001)
    return Weather(city=city)


@durable_tool
def plain(city: str) -> str:
    """How it is."""
    threads.add(threading.current_thread() is threading.main_thread())
    return city.upper()


async def test_model_requests_and_tools_are_steps(durable: Durable) -> None:
    """Plain ones in threads; usage is counted, and the results are in order."""
    agent: Agent[Any] = Agent("sky", tools=[forecast, plain])
    config = says([calls("forecast", city="rome"), calls("plain", city="oslo")])

    class Sky:
        async def ask(self, ctx: Context) -> tuple[str, int]:
            result = await run(agent, "How is it?", run_config=config)
            return str(result.final_output), result.context_wrapper.usage.total_tokens

    env = await started(durable, Sky)
    sent = await env.send(Sky.ask)
    assert await sent.attach() == ('{"city":"rome"}, OSLO', 30)
    assert env.journal(sent).steps == ["model request", "tool forecast", "tool plain", "model request"]
    assert threads == {False}


class Stock:
    async def take(self, ctx: ObjectContext, count: int) -> int:
        """Takes some away."""
        if count > 3:
            raise TerminalError("sold out", code=410)
        return 3 - count


async def test_handlers_are_tools(durable: Durable) -> None:
    """Wrong arguments are told to the model."""
    agent: Agent[Any] = Agent("shop", tools=[handler_as_tool(Stock.take)])
    config = says([calls("take", key="a", count="many")], [calls("take", key="a", count=2)])

    class Shop:
        async def ask(self, ctx: Context) -> str:
            return str((await run(agent, "Pears!", run_config=config)).final_output)

    answer = await (await started(durable, Shop, Stock)).call(Shop.ask)
    assert "wrong arguments" in answer
    assert answer.endswith(", 1")


@durable_tool
async def buy() -> str:
    """Buys."""
    raise TerminalError("no money", code=402)


@pytest.mark.parametrize("where", ["step", "handler"])
async def test_terminal_errors_leave_the_agent(durable: Durable, where: str) -> None:
    tool = buy if where == "step" else handler_as_tool(Stock.take, key="a", name="buy")
    agent: Agent[Any] = Agent("buyer", tools=[tool])

    class Buyer:
        async def buys(self, ctx: Context) -> str:
            return str((await run(agent, "Buy!", run_config=says([calls("buy", count=5)]))).final_output)

    with pytest.raises(TerminalError, match="no money" if where == "step" else "sold out"):
        await (await started(durable, Buyer, Stock)).call(Buyer.buys)


@durable_tool
@inline
async def wait(days: int) -> str:
    """Waits."""
    await current_context().sleep(days * 86400)
    return "done"


async def test_a_cancelled_invocation_does_not_complete(durable: Durable) -> None:
    """Although the library makes texts of errors of tools."""
    agent: Agent[Any] = Agent("waiting", tools=[wait])
    config = says([calls("wait", days=1), calls("wait", days=2)])

    class Waiting:
        async def waits(self, ctx: Context) -> str:
            try:
                return str((await run(agent, "Wait!", run_config=config)).final_output)
            except InvocationCancelledError:
                await ctx.run("undone", str)
                raise

    env = await started(durable, Waiting, auto_skip=False)
    sent = await env.send(Waiting.waits)
    await env.settle()
    await sent.cancel()
    with pytest.raises(ServiceError, match="cancelled"):
        await sent.attach()
    assert "undone" in env.journal(sent).steps


async def test_the_end_of_a_run_ends_the_invocation(durable: Durable) -> None:
    agent: Agent[Any] = Agent("endless", tools=[plain])
    config = says([calls("plain", city="a")], [calls("plain", city="b")])

    class Endless:
        async def asks(self, ctx: Context, catches: bool) -> str:
            try:
                return str((await run(agent, "?", run_config=config, max_turns=1)).final_output)
            except MaxTurnsExceeded:
                if catches:
                    return "enough"
                raise

    env = await started(durable, Endless)
    assert await env.call(Endless.asks, True) == "enough"
    with pytest.raises(TerminalError, match="Max turns"):
        await env.call(Endless.asks, False)


async def test_retries_of_model_requests_are_bounded(durable: Durable) -> None:
    class Broken(Script):
        async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
            raise ConnectionError("no network")

    agent: Agent[Any] = Agent("lost")
    options = Options(retry=RetryPolicy(max_attempts=2))

    class Lost:
        async def asks(self, ctx: Context) -> str:
            return str((await run(agent, "?", run_config=RunConfig(model=Broken()), options=options)).final_output)

    with pytest.raises(TerminalError, match="no network"):
        await (await started(durable, Lost)).call(Lost.asks)


class Chat:
    items = State[Items](default=[])
    tokens = State(int, default=0)
    agent: Agent[Any] = Agent("chat")

    async def say(self, ctx: ObjectContext, words: str) -> str:
        options = Options(budget=TokenBudget(Chat.tokens, limit=30))
        result = await run(self.agent, words, run_config=says(), session=StateSession(Chat.items), options=options)
        return str(result.final_output)


async def test_a_conversation_and_a_budget_are_kept_in_state(durable: Durable) -> None:
    env = await started(durable, Chat)
    await env.call(Chat.say, "one", key="ann")
    assert await env.call(Chat.say, "two", key="ann") == "one / two"
    assert len(env.state(Chat, "ann").get("items")) == 4
    with pytest.raises(TerminalError, match="30 of 30"):
        await env.call(Chat.say, "three", key="ann")


async def test_hand_offs(durable: Durable) -> None:
    """The other agent's requests are steps as well."""
    expert: Agent[Any] = Agent("expert", tools=[plain], model="expert")
    first: Agent[Any] = Agent("first", handoffs=[expert], model="first")

    class Both(ModelProvider):
        def get_model(self, model_name: str | None) -> Model:
            hand_off = [calls("transfer_to_expert")]
            return Script(hand_off, [calls("plain", city="oslo")])

    class Desk:
        async def ask(self, ctx: Context) -> str:
            result = await run(first, "?", run_config=RunConfig(model_provider=Both()))
            return f"{result.last_agent.name}: {result.final_output}"

    env = await started(durable, Desk)
    sent = await env.send(Desk.ask)
    assert (await sent.attach()).startswith("expert: ")
    assert env.journal(sent).steps == ["model request", "model request", "tool plain", "model request"]


async def test_events_are_live_in_the_step_and_runs_can_be_streamed(durable: Durable) -> None:
    live: list[str] = []
    agent: Agent[Any] = Agent("streaming")

    async def on_event(event: Any) -> None:
        live.append(event.type)

    class Streaming:
        async def runs(self, ctx: Context) -> str:
            return str((await run(agent, "one", run_config=says(), options=Options(on_event=on_event))).final_output)

        async def streams(self, ctx: Context) -> str:
            streamed = Runner.run_streamed(agent, "two", run_config=durable_config(says()))
            async for _ in streamed.stream_events():
                pass
            return str(streamed.final_output)

    env = await started(durable, Streaming)
    assert await env.call(Streaming.runs) == "one"
    assert set(live) == {"response.completed"}
    assert await env.call(Streaming.streams) == "two"


asked: list[str] = []


def mail(amount: int, id: str) -> None:
    asked.append(id)


@durable_tool
@inline
async def refund(amount: int) -> str:
    """Refunds."""
    return "refunded" if await ask_human(mail, amount, answer=bool) else "refused"


async def test_a_human_approves_within_a_tool(durable: Durable) -> None:
    agent: Agent[Any] = Agent("desk", tools=[refund])

    class Desk:
        async def ask(self, ctx: Context) -> str:
            result = await run(agent, "Refund!", run_config=says([calls("refund", amount=5)]))
            return str(result.final_output)

    env = await started(durable, Desk)
    sent = await env.send(Desk.ask)
    await env.settle()
    env.awakeable(sent).resolve(True)
    assert await sent.attach() == "refunded"
