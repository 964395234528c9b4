"""The library's messages in payloads, by their own schema."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from langchain_core.messages import AnyMessage
from pydantic import TypeAdapter

from restate_reflect.agents.adapters import AdapterCodec
from restate_reflect.agents.places import writing_context
from restate_reflect.context import State

__all__ = ["MESSAGES", "Messages", "remember"]

MESSAGES: Final = AdapterCodec(TypeAdapter(list[AnyMessage]))

Messages: TypeAlias = Annotated[list[AnyMessage], MESSAGES]
"""A conversation, for declared state, arguments and results: ``history = State[Messages](default=[])``."""


async def remember(history: State[list[AnyMessage]], messages: list[AnyMessage]) -> None:
    """Keeps messages in state: ``await remember(Chat.history, result["messages"])``.

    They are journaled by a step of their own: the library gives messages random ids, other ones on each replay.
    """
    ctx = writing_context("remember")
    ctx.set(history, await ctx.options(type=Messages).run("remember", MESSAGES.settled, messages))
