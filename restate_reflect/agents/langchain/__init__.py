"""LangChain and LangGraph in handlers; needs the extra ``langchain``.

Agents of ``create_agent`` go in with one middleware more, ``Durability``; graphs with nodes that are steps. Start
reading at ``middleware``.
"""

from __future__ import annotations

from restate_reflect.agents.langchain.middleware import Durability
from restate_reflect.agents.langchain.payloads import Messages, remember
from restate_reflect.agents.langchain.servers import server_tools
from restate_reflect.agents.langchain.steps import ask_model, durable_node, handler_as_tool, run

__all__ = ["Durability", "Messages", "ask_model", "durable_node", "handler_as_tool", "remember", "run", "server_tools"]
