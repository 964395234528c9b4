"""Everything that is due at some time: a heap, and by invocation what is in it."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

__all__ = ["Timer", "TimerKind", "Timers"]


class TimerKind(IntEnum):
    """Why to wake. The numbers are stored."""

    SLEEP = 1
    INVOKE = 2
    """A delayed call is due."""
    PURGE = 3
    """A completed invocation is forgotten."""
    PURGE_JOURNAL = 4
    RETRY = 5
    INACTIVITY = 6
    ABORT = 7

    @property
    def is_durable(self) -> bool:
        """Whether it outlives the process; the others belong to attempts."""
        return self <= TimerKind.PURGE_JOURNAL


_HOUSEKEEPING: Final = frozenset({TimerKind.PURGE, TimerKind.PURGE_JOURNAL})
"""Those that no handler can notice."""


@dataclass(slots=True, eq=False)
class Timer:
    """One timer."""

    at: int
    kind: TimerKind
    invocation: str
    completion_id: int = 0
    cancelled: bool = False


_Heap = list[tuple[int, int, Timer]]
"""Time, serial number, timer: equal times fire in the order in which they were set. Numbers are compared without a call
into Python."""


class Timers:
    """A heap with lazy removal."""

    def __init__(self) -> None:
        self._heap: _Heap = []
        self._housekeeping: _Heap = []
        self._by_invocation: dict[str, dict[tuple[TimerKind, int], Timer]] = {}
        self._serial = 0

    def set(self, at: int, kind: TimerKind, invocation: str, completion_id: int = 0) -> None:
        """Adds a timer, in place of one of the same invocation, kind and completion id."""
        self.cancel(invocation, kind, completion_id)
        self._serial += 1
        timer = Timer(at, kind, invocation, completion_id)
        self._by_invocation.setdefault(invocation, {})[kind, completion_id] = timer
        heapq.heappush(self._housekeeping if kind in _HOUSEKEEPING else self._heap, (at, self._serial, timer))

    def cancel(self, invocation: str, kind: TimerKind, completion_id: int = 0) -> None:
        """Removes one timer, if there is any."""
        own = self._by_invocation.get(invocation)
        timer = own.pop((kind, completion_id), None) if own else None
        if timer is not None:
            timer.cancelled = True
            if not own:
                del self._by_invocation[invocation]

    def of(self, invocation: str) -> list[Timer]:
        """All timers of an invocation."""
        return list(self._by_invocation.get(invocation, {}).values())

    def due(self, now: int) -> Timer | None:
        """Takes the oldest timer that is due."""
        for heap in (self._heap, self._housekeeping):
            if (timer := _first(heap)) is not None and timer.at <= now:
                heapq.heappop(heap)
                self._forget(timer)
                return timer
        return None

    def has_durable(self, invocation: str) -> bool:
        """Whether the store may have timers of it."""
        return any(kind <= TimerKind.PURGE_JOURNAL for kind, _ in self._by_invocation.get(invocation, ()))

    def next_at(self, *, housekeeping: bool = True) -> int | None:
        """When the next timer is due; without ``housekeeping`` only those a handler can notice count."""
        first = _first(self._heap)
        other = _first(self._housekeeping) if housekeeping else None
        if first is None or other is None:
            found = first or other
            return None if found is None else found.at
        return min(first.at, other.at)

    def _forget(self, timer: Timer) -> None:
        own = self._by_invocation.get(timer.invocation, {})
        own.pop((timer.kind, timer.completion_id), None)
        if not own:
            self._by_invocation.pop(timer.invocation, None)


def _first(heap: _Heap) -> Timer | None:
    while heap and heap[0][2].cancelled:
        heapq.heappop(heap)
    return heap[0][2] if heap else None
