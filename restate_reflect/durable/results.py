"""Who waits for which notification."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from restate_reflect.durable.extending import forget_callbacks
from restate_reflect.durable.futures import LoopFuture, Waiter
from restate_reflect.engine.notifications import Notification, NotificationId

__all__ = ["Results"]


# Stand until there is something to put into one: most attempts have no signals, and nothing is ever put into these.
_NO_SIGNALS: Final[dict[NotificationId, deque[Waiter]]] = {}
_NONE_EARLY: Final[dict[NotificationId, deque[Notification]]] = {}
_NONE_CONSUMED: Final[set[str]] = set()


class Results:
    """Waiters by notification id, in the order in which they began to wait.

    Completions have one waiter, known before the result can arrive. Signals may come before
    anybody asks; they are kept, and each goes to the oldest waiter that still wants one.
    """

    __slots__ = ("_early", "_signals", "_waiters", "consumed")

    def __init__(self) -> None:
        self._waiters: dict[int, Waiter] = {}
        self._signals = _NO_SIGNALS
        self._early = _NONE_EARLY
        self.consumed = _NONE_CONSUMED
        """Named signals that were handed out. The server counts a name as arrived for ever."""

    def expect(self, completion_id: int, waiter: Waiter) -> None:
        self._waiters[completion_id] = waiter

    def expect_signal(self, signal: NotificationId, waiter: Waiter) -> None:
        early = self._early.get(signal)
        if early:
            self._hand_over(early.popleft(), waiter)
            return
        if self._signals is _NO_SIGNALS:
            self._signals = {}
        self._signals.setdefault(signal, deque()).append(waiter)

    def deliver(self, notification: Notification) -> None:
        """Hands a notification to its waiter."""
        if type(notification.id) is int:
            waiter = self._waiters.pop(notification.id, None)
            if waiter is not None:
                waiter.settle(notification)
            return
        waiters = self._signals.get(notification.id)
        while waiters:
            waiter = waiters.popleft()
            if waiter.is_wanted:
                if not waiters:
                    del self._signals[notification.id]
                self._hand_over(notification, waiter)
                return
        self._signals.pop(notification.id, None)
        if self._early is _NONE_EARLY:
            self._early = {}
        self._early.setdefault(notification.id, deque()).append(notification)

    def _hand_over(self, notification: Notification, waiter: Waiter) -> None:
        if isinstance(notification.id, str):
            if self.consumed is _NONE_CONSUMED:
                self.consumed = set()
            self.consumed.add(notification.id)
        waiter.settle(notification)

    def forget(self) -> None:
        """The attempt has ended. A call that waits leads back to it, by the way in which it is cancelled, and a result
        that is gathered to the gather."""
        if not self._waiters and not self._signals:
            return
        for _, waiter in self.pending():
            if isinstance(waiter, LoopFuture):
                forget_callbacks(waiter)
        self._waiters.clear()
        self._signals.clear()

    def pending(self) -> Iterator[tuple[NotificationId, Waiter]]:
        """Everything that has not arrived, in the order of asking: completions, then signals."""
        yield from self._waiters.items()
        for signal, waiters in self._signals.items():
            for waiter in waiters:
                yield signal, waiter

    def is_missing_any(self) -> bool:
        """Whether anything has not arrived."""
        return bool(self._waiters or self._signals)

    def awaited(self) -> list[NotificationId]:
        """What the handler could go on with."""
        return [id_ for id_, waiter in self.pending() if waiter.is_awaited]

    def any_awaited(self) -> bool:
        """Whether the handler could go on with anything: asked after every chunk of input, so it stops at the first."""
        for waiter in self._waiters.values():
            if waiter.is_awaited:
                return True
        for waiters in self._signals.values():
            for waiter in waiters:
                if waiter.is_awaited:
                    return True
        return False
