"""What the examples do, with agents of LangChain and scripted models, to be served by a process that is killed."""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.tools import tool

from examples.agents.support import Account, Deliveries, look_up, refund
from restate_reflect import Context, ObjectContext, State
from restate_reflect.agents import TokenBudget
from restate_reflect.agents.langchain import Durability, Messages, handler_as_tool, remember, run
from tests.agents.gates import GATES
from tests.agents.scripted_langchain import answer, calls, heard, returned, says

account, deliveries = Account(), Deliveries()


class Support:
    agent = create_agent(
        says(
            lambda messages: [calls("look_up", number=heard(messages)), calls("where", number=heard(messages))],
            lambda messages: [calls("refund", number=heard(messages))],
            returned,
            gates=GATES,
            name="support",
        ),
        tools=[tool(look_up), tool(refund), handler_as_tool(Deliveries.where)],
        middleware=[Durability()],
    )

    async def ask(self, ctx: Context, question: str) -> str:
        return await answer(self.agent, question)


class Researcher:
    agent = create_agent(
        says(lambda messages: f"about {heard(messages)}", gates=GATES, name="researcher"), middleware=[Durability()]
    )

    async def answer(self, ctx: Context, question: str) -> str:
        """Finds out one thing."""
        return await answer(self.agent, question)


class Research:
    agent = create_agent(
        says(
            [calls("find_out", question=each) for each in ("steel", "stone", "rope")],
            returned,
            gates=GATES,
            name="lead",
        ),
        tools=[handler_as_tool(Researcher.answer, name="find_out")],
        middleware=[Durability()],
    )

    async def report(self, ctx: Context, topic: str) -> str:
        return await answer(self.agent, topic)


@tool
def nothing() -> str:
    """Does nothing, so that a turn of the chat takes two requests."""
    return "nothing"


class Chat:
    history = State[Messages](default=[])
    tokens = State(int, default=0)

    def __init__(self) -> None:
        script = says([calls("nothing")], heard, gates=GATES, name="chat")
        budget = TokenBudget(Chat.tokens, limit=100)
        self.agent = create_agent(script, tools=[nothing], middleware=[Durability(budget=budget)])

    async def say(self, ctx: ObjectContext, text: str) -> str:
        history: list[AnyMessage] = await ctx.get(Chat.history)
        result = await run(self.agent, {"messages": [*history, HumanMessage(text)]})
        await remember(Chat.history, result["messages"])
        return str(result["messages"][-1].content)


support, researcher, research, chat = Support(), Researcher(), Research(), Chat()
