"""What ``call_later`` of a durable loop returns: a durable timer that calls back."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from restate_reflect.durable.extending import END_OF_SLEEP, has_callbacks
from restate_reflect.durable.futures import LoopFuture
from restate_reflect.durable.ready import ReadyHandle
from restate_reflect.engine.notifications import Notification

__all__ = ["Timer"]


class Timer(ReadyHandle):
    """Waits for its notification, and is told to its loop then."""

    __slots__ = ("_fired", "_when", "epoch", "is_fired", "number")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context,
        when: float,
        number: int,
        epoch: int,
        fired: Callable[[Timer], None],
    ) -> None:
        """Args:
        when: Seconds on the loop's clock.
        number: Of the timer; later ones have higher ones.
        epoch: Results that the handler had when it asked for the timer.
        fired: Told when the time has come.
        """
        super().__init__(callback, args, context)
        self._when = when
        self.number = number
        self.epoch = epoch
        self._fired = fired
        self.is_fired = False

    def __lt__(self, other: Timer) -> bool:
        """Whether it fires before: as in asyncio, and in the order of asking where that has none."""
        return (self._when, self.number) < (other._when, other.number)

    def when(self) -> float:
        """Loop time at which it fires."""
        return self._when

    def settle(self, notification: Notification) -> None:
        self._fired(self)

    @property
    def is_awaited(self) -> bool:
        return not self._cancelled and not self.is_fired

    @property
    def is_wanted(self) -> bool:
        return not self._cancelled

    @property
    def awaited_future(self) -> LoopFuture[Any] | None:
        """The future of an ``asyncio.sleep`` that this timer ends, if it is one."""
        if not self.is_awaited or self._callback is not END_OF_SLEEP:
            return None
        sleeper = self._args[0]
        return sleeper if isinstance(sleeper, LoopFuture) and not sleeper.done() and has_callbacks(sleeper) else None
