"""What the examples do, with agents of openai-agents and scripted models, to be served by a process that is killed."""

from __future__ import annotations

from typing import Any

from agents import Agent

from examples.agents.support import Account, Deliveries, look_up, refund
from restate_reflect import Context, ObjectContext, State
from restate_reflect.agents import TokenBudget
from restate_reflect.agents.openai_agents import Items, Options, StateSession, durable_tool, handler_as_tool, run
from tests.agents.gates import GATES
from tests.agents.scripted_openai import calls, heard, returned, says

account, deliveries = Account(), Deliveries()


class Support:
    agent: Agent[Any] = Agent(
        "support", tools=[durable_tool(look_up), durable_tool(refund), handler_as_tool(Deliveries.where)]
    )
    config = says(
        lambda input: [calls("look_up", number=heard(input)), calls("where", number=heard(input))],
        lambda input: [calls("refund", number=heard(input))],
        returned,
        gates=GATES,
        name="support",
    )

    async def ask(self, ctx: Context, question: str) -> str:
        return str((await run(self.agent, question, run_config=self.config)).final_output)


class Researcher:
    agent: Agent[Any] = Agent("researcher")
    config = says(lambda input: f"about {heard(input)}", gates=GATES, name="researcher")

    async def answer(self, ctx: Context, question: str) -> str:
        """Finds out one thing."""
        return str((await run(self.agent, question, run_config=self.config)).final_output)


class Research:
    agent: Agent[Any] = Agent("lead", tools=[handler_as_tool(Researcher.answer, name="find_out")])
    config = says(
        [calls("find_out", question=each) for each in ("steel", "stone", "rope")], returned, gates=GATES, name="lead"
    )

    async def report(self, ctx: Context, topic: str) -> str:
        return str((await run(self.agent, topic, run_config=self.config)).final_output)


@durable_tool
def nothing() -> str:
    """Does nothing, so that a turn of the chat takes two requests."""
    return "nothing"


class Chat:
    items = State[Items](default=[])
    tokens = State(int, default=0)
    agent: Agent[Any] = Agent("chat", tools=[nothing])
    config = says([calls("nothing")], heard, gates=GATES, name="chat")

    async def say(self, ctx: ObjectContext, text: str) -> str:
        options = Options(budget=TokenBudget(Chat.tokens, limit=100))
        session = StateSession(Chat.items)
        result = await run(self.agent, text, run_config=self.config, session=session, options=options)
        return str(result.final_output)


support, researcher, research, chat = Support(), Researcher(), Research(), Chat()
