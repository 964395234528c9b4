"""Conversations in declared state."""

from __future__ import annotations

from typing import Any, TypeAlias

from agents import TResponseInputItem
from agents.memory import SessionABC

from restate_reflect.agents.places import writing_context
from restate_reflect.context import State

__all__ = ["Items", "StateSession"]

Items: TypeAlias = list[dict[str, Any]]
"""A conversation, for declared state: ``items = State[Items](default=[])``."""


class StateSession(SessionABC):
    """A session of a virtual object: ``Runner.run(agent, text, session=StateSession(Chat.items))``."""

    session_id = "state"

    def __init__(self, items: State[Items]) -> None:
        self._items = items

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        kept: Any = await writing_context("a session").get(self._items)
        return list(kept if limit is None else kept[max(len(kept) - limit, 0) :])

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        added: Any = items
        writing_context("a session").set(self._items, [*(await self._kept()), *map(dict, added)])

    async def pop_item(self) -> TResponseInputItem | None:
        kept: Any = await self._kept()
        if not kept:
            return None
        writing_context("a session").set(self._items, kept[:-1])
        last: TResponseInputItem = kept[-1]
        return last

    async def clear_session(self) -> None:
        writing_context("a session").clear(self._items)

    async def _kept(self) -> Items:
        return await writing_context("a session").get(self._items)
