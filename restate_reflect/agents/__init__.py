"""Agents in handlers: what all libraries share. Each has a module of its own, with an extra of its name.

A tool, a handler or an amount of tokens goes in, and what agents of any library do with it comes out as commands of the
handler's journal. ``pydantic_ai``, ``openai_agents`` and ``langchain`` are for the agents of these libraries. Start
reading at ``outcomes``, which says what a tool's step journals.
"""

from __future__ import annotations

from restate_reflect.agents.asking import ask_human
from restate_reflect.agents.budgets import BudgetExceededError, TokenBudget
from restate_reflect.agents.handlers import BadArguments, HandlerTool, handler_tool
from restate_reflect.agents.inlining import inline

__all__ = [
    "BadArguments",
    "BudgetExceededError",
    "HandlerTool",
    "TokenBudget",
    "ask_human",
    "handler_tool",
    "inline",
]
