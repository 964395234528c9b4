"""What time it is, and who wakes the runtime when something is due.

All times are whole milliseconds since the epoch, as on the wire.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["Clock", "RealClock", "VirtualClock"]


_LONGEST_SLEEP: Final = 1.0
"""Seconds between looks at the time. The loop's alarms go by a clock that nobody sets, and that stands still while a
machine sleeps: after a jump forward an alarm alone would come too late by as much."""


class Clock(Protocol):
    """Time, and one alarm."""

    @property
    def is_virtual(self) -> bool:
        """Whether time stands still until somebody moves it."""
        ...

    def now(self) -> int:
        """Milliseconds since the epoch."""
        ...

    def wake_at(self, at: int | None, wake: Callable[[], None]) -> None:
        """Calls ``wake`` once at that time; replaces the alarm set before. ``None`` clears it."""
        ...


class RealClock:
    """The machine's time; the alarm is a timer of the running event loop."""

    is_virtual = False

    def __init__(self) -> None:
        self._alarm: asyncio.TimerHandle | None = None
        self._at: int | None = None

    def now(self) -> int:
        return time.time_ns() // 1_000_000

    def wake_at(self, at: int | None, wake: Callable[[], None]) -> None:
        if self._alarm is not None:
            if at == self._at:
                return  # every turn asks again
            self._alarm.cancel()
            self._alarm = None
        if at is not None:
            self._arm(at, wake)

    def _arm(self, at: int, wake: Callable[[], None]) -> None:
        self._at = at
        delay = min(max(at - self.now(), 0) / 1000, _LONGEST_SLEEP)
        self._alarm = asyncio.get_running_loop().call_later(delay, self._look, at, wake)

    def _look(self, at: int, wake: Callable[[], None]) -> None:
        if self.now() < at:
            self._arm(at, wake)
            return
        self._alarm = None
        wake()


class VirtualClock:
    """Time that moves only when told; the runtime asks for nothing, as it is told when time has moved.

    Args:
        start: Milliseconds since the epoch; the default is 2030-01-01T00:00:00Z.
        auto_skip: Whether the runtime moves the time to the next timer when a caller waits
            for a result and nothing else can happen.
    """

    is_virtual = True

    def __init__(self, start: int = 1_893_456_000_000, *, auto_skip: bool = False) -> None:
        self._now = start
        self.auto_skip = auto_skip

    def now(self) -> int:
        return self._now

    def move_to(self, at: int) -> None:
        """Sets the time; it never goes back."""
        self._now = max(self._now, at)

    def wake_at(self, at: int | None, wake: Callable[[], None]) -> None:
        """Nobody is woken: ``Runtime.advance`` looks at the timers itself."""
