"""What ``Durability`` was told, for its parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from restate_reflect.agents.budgets import TokenBudget
from restate_reflect.options import RetryPolicy

__all__ = ["EventCallback", "Options"]

EventCallback = Callable[[Any], Awaitable[None]]
"""Gets each event of a model's stream, on the process's event loop."""


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of ``Durability``, where they are explained."""

    prefix: str = ""
    retry: RetryPolicy | None = None
    tool_retry: RetryPolicy | None = None
    budget: TokenBudget | None = None
    on_event: EventCallback | None = None
