"""Ways to name an invocation other than by its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["IdempotentRequest", "InvocationTarget", "WorkflowRun"]


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """The run of a workflow, by its key."""

    workflow: str
    key: str
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request, by its idempotency key."""

    service: str
    handler: str
    idempotency_key: str
    key: str | None = None
    scope: str | None = None


InvocationTarget: TypeAlias = str | WorkflowRun | IdempotentRequest
"""An invocation id, a workflow run, or a request with an idempotency key."""
