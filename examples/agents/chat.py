"""A chat that remembers: one virtual object per conversation, with its history and its token budget in state.

Try it, with a key of OpenAI in the environment::

    restate-reflect serve examples.agents.chat --with-server
    curl localhost:8080/Chat/ann/say --json '"My name is Ann."'
    curl localhost:8080/Chat/ann/say --json '"What is my name?"'
"""

from __future__ import annotations

from pydantic_ai import Agent
from pydantic_ai.models import Model

from restate_reflect import ObjectContext, ObjectSharedContext, State
from restate_reflect.agents import TokenBudget
from restate_reflect.agents.pydantic_ai import Durability, Messages, remember


class Chat:
    """A conversation; the key is whose it is."""

    history = State[Messages](default=[])
    tokens = State(int, default=0)

    def __init__(self, model: Model | str = "openai:gpt-5.2", limit: int = 100_000) -> None:
        self.agent = Agent(
            model,
            capabilities=[Durability(budget=TokenBudget(Chat.tokens, limit))],
            defer_model_check=True,
        )

    async def say(self, ctx: ObjectContext, text: str) -> str:
        """Says something, and gives the answer back. Fails with 429 once the budget is used up."""
        history = await ctx.get(Chat.history)
        result = await self.agent.run(text, message_history=history)
        await remember(Chat.history, result.all_messages())
        return result.output

    async def used(self, ctx: ObjectSharedContext) -> int:
        """How many tokens were used."""
        return await ctx.get(Chat.tokens)

    async def forget(self, ctx: ObjectContext) -> None:
        """Begins anew; what was used stays counted."""
        ctx.clear(Chat.history)
