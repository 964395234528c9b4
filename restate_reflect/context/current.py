"""The context of the handler that runs, for code that is not given it: libraries, tools of agents."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, TypeVar, overload

from restate_reflect.context.contexts import BaseContext
from restate_reflect.errors import HandlerBugError

__all__ = ["current_context"]

C = TypeVar("C", bound=BaseContext)


@overload
def current_context() -> BaseContext: ...
@overload
def current_context(kind: type[C], /) -> C: ...
def current_context(kind: type[Any] = BaseContext, /) -> Any:
    """The context of the handler that runs, and of the tasks that it has made.

    Args:
        kind: A class of contexts, for what only some handlers can do: ``current_context(ObjectContext).set(…)``.

    Raises:
        HandlerBugError: No handler runs here (in the body of a step, a thread, or elsewhere), or it has another kind of
            context.
    """
    context = getattr(_running_loop(), "handler_context", None)
    if context is None:
        raise HandlerBugError(
            f"current_context() where no handler runs ({_caller()}): in the body of a step, in a thread, or outside of"
            " Restate. Call it in handler code, and give a step what it needs as arguments."
        )
    if not isinstance(context, kind):
        raise HandlerBugError(
            f"current_context({kind.__name__}) in a handler that has a {type(context).__name__} ({_caller()})."
            f" Write current_context() for what all handlers can do, or give the handler a {kind.__name__}."
        )
    return context


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _caller() -> str:
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
