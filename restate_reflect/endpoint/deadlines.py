"""Looks at everything that waits for a peer, and ends what has waited too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from restate_reflect.durable.attempt import Attempt

__all__ = ["Deadlines", "Journals", "Watched"]


class Watched(Protocol):
    """What can take too long."""

    def check(self, now: float) -> None:
        """Ends itself if it has waited too long; ``now`` is the loop's time."""


class Deadlines:
    """One timer for all connections.

    A timer each, moved with every read, would cost more than the reads; a look once a second at a thousand
    connections costs 0.3 ms.
    """

    def __init__(self, watched: Callable[[], Iterable[Watched]], interval: float) -> None:
        """Args:
        watched: What to look at; called for each look.
        interval: Seconds between two looks.
        """
        self._watched = watched
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        self.start()
        for each in list(self._watched()):
            each.check(now)


class Journals:
    """Attempts whose recorded journal does not come."""

    def __init__(self, attempts: Callable[[], Iterable[Attempt]], timeout: float) -> None:
        """Args:
        attempts: Those in progress.
        timeout: Seconds that a journal may take.
        """
        self._attempts = attempts
        self._timeout = timeout
        self._incomplete: dict[Attempt, float] = {}
        """Attempts without their journal at the last look, and when that was first seen: usually none."""

    def check(self, now: float) -> None:
        before = self._incomplete
        self._incomplete = {
            attempt: before.get(attempt, now) for attempt in self._attempts() if not attempt.engine.is_ready
        }
        for attempt, since in list(self._incomplete.items()):
            if now - since >= self._timeout:
                attempt.interrupt(f"the journal has not arrived within {self._timeout:g} seconds (journal_timeout)")
