"""What a handler that has returned leaves behind: results that nobody awaited, and tasks that nobody waited for.

A result that nobody awaited and that has not come is always an error: what the handler asked for would be lost. Whether
one has come by then, or a task goes on, depends on how fast something was: an error in ``dev`` and in tests, a warning
in production, where the handler's result counts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from restate_reflect.definitions import HandlerDefinition
from restate_reflect.durable.extending import is_lost
from restate_reflect.durable.futures import SerialLoop, WatchedFuture
from restate_reflect.durable.results import Results

__all__ = ["if_strict", "mistake_at_end"]

logger = logging.getLogger("restate_reflect")


def mistake_at_end(
    handler: HandlerDefinition, root: object, loop: SerialLoop, results: Results, *, strict: bool
) -> str | None:
    """Why the handler, whose own task is ``root``, may not end like this; logs what it may."""
    missing = (waiter for _, waiter in results.pending() if isinstance(waiter, WatchedFuture))
    forgotten = _never_awaited(missing, strict=strict)
    if forgotten is None and loop.unseen is not None:
        # These have come: how fast a step is decides nothing.
        forgotten = if_strict(_never_awaited(loop.unseen, strict=strict), handler, strict=strict)
        _log_unseen_failures(loop.unseen, handler)
    if forgotten is not None:
        return forgotten
    _log_lost_failures(root, loop.tasks, handler)
    return if_strict(_abandoned_task(root, loop.tasks), handler, strict=strict)


def if_strict(mistake: str | None, handler: HandlerDefinition, *, strict: bool) -> str | None:
    """The mistake, where it fails the attempt; elsewhere it is logged."""
    if strict or mistake is None:
        return mistake
    logger.warning("%s: %s", handler.qualified_name, mistake)
    return None


def _never_awaited(watched: Iterable[WatchedFuture[Any]], *, strict: bool) -> str | None:
    """The first of the steps, timers, calls, promises and awakeables that nobody has awaited.

    ``strict``: of an awakeable, too, whose id the handler has looked at.
    """
    for future in watched:
        if not future.observed and not future.cancelled() and (strict or not future.is_known):
            return f"{future.label} was never awaited ({future.where}). Write 'await' before it{future.hint}."
    return None


def _log_unseen_failures(unseen: Iterable[WatchedFuture[Any]], handler: HandlerDefinition) -> None:
    """Of results that came before anybody asked for them, which nobody has done since."""
    for future in unseen:
        if not future.observed and not future.cancelled() and (error := future.exception()) is not None:
            name, where = handler.qualified_name, future.where
            logger.error("%s: %s (%s) has failed, and nobody awaits it", name, future.label, where, exc_info=error)


def _abandoned_task(root: object, tasks: Iterable[asyncio.Task[Any]]) -> str | None:
    """The first task of the handler's that goes on, and that nobody has waited for or cancelled."""
    for task in tasks:
        if task is not root and not task.done() and not task.cancelling() and not getattr(task, "is_expected", False):
            return (
                f"the handler has returned and left {_described(task)} behind, which will never go on: what it asked"
                " for is in the journal, and nothing of it is executed. Await it, or make it in an asyncio.TaskGroup;"
                " or cancel it."
            )
    return None


def _log_lost_failures(root: object, tasks: Iterable[asyncio.Task[Any]], handler: HandlerDefinition) -> None:
    """What tasks have raised and nobody has looked at."""
    for task in tasks:
        if task is not root and task.done() and is_lost(task):
            name, error = handler.qualified_name, task.exception()
            logger.error("%s: %s has failed, and nobody awaits it", name, _described(task), exc_info=error)


def _described(task: asyncio.Task[Any]) -> str:
    coroutine: Any = task.get_coro()
    what = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    where = getattr(task, "where", None)
    return f"task {task.get_name()!r} ({what}{f', made at {where}' if where else ''})"
