"""pydantic-ai in handlers; needs the extra ``pydantic-ai``.

Agents go in as they are, with one capability more: ``Agent(…, capabilities=[Durability()])``. Out come steps of the
handler that runs them. Start reading at ``capability``: ``model`` and ``toolsets`` are what it puts in place of an
agent's own.
"""

from __future__ import annotations

from restate_reflect.agents.pydantic_ai.capability import Durability
from restate_reflect.agents.pydantic_ai.history import remember
from restate_reflect.agents.pydantic_ai.model import DurableModel
from restate_reflect.agents.pydantic_ai.payloads import Messages
from restate_reflect.agents.pydantic_ai.tools import handler_as_tool

__all__ = ["Durability", "DurableModel", "Messages", "handler_as_tool", "remember"]
