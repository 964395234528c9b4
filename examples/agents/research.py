"""A research agent that fans out: its model asks sub-agents, each an invocation of its own, all at once.

``Researcher.answer`` is a handler, and a tool of the lead's agent: its calls run beside each other, wherever there is a
process for them, and each is journaled where it runs.

Try it, with a key of OpenAI in the environment::

    restate-reflect serve examples.agents.research --with-server
    curl localhost:8080/Research/report --json '"How do bridges age?"'
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from pydantic_ai import Agent
from pydantic_ai.models import Model

from restate_reflect import Context, TerminalError
from restate_reflect.agents.pydantic_ai import Durability, handler_as_tool

MODEL = "openai:gpt-5.2"


class Researcher:
    """A sub-agent."""

    def __init__(self, model: Model | str = MODEL) -> None:
        self.agent = Agent(
            model,
            instructions="Answer in one paragraph.",
            capabilities=[Durability()],
            defer_model_check=True,
        )

    async def answer(self, ctx: Context, question: str) -> str:
        """Finds out one thing."""
        return (await self.agent.run(question)).output


class Research:
    """Writes reports."""

    def __init__(self, model: Model | str = MODEL, patience: timedelta = timedelta(hours=1)) -> None:
        self.patience = patience
        self.agent = Agent(
            model,
            instructions="Split the topic into questions, have all of them answered at once, and write a report.",
            tools=[handler_as_tool(Researcher.answer, name="find_out")],
            capabilities=[Durability()],
            defer_model_check=True,
        )

    async def report(self, ctx: Context, topic: str) -> str:
        """A report on a topic, made in an hour or not at all."""
        try:
            async with asyncio.timeout(self.patience.total_seconds()):
                return (await self.agent.run(topic)).output
        except TimeoutError:
            raise TerminalError(f"no report in {self.patience}", code=504) from None
