"""Whether what a handler raises is final, or the attempt will be tried again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from restate_reflect.durable.unwinding import is_retried
from restate_reflect.errors import TerminalError

__all__ = ["is_final"]


def is_final(error: BaseException) -> bool:
    """Terminal errors, cancellation of the invocation or of the task, and groups of nothing else.

    Only then may what unwinds issue commands: after any other error the handler runs again from its journal, and may
    get further. A task that is cancelled because of such an error (by its ``TaskGroup``) is no end either.
    """
    leaves = list(_leaves(error))
    if not all(isinstance(leaf, (TerminalError, asyncio.CancelledError)) for leaf in leaves):
        return False
    return not (any(isinstance(leaf, asyncio.CancelledError) for leaf in leaves) and is_retried())


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error
