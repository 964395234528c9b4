"""Agents of pydantic-ai in handlers: identical wherever they crash, and each model request is made once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="belongs to the extra 'pydantic-ai'")

from pydantic import BaseModel
from pydantic_ai import Agent, ModelRetry, RunContext, Tool
from pydantic_ai.exceptions import ApprovalRequired, CallDeferred, UsageLimitExceeded
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset, ToolsetTool
from pydantic_ai.usage import UsageLimits

from restate_reflect import (
    Context,
    InvocationCancelledError,
    ObjectContext,
    RetryPolicy,
    State,
    TerminalError,
    current_context,
    handler_of,
)
from restate_reflect.agents import TokenBudget, ask_human, inline
from restate_reflect.agents.pydantic_ai import Durability, Messages, handler_as_tool, remember
from restate_reflect.ingress import ServiceError
from restate_reflect.testing import Durable
from tests.agents.scripted import calls, heard, returned, says, started

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    # What it imports late takes its time.
    "ignore::restate_reflect.durable.blocking.BlockedLoopWarning",
)


class Weather(BaseModel):
    city: str
    degrees: int


async def forecast(city: str) -> Weather:
    await asyncio.sleep(0.001)
    return Weather(city=city, degrees=len(city))


async def test_model_requests_and_tools_are_steps(durable: Durable) -> None:
    """By name; the results have the types that the tools declare, and the usage of all requests is counted."""
    both = [calls("forecast", city="rome"), calls("forecast", city="reykjavik")]
    agent = Agent(says(both, returned), tools=[forecast], capabilities=[Durability("sky")])

    class Sky:
        async def ask(self, ctx: Context) -> tuple[str, int, list[str]]:
            result = await agent.run("How is it?")
            found: list[Any] = [
                part.content
                for message in result.all_messages()
                for part in message.parts
                if isinstance(part, ToolReturnPart)
            ]
            assert all(isinstance(each, Weather) for each in found)
            usage = result.usage
            return result.output, usage.total_tokens, [each.city for each in found]

    env = await started(durable, Sky)
    sent = await env.send(Sky.ask)
    output, tokens, cities = await sent.attach()
    assert output == "city='rome' degrees=4, city='reykjavik' degrees=9"
    assert (tokens, cities) == (30, ["rome", "reykjavik"])
    assert env.journal(sent).steps == [
        "sky: model request",
        "sky: tool forecast",
        "sky: tool forecast",
        "sky: model request",
    ]


async def test_plain_tools_run_in_threads_of_their_steps(durable: Durable) -> None:
    threads: set[bool] = set()

    def double(number: int) -> int:
        threads.add(threading.current_thread() is threading.main_thread())
        return number * 2

    agent = Agent(says([calls("double", number=4)], returned), tools=[double], capabilities=[Durability()])

    class Maths:
        async def ask(self, ctx: Context) -> str:
            return (await agent.run("4?")).output

    assert await (await started(durable, Maths)).call(Maths.ask) == "8"
    assert threads == {False}


async def test_plain_instructions_and_output_functions_run_at_once(durable: Durable) -> None:
    """They are handler code."""

    def shout(text: str) -> str:
        assert current_context().request.id
        return text.upper()

    agent = Agent(says([calls("final_result", text="hello")]), output_type=shout, capabilities=[Durability()])

    @agent.instructions
    def politely() -> str:
        return f"Be polite to {current_context().request.id}."

    class Shouting:
        async def ask(self, ctx: Context) -> str:
            result = await agent.run("Hello?")
            (request, *_) = result.all_messages()
            assert isinstance(request, ModelRequest)
            assert ctx.request.id in (request.instructions or "")
            return result.output

    assert await (await started(durable, Shouting)).call(Shouting.ask) == "HELLO"


class Stock:
    """How much is there."""

    amount = State(int, default=3)

    async def take(self, ctx: ObjectContext, count: int = 1) -> int:
        """Takes some away.

        Returns what is left.
        """
        left = await ctx.get(Stock.amount) - count
        if left < 0:
            raise TerminalError("sold out", code=410)
        ctx.set(Stock.amount, left)
        return left


class Clerk:
    async def greet(self, ctx: Context, name: str, polite: bool = False) -> str:
        return f"{'Good day' if polite else 'Hi'}, {name}!"


async def test_handlers_are_tools(durable: Durable) -> None:
    """With the schema of reflection, a key that the model chooses, and wrong arguments that it hears of."""
    seen: list[Any] = []

    def shown(messages: list[ModelMessage]) -> list[ToolCallPart]:
        return [calls("take", key="pears", count="many"), calls("greet", name="Ann", polite=True)]

    def again(messages: list[ModelMessage]) -> list[ToolCallPart]:
        seen.append(returned(messages))
        return [calls("take", key="pears", count=2)]

    tools = [handler_as_tool(Stock.take), handler_as_tool(Clerk.greet, description="Says hello.")]
    agent = Agent(says(shown, again, returned), tools=tools, capabilities=[Durability()])

    class Shop:
        async def ask(self, ctx: Context) -> str:
            return (await agent.run("Pears!")).output

    env = await started(durable, Shop, Stock, Clerk)
    assert await env.call(Shop.ask) == "1"
    assert "Good day, Ann!" in seen[0]
    assert "count" in seen[0]
    assert env.state(Stock, "pears").get("amount") == 1


def test_the_schema_of_a_handler_has_its_parameters_and_the_key() -> None:
    tool = handler_as_tool(Stock.take)
    schema = tool.function_schema.json_schema
    assert list(schema["properties"]) == ["key", "count"]
    assert schema["required"] == ["key"]
    assert tool.description == "Takes some away.\n\nReturns what is left."
    fixed = handler_as_tool(Stock.take, key="pears", name="take_pears")
    assert list(fixed.function_schema.json_schema["properties"]) == ["count"]
    assert fixed.name == "take_pears"


async def test_control_exceptions_pass_through_steps(durable: Durable) -> None:
    """``ModelRetry`` reaches the model, and its call is not made again later on."""
    raised: list[int] = []

    async def guess(number: int) -> str:
        raised.append(number)
        if number != 7:
            raise ModelRetry(f"{number} is wrong")
        return "right"

    agent = Agent(
        says([calls("guess", number=3)], [calls("guess", number=7)], returned),
        tools=[guess],
        capabilities=[Durability()],
    )

    class Game:
        async def play(self, ctx: Context) -> str:
            return (await agent.run("Guess!")).output

    assert await (await started(durable, Game)).call(Game.play) == "right"
    assert list(dict.fromkeys(raised)) == [3, 7]


async def test_deferral_and_approval_pass_through_steps(durable: Durable) -> None:
    """With their metadata, and the run goes on with what was decided."""

    async def pay(ctx: RunContext[None], amount: int) -> str:
        if not ctx.tool_call_approved:
            raise ApprovalRequired(metadata={"amount": amount})
        return f"paid {amount}"

    async def phone(who: str) -> str:
        raise CallDeferred(metadata={"who": who})

    agent: Agent[None, str | DeferredToolRequests] = Agent(
        says([calls("pay", amount=5), calls("phone", who="Ann")], returned),
        tools=[Tool(pay), Tool(phone)],
        output_type=[str, DeferredToolRequests],
        capabilities=[Durability()],
    )

    class Office:
        async def work(self, ctx: Context) -> str:
            first = await agent.run("Pay and phone!")
            asked = first.output
            assert isinstance(asked, DeferredToolRequests)
            assert [call.tool_name for call in asked.approvals] == ["pay"]
            assert sorted(map(str, asked.metadata.values())) == ["{'amount': 5}", "{'who': 'Ann'}"]
            results = DeferredToolResults(
                approvals={call.tool_call_id: True for call in asked.approvals},
                calls={call.tool_call_id: "spoke" for call in asked.calls},
            )
            second = await agent.run(message_history=first.all_messages(), deferred_tool_results=results)
            return str(second.output)

    assert sorted((await (await started(durable, Office)).call(Office.work)).split(", ")) == ["paid 5", "spoke"]


@pytest.mark.parametrize("where", ["step", "inline", "handler"])
async def test_terminal_errors_leave_the_agent(durable: Durable, where: str) -> None:
    async def buy() -> str:
        if where == "inline":
            await current_context().sleep(1)
        raise TerminalError("no money", code=402)

    tool: Any = buy
    if where != "step":
        tool = inline(buy) if where == "inline" else handler_as_tool(Stock.take, key="a", name="buy")
    wanted = {"count": 5} if where == "handler" else {}
    agent = Agent(says([calls("buy", **wanted)], returned), tools=[tool], capabilities=[Durability()])

    class Buyer:
        async def buys(self, ctx: Context) -> str:
            return (await agent.run("Buy!")).output

    env = await started(durable, Buyer, Stock)
    with pytest.raises(TerminalError, match="sold out" if where == "handler" else "no money"):
        await env.call(Buyer.buys)


async def test_a_cancelled_invocation_does_not_complete(durable: Durable) -> None:
    """While two tools wait; compensation runs."""

    @inline
    async def wait(days: int) -> str:
        await current_context().sleep(timedelta(days=days))
        return "done"

    agent = Agent(
        says([calls("wait", days=1), calls("wait", days=2)], returned), tools=[wait], capabilities=[Durability()]
    )

    class Waiting:
        async def waits(self, ctx: Context) -> str:
            try:
                return (await agent.run("Wait!")).output
            except InvocationCancelledError:
                await ctx.run("undone", done)
                raise

    def done() -> str:
        return "undone"

    env = await started(durable, Waiting, auto_skip=False)
    sent = await env.send(Waiting.waits)
    await env.settle()
    await sent.cancel()
    with pytest.raises(ServiceError, match="cancelled"):
        await sent.attach()
    assert "undone" in env.journal(sent).steps


async def test_the_end_of_a_run_ends_the_invocation(durable: Durable) -> None:
    """It would be the same on every replay; both classes find it."""
    agent = Agent(says([calls("forecast", city="rome")]), tools=[forecast], capabilities=[Durability()])

    class Endless:
        async def asks(self, ctx: Context, catches: bool) -> str:
            try:
                return (await agent.run("How is it?", usage_limits=UsageLimits(request_limit=2))).output
            except UsageLimitExceeded:
                if catches:
                    return "enough"
                raise

    env = await started(durable, Endless)
    assert await env.call(Endless.asks, True) == "enough"
    with pytest.raises(TerminalError, match="request_limit of 2"):
        await env.call(Endless.asks, False)


async def test_retries_of_model_requests_are_bounded(durable: Durable) -> None:
    asked: list[int] = []

    async def broken(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        asked.append(1)
        raise ConnectionError("no network")

    agent = Agent(FunctionModel(broken), capabilities=[Durability(retry=RetryPolicy(max_attempts=2))])

    class Lost:
        async def asks(self, ctx: Context) -> str:
            return (await agent.run("Hello?")).output

    with pytest.raises(TerminalError, match="no network"):
        await (await started(durable, Lost)).call(Lost.asks)


async def test_a_run_may_have_its_own_model(durable: Durable) -> None:
    agent = Agent(says("the agent's"), capabilities=[Durability()])
    other = says("another")

    class Choosing:
        async def asks(self, ctx: Context) -> str:
            return (await agent.run("Who?", model=other)).output

    env = await started(durable, Choosing)
    sent = await env.send(Choosing.asks)
    assert await sent.attach() == "another"
    assert env.journal(sent).steps == ["model request"]


async def test_events_are_live_in_the_step_and_replayed_to_the_handler(durable: Durable) -> None:
    live: list[str] = []

    async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
        for word in ("one ", "two ", "three"):
            await asyncio.sleep(0)
            yield word

    async def on_event(event: Any) -> None:
        live.append(type(event).__name__)

    agent = Agent(FunctionModel(stream_function=stream), capabilities=[Durability(on_event=on_event)])

    class Streaming:
        async def runs(self, ctx: Context) -> str:
            return (await agent.run("Count!")).output

        async def iterates(self, ctx: Context) -> list[str]:
            async with agent.run_stream("Count!") as streamed:
                return [text async for text in streamed.stream_text(debounce_by=None)][-1:]

    env = await started(durable, Streaming)
    assert await env.call(Streaming.runs) == "one two three"
    assert live.count("PartDeltaEvent") >= 2
    assert await env.call(Streaming.iterates) == ["one two three"]


class Chat:
    history = State[Messages](default=[])
    tokens = State(int, default=0)

    def __init__(self, agent: Agent[None, str]) -> None:
        self.agent = agent

    async def say(self, ctx: ObjectContext, text: str) -> str:
        history = await ctx.get(Chat.history)
        result = await self.agent.run(text, message_history=history)
        await remember(Chat.history, result.all_messages())
        return result.output


async def test_a_conversation_is_kept_in_state(durable: Durable) -> None:
    """It reads back equal, times and ids included; a tool's result as the model was shown it."""
    agent = Agent(says([calls("forecast", city="rome")], heard), tools=[forecast], capabilities=[Durability()])
    env = await started(durable, Chat(agent))
    assert await env.call(Chat.say, "one", key="ann") == "one"
    kept = env.state(Chat, "ann").get("history")
    assert [part["part_kind"] for message in kept for part in message["parts"]] == [
        "user-prompt", "tool-call", "tool-return", "text",
    ]  # fmt: skip
    assert kept[2]["parts"][0]["content"] == {"city": "rome", "degrees": 4}
    assert await env.call(Chat.say, "two", key="ann") == "one / two"


async def test_a_budget_is_counted_in_state(durable: Durable) -> None:
    """Over conversations; what is above it ends the invocation before the model is asked."""
    agent = Agent(says(heard), capabilities=[Durability(budget=TokenBudget(Chat.tokens, limit=30))])
    env = await started(durable, Chat(agent))
    await env.call(Chat.say, "one", key="ann")
    await env.call(Chat.say, "two", key="ann")
    assert env.state(Chat, "ann").get("tokens") == 30
    with pytest.raises(TerminalError, match="30 of 30"):
        await env.call(Chat.say, "three", key="ann")
    assert await env.call(Chat.say, "one", key="bob") == "one"


async def test_a_human_approves_within_a_tool(durable: Durable) -> None:
    asked: list[str] = []

    def mail(amount: int, id: str) -> None:
        asked.append(id)

    @inline
    async def refund(amount: int) -> str:
        try:
            approved = await ask_human(mail, amount, answer=bool, within=timedelta(days=3))
        except TimeoutError:
            return "nobody answered"
        return "refunded" if approved else "refused"

    agent = Agent(says([calls("refund", amount=5)], returned), tools=[refund], capabilities=[Durability()])

    class Desk:
        async def ask(self, ctx: Context) -> str:
            return (await agent.run("Refund!")).output

    env = await started(durable, Desk)
    sent = await env.send(Desk.ask)
    await env.settle()
    env.awakeable(sent).resolve(True)
    assert await sent.attach() == "refunded"
    assert await env.call(Desk.ask) == "nobody answered"


async def test_agents_call_agents_as_services_and_in_tools(durable: Durable) -> None:
    inner = Agent(says("inner answer"), capabilities=[Durability("inner")])

    class Expert:
        async def answer(self, ctx: Context, question: str) -> str:
            return (await inner.run(question)).output

    @inline
    async def consult(question: str) -> str:
        return f"direct {(await inner.run(question)).output}"

    both = [calls("answer", question="a"), calls("consult", question="b")]
    outer = Agent(
        says(both, returned),
        tools=[handler_as_tool(handler_of(Expert, "answer")), consult],
        capabilities=[Durability("outer")],
    )

    class Boss:
        async def ask(self, ctx: Context) -> str:
            return (await outer.run("?")).output

    assert await (await started(durable, Boss, Expert)).call(Boss.ask) == "inner answer, direct inner answer"


async def test_a_run_has_a_deadline(durable: Durable) -> None:
    """A durable timer, in which the invocation may suspend."""

    @inline
    async def wait() -> str:
        await asyncio.sleep(1000)
        return "late"

    agent = Agent(says([calls("wait")], returned), tools=[wait], capabilities=[Durability()])

    class Patient:
        async def asks(self, ctx: Context) -> str:
            try:
                async with asyncio.timeout(60):
                    return (await agent.run("Wait!")).output
            except TimeoutError:
                return "gave up"

    assert await (await started(durable, Patient)).call(Patient.asks) == "gave up"


async def test_a_tools_own_timeout_is_told_to_the_model(durable: Durable) -> None:
    async def slow() -> str:
        await asyncio.Event().wait()
        return "never"

    agent = Agent(says([calls("slow")], returned), tools=[Tool(slow, timeout=0.01)], capabilities=[Durability()])

    class Impatient:
        async def asks(self, ctx: Context) -> str:
            return (await agent.run("?")).output

    assert "Timed out" in await (await started(durable, Impatient)).call(Impatient.asks)


@dataclass
class Server(AbstractToolset[None]):
    """Stands for a server that is asked for its tools: it counts, and must not be asked by handler code."""

    listed: int = 0

    @property
    def id(self) -> str | None:
        return "server"

    def _outside(self) -> None:
        with pytest.raises(Exception, match="no handler runs"):
            current_context()

    async def __aenter__(self) -> Server:
        self._outside()
        return self

    async def __aexit__(self, *args: Any) -> bool | None:
        return None

    async def get_tools(self, ctx: RunContext[None]) -> dict[str, ToolsetTool[None]]:
        self._outside()
        self.listed += 1
        toolset: FunctionToolset[None] = FunctionToolset([forecast])
        return await toolset.get_tools(ctx)

    async def call_tool(self, name: str, tool_args: dict[str, Any], ctx: RunContext[None], tool: Any) -> Any:
        self._outside()
        if tool_args["city"] == "nowhere":
            raise ModelRetry("no such city")
        return {"city": tool_args["city"]}


async def test_listings_and_calls_of_servers_are_steps(durable: Durable) -> None:
    server = Server()
    agent = Agent(
        says([calls("forecast", city="nowhere")], [calls("forecast", city="rome")], returned),
        toolsets=[server],
        capabilities=[Durability()],
    )

    class Asking:
        async def ask(self, ctx: Context) -> str:
            return (await agent.run("?")).output

    env = await started(durable, Asking)
    sent = await env.send(Asking.ask)
    assert await sent.attach() == "{'city': 'rome'}"
    assert set(env.journal(sent).steps) == {"model request", "list tools", "tool forecast"}


def test_outside_of_handlers_an_agent_is_as_ever() -> None:
    agent = Agent(says([calls("forecast", city="rome")], returned), tools=[forecast], capabilities=[Durability()])
    assert "rome" in agent.run_sync("How is it?").output
