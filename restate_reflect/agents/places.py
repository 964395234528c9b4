"""Where an agent runs: in a handler or not, and in one that can write state."""

from __future__ import annotations

from restate_reflect.context import BaseContext, ObjectContext, WorkflowContext, current_context
from restate_reflect.errors import HandlerBugError

__all__ = ["handler_context", "writing_context"]


def handler_context() -> BaseContext | None:
    """The context of the handler that runs; ``None`` in a step, a thread, and where there is no Restate."""
    try:
        return current_context()
    except HandlerBugError:
        return None


def writing_context(what: str) -> ObjectContext | WorkflowContext:
    """The context of a handler that can write state.

    Raises:
        HandlerBugError: It can't; the message says that ``what`` needs it.
    """
    ctx = current_context()
    if isinstance(ctx, ObjectContext | WorkflowContext):
        return ctx
    raise HandlerBugError(
        f"{what} in a handler that has a {type(ctx).__name__}, which can't write state. Run the agent in a virtual"
        " object's exclusive handler, or in a workflow's run."
    )
