"""What the handler waits for: the await tree, and the futures to fail on cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from restate_reflect.durable.extending import children, has_one_callback, waits_for
from restate_reflect.durable.futures import DurableFuture, DurableTask, LoopFuture
from restate_reflect.durable.results import Results
from restate_reflect.engine.awaiting import ALL_SUCCEEDED, FIRST_COMPLETED, AwaitNode
from restate_reflect.engine.notifications import CANCEL_SIGNAL, NotificationId, SignalIndex

__all__ = ["await_tree", "blocked_future", "end_of_awaits", "fail_awaits"]


def await_tree(root: DurableTask[Any], results: Results, *, cancellable: bool) -> AwaitNode:
    """The tree for this await point.

    A handler that does nothing but ``gather`` results gets a node that wakes it when all are
    there. Anything else is flat: the first result may let some task go on.
    ``cancellable``: whether the cancel signal has not been used up.
    """
    leaves = results.awaited()
    node = AwaitNode(FIRST_COMPLETED, leaves)
    gathered = _gathered(root)
    if gathered is not None and len(leaves) > 1 and _are_exactly(gathered, results, leaves):
        node = AwaitNode(FIRST_COMPLETED, [], [AwaitNode(ALL_SUCCEEDED, leaves)])
    if cancellable:
        node.leaves.append(SignalIndex(CANCEL_SIGNAL))
    return node


def _gathered(root: DurableTask[Any]) -> list[asyncio.Future[Any]] | None:
    """The unfinished futures of the ``gather`` that the root awaits, if it does."""
    gathered = children(waits_for(root))
    return None if gathered is None else [child for child in gathered if not child.done()]


def _are_exactly(gathered: list[asyncio.Future[Any]], results: Results, leaves: list[NotificationId]) -> bool:
    """Whether the awaited results are those futures and no others, each without further waiters."""
    wanted, futures = set(leaves), {id(future) for future in gathered}
    waiters = [waiter for id_, waiter in results.pending() if id_ in wanted]
    return len(waiters) == len(gathered) and all(
        id(waiter) in futures and _has_one_waiter(waiter) for waiter in waiters
    )


def _has_one_waiter(future: object) -> bool:
    return isinstance(future, DurableFuture) and has_one_callback(future)


def fail_awaits(results: Results, error: Callable[[], Exception]) -> bool:
    """Raises an error at every await of a result, oldest first. Returns whether there was any."""
    awaited = [future for _, waiter in results.pending() if (future := waiter.awaited_future) is not None]
    for future in awaited:
        future.fail(error())
    return bool(awaited)


def blocked_future(root: DurableTask[Any]) -> LoopFuture[Any] | None:
    """That end, if it is one of the loop's own (an event, a queue, a lock …)."""
    awaited = end_of_awaits(root)
    return awaited if isinstance(awaited, LoopFuture) and not awaited.done() else None


def end_of_awaits(root: DurableTask[Any]) -> asyncio.Future[Any] | None:
    """The future at the end of the root's chain of awaits, through tasks and gathers."""
    found: asyncio.Future[Any] | None = root
    while found is not None:
        awaited = found
        if isinstance(awaited, asyncio.Task):
            found = waits_for(awaited)
        elif (gathered := children(awaited)) is not None:
            found = next((child for child in gathered if not child.done()), None)
        else:
            return awaited
    return None
