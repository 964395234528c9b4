"""What becomes of a handler whose invocation is cancelled: its callees first, then the awaits in which it stands."""

from __future__ import annotations

from typing import Any, Final

from restate_reflect.durable.calls import InvocationIdSlot
from restate_reflect.durable.futures import DurableTask
from restate_reflect.durable.outgoing import OutgoingCall
from restate_reflect.durable.results import Results
from restate_reflect.durable.runs import Runs
from restate_reflect.durable.waiting import blocked_future, fail_awaits
from restate_reflect.engine.awaiting import FIRST_COMPLETED, AwaitNode
from restate_reflect.engine.commands import signal
from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import CANCEL_SIGNAL, SignalIndex
from restate_reflect.errors import InvocationCancelledError

__all__ = ["CANCELLATION", "Cancellation"]

CANCELLATION: Final = SignalIndex(CANCEL_SIGNAL)
"""The notification with which it begins."""


class Cancellation:
    """The one that a journal may have, made when its signal is delivered; a second signal says nothing new."""

    __slots__ = ("_engine", "_reached_blocked", "_results", "_runs", "is_pending")

    def __init__(self, engine: Engine, results: Results, runs: Runs) -> None:
        self._engine = engine
        self._results = results
        self._runs = runs
        self._reached_blocked = False
        self.is_pending = True
        """Until every callee is known, and can be cancelled; the handler is not told before."""

    def missing_callees(self) -> AwaitNode:
        """What the attempt waits for meanwhile: the invocation ids of callees."""
        return AwaitNode(FIRST_COMPLETED, list(self._missing_ids()))

    def finish(self, root: DurableTask[Any]) -> bool:
        """Cancels callees, then raises at the handler's awaits. Returns False while a callee's id is missing."""
        if self._missing_ids():
            return False
        self.is_pending = False
        callees = self._callees()
        for callee in callees:
            if callee.value is not None:
                signal.cancel(self._engine, callee.value)
        if not fail_awaits(self._results, InvocationCancelledError):
            _fail_blocked(root)
        for callee in callees:
            callee.publish()
        self._runs.cancel_abandoned()
        return True

    def _callees(self) -> list[InvocationIdSlot]:
        """Of the calls that are not answered, in the order of the calls."""
        return [waiter.slot for _, waiter in self._results.pending() if isinstance(waiter, OutgoingCall)]

    def _missing_ids(self) -> list[int]:
        """Completion ids of callees whose invocation id has not come.

        Ids that have arrived are taken out of their turn: which callees are cancelled must not depend on what else is
        on the way. They are published later: an await of an id is one that the cancellation must raise at.
        """
        missing = []
        for callee in self._callees():
            if callee.value is not None:
                continue
            notification = self._engine.take_notification(callee.completion_id)
            if notification is None:
                missing.append(callee.completion_id)
            else:
                callee.value = notification.invocation_id
        return missing

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
