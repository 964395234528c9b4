"""Conversations in declared state."""

from __future__ import annotations

from pydantic_ai.messages import ModelMessage

from restate_reflect.agents.places import writing_context
from restate_reflect.agents.pydantic_ai.payloads import MESSAGES, Messages
from restate_reflect.context import State

__all__ = ["remember"]


async def remember(history: State[list[ModelMessage]], messages: list[ModelMessage]) -> None:
    """Keeps messages in state: ``await remember(Chat.history, result.all_messages())``.

    They are journaled by a step of their own: a run gives messages the time of the clock and random ids, other ones on
    each replay. A tool's result is kept as the model was shown it.
    """
    ctx = writing_context("remember")
    kept = await ctx.options(type=Messages).run("remember", MESSAGES.settled, messages)
    ctx.set(history, kept)
