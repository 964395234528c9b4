"""Agents of LangChain and graphs of LangGraph in handlers: identical wherever they crash."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

pytest.importorskip("langchain", reason="belongs to the extra 'langchain'")

from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.errors import GraphRecursionError
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

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
from restate_reflect.agents.langchain import (
    Durability,
    Messages,
    ask_model,
    durable_node,
    handler_as_tool,
    remember,
    run,
)
from restate_reflect.ingress import ServiceError
from restate_reflect.testing import Durable
from tests.agents.scripted_langchain import Script, Streaming, answer, calls, says, started

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::restate_reflect.durable.blocking.BlockedLoopWarning"
)


threads: set[bool] = set()


@tool
async def forecast(city: str) -> str:
    """How it will be."""
    await asyncio.sleep(0.001)
    return city.upper()


@tool
def plain(city: str) -> str:
    """How it is."""
    threads.add(threading.current_thread() is threading.main_thread())
    return city.title()


async def test_model_requests_and_tools_are_steps(durable: Durable) -> None:
    """Plain tools in threads; results in order."""
    script = says([calls("forecast", city="rome"), calls("plain", city="oslo")])
    agent = create_agent(script, tools=[forecast, plain], middleware=[Durability()])

    class Sky:
        async def ask(self, ctx: Context) -> str:
            return await answer(agent, "How is it?")

    env = await started(durable, Sky)
    sent = await env.send(Sky.ask)
    assert await sent.attach() == "ROME, Oslo"
    assert env.journal(sent).steps == ["model request", "tool forecast", "tool plain", "model request"]
    assert threads == {False}


class Stock:
    async def take(self, ctx: ObjectContext, count: int) -> int:
        """Takes some away."""
        if count > 3:
            raise TerminalError("sold out", code=410)
        return 3 - count


async def test_handlers_are_tools(durable: Durable) -> None:
    script = says([calls("take", key="a", count="many")], [calls("take", key="a", count=2)])
    agent = create_agent(script, tools=[handler_as_tool(Stock.take)], middleware=[Durability()])

    class Shop:
        async def ask(self, ctx: Context) -> str:
            return await answer(agent, "Pears!")

    said = await (await started(durable, Shop, Stock)).call(Shop.ask)
    assert "wrong arguments" in said
    assert said.endswith(", 1")


@tool
async def buy() -> str:
    """Buys."""
    raise TerminalError("no money", code=402)


@pytest.mark.parametrize("where", ["step", "handler"])
async def test_terminal_errors_leave_the_agent(durable: Durable, where: str) -> None:
    bought = buy if where == "step" else handler_as_tool(Stock.take, key="a", name="buy")
    script = says([calls("buy", **({} if where == "step" else {"count": 5}))])
    agent = create_agent(script, tools=[bought], middleware=[Durability()])

    class Buyer:
        async def buys(self, ctx: Context) -> str:
            return await answer(agent, "Buy!")

    with pytest.raises(TerminalError, match="no money" if where == "step" else "sold out"):
        await (await started(durable, Buyer, Stock)).call(Buyer.buys)


@tool
@inline
async def wait(days: int) -> str:
    """Waits."""
    await current_context().sleep(timedelta(days=days))
    return "done"


async def test_a_cancelled_invocation_does_not_complete(durable: Durable) -> None:
    agent = create_agent(says([calls("wait", days=1), calls("wait", days=2)]), tools=[wait], middleware=[Durability()])

    class Waiting:
        async def waits(self, ctx: Context) -> str:
            try:
                return await answer(agent, "Wait!")
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
    agent = create_agent(says([calls("plain", city="a")]), tools=[plain], middleware=[Durability()])

    class Endless:
        async def asks(self, ctx: Context, catches: bool) -> str:
            try:
                return str(await run(agent, {"messages": [HumanMessage("?")]}, config={"recursion_limit": 2}))
            except GraphRecursionError:
                if catches:
                    return "enough"
                raise

    env = await started(durable, Endless)
    assert await env.call(Endless.asks, True) == "enough"
    with pytest.raises(TerminalError, match="Recursion limit"):
        await env.call(Endless.asks, False)


async def test_retries_of_model_requests_are_bounded(durable: Durable) -> None:
    agent = create_agent(Script(fails=True), middleware=[Durability(retry=RetryPolicy(max_attempts=2))])

    class Lost:
        async def asks(self, ctx: Context) -> str:
            return await answer(agent, "?")

    with pytest.raises(TerminalError, match="no network"):
        await (await started(durable, Lost)).call(Lost.asks)


class Chat:
    history = State[Messages](default=[])
    tokens = State(int, default=0)

    def __init__(self) -> None:
        self.agent = create_agent(says(), middleware=[Durability(budget=TokenBudget(Chat.tokens, limit=30))])

    async def say(self, ctx: ObjectContext, text: str) -> str:
        history: list[AnyMessage] = await ctx.get(Chat.history)
        result = await run(self.agent, {"messages": [*history, HumanMessage(text)]})
        await remember(Chat.history, result["messages"])
        return str(result["messages"][-1].content)


async def test_a_conversation_and_a_budget_are_kept_in_state(durable: Durable) -> None:
    env = await started(durable, Chat)
    await env.call(Chat.say, "one", key="ann")
    assert await env.call(Chat.say, "two", key="ann") == "one / two"
    assert len(env.state(Chat, "ann").get("history")) == 4
    with pytest.raises(TerminalError, match="30 of 30"):
        await env.call(Chat.say, "three", key="ann")


def mail(amount: int, id: str) -> None:
    """Stands for a mail."""


@tool
@inline
async def refund(amount: int) -> str:
    """Refunds."""
    return "refunded" if await ask_human(mail, amount, answer=bool) else "refused"


async def test_a_human_approves_within_a_tool(durable: Durable) -> None:
    agent = create_agent(says([calls("refund", amount=5)]), tools=[refund], middleware=[Durability()])

    class Desk:
        async def ask(self, ctx: Context) -> str:
            return await answer(agent, "Refund!")

    env = await started(durable, Desk)
    sent = await env.send(Desk.ask)
    await env.settle()
    env.awakeable(sent).resolve(True)
    assert await sent.attach() == "refunded"


class Words(TypedDict, total=False):
    said: str
    shouted: str


def shout(state: Words) -> Words:
    assert threading.current_thread() is not threading.main_thread()
    return {"shouted": state["said"].upper()}


async def test_nodes_and_models_of_graphs_are_steps(durable: Durable) -> None:
    async def ask(state: Words) -> Words:
        return {"said": str((await ask_model(says(), [HumanMessage("hello")])).content)}

    graph = StateGraph(Words)
    graph.add_node("ask", ask)
    graph.add_node("shout", durable_node(shout))
    graph.add_edge(START, "ask")
    graph.add_edge("ask", "shout")
    graph.add_edge("shout", END)
    compiled = graph.compile()

    class Graph:
        async def run(self, ctx: Context) -> str:
            return str((await run(compiled, {}))["shouted"])

    env = await started(durable, Graph)
    sent = await env.send(Graph.run)
    assert await sent.attach() == "HELLO"
    assert env.journal(sent).steps == ["model request", "node shout"]


async def test_callbacks_of_a_model_are_live_in_the_step(durable: Durable) -> None:
    heard: list[str] = []

    class Listening(AsyncCallbackHandler):
        async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
            with pytest.raises(Exception, match="no handler runs"):
                current_context()
            heard.append("end")

    agent = create_agent(Script(callbacks=[Listening()]), middleware=[Durability()])

    class Asking:
        async def ask(self, ctx: Context) -> str:
            return await answer(agent, "hello")

    assert await (await started(durable, Asking)).call(Asking.ask) == "hello"
    assert heard


async def test_chunks_reach_a_callback_in_the_step_and_the_whole_is_journaled(restate_env: Durable) -> None:
    """Of an agent, with a tool between two requests, and of a node; not on replay, and not in handler code."""
    live: list[str] = []

    async def on_event(chunk: Any) -> None:
        with pytest.raises(Exception, match="no handler runs"):
            current_context()
        live.append(chunk.content)

    script = Streaming(turns=[[calls("plain", city="oslo")], lambda messages: "one two three"])
    agent = create_agent(script, tools=[plain], middleware=[Durability(on_event=on_event)])

    class Counting:
        async def ask(self, ctx: Context) -> list[str]:
            said = await answer(agent, "Count!")
            again = await ask_model(Streaming(), [HumanMessage("four five")], on_event=on_event)
            await ctx.awakeable(bool)
            return [said, str(again.content)]

    env = await started(restate_env, Counting)
    sent = await env.send(Counting.ask)
    await env.settle()
    assert [each for each in live if each] == ["one ", "two ", "three ", "four ", "five "]
    env.crash(sent)
    await env.settle()
    env.awakeable(sent).resolve(True)
    assert await sent.attach() == ["one two three ", "four five "]
    assert env.journal(sent).steps == ["model request", "tool plain", "model request", "model request"]
    assert len([each for each in live if each]) == 5


async def test_a_callback_that_fails_fails_the_step(restate_env: Durable) -> None:
    async def on_event(chunk: Any) -> None:
        raise TerminalError("nobody listens")

    agent = create_agent(Streaming(), middleware=[Durability(on_event=on_event)])

    class Talking:
        async def ask(self, ctx: Context) -> str:
            return await answer(agent, "hello")

    with pytest.raises(TerminalError, match="nobody listens"):
        await (await started(restate_env, Talking)).call(Talking.ask)
