"""openai-agents in handlers; needs the extra ``openai-agents``.

Agents go in, with tools made by ``durable_tool``; ``run`` is the library's ``Runner.run``, with durable models. Start
reading at ``running``.
"""

from __future__ import annotations

from restate_reflect.agents.openai_agents.model import DurableModel, DurableProvider, Options
from restate_reflect.agents.openai_agents.running import durable_config, run
from restate_reflect.agents.openai_agents.servers import DurableServer
from restate_reflect.agents.openai_agents.session import Items, StateSession
from restate_reflect.agents.openai_agents.tools import durable_tool, handler_as_tool

__all__ = [
    "DurableModel",
    "DurableProvider",
    "DurableServer",
    "Items",
    "Options",
    "StateSession",
    "durable_config",
    "durable_tool",
    "handler_as_tool",
    "run",
]
