"""What becomes of a handler whose invocation is cancelled: its callees first, then the awaits in which it stands."""

from __future__ import annotations

from typing import Any, Final

from restate_reflect.durable.calls import Calls
from restate_reflect.durable.futures import DurableTask
from restate_reflect.durable.results import Results
from restate_reflect.durable.runs import Runs
from restate_reflect.durable.waiting import blocked_future, fail_awaits
from restate_reflect.engine.awaiting import FIRST_COMPLETED, AwaitNode
from restate_reflect.engine.notifications import CANCEL_SIGNAL, SignalIndex
from restate_reflect.errors import InvocationCancelledError

__all__ = ["CANCELLATION", "Cancellation"]

CANCELLATION: Final = SignalIndex(CANCEL_SIGNAL)
"""The notification with which it begins."""


class Cancellation:
    """The one that a journal may have, made when its signal is delivered; a second signal says nothing new."""

    __slots__ = ("_calls", "_reached_blocked", "_results", "_runs", "is_pending")

    def __init__(self, calls: Calls, results: Results, runs: Runs) -> None:
        self._calls = calls
        self._results = results
        self._runs = runs
        self._reached_blocked = False
        self.is_pending = True
        """Until every callee is known, and can be cancelled; the handler is not told before."""

    def missing_callees(self) -> AwaitNode:
        """What the attempt waits for meanwhile: the invocation ids of callees."""
        return AwaitNode(FIRST_COMPLETED, list(self._calls.missing_ids()))

    def finish(self, root: DurableTask[Any]) -> bool:
        """Cancels callees, then raises at the handler's awaits. Returns False while a callee's id is missing."""
        if self._calls.missing_ids():
            return False
        self.is_pending = False
        self._calls.cancel_unanswered()
        if not fail_awaits(self._results, InvocationCancelledError):
            _fail_blocked(root)
        self._calls.publish_ids()
        self._runs.cancel_abandoned()
        return True

    def reach_blocked(self, root: DurableTask[Any]) -> bool:
        """Once, when the handler waits for nothing that could come, it gets the error there. Returns whether it did.

        Decided before the next notification is taken: on replay that one may belong to a command
        which the handler issues only after it was told.
        """
        if self._reached_blocked or self._results.any_awaited():
            return False
        self._reached_blocked = True
        return _fail_blocked(root)


def _fail_blocked(root: DurableTask[Any]) -> bool:
    """Raises at the root's await of something that asyncio alone knows (an event, a queue), if it does that."""
    blocked = blocked_future(root)
    if blocked is not None:
        blocked.fail(InvocationCancelledError())
    return blocked is not None
