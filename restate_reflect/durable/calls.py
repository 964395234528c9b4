"""The invocation ids of calls."""

from __future__ import annotations

from typing import Any

from restate_reflect.durable.futures import DurableFuture, LoopFuture, SerialLoop
from restate_reflect.engine.notifications import Notification

__all__ = ["InvocationIdSlot"]


class InvocationIdSlot:
    """A call: takes its invocation id, and makes a future only if somebody asks for one."""

    __slots__ = ("_destination", "_future", "_loop", "_verb", "completion_id", "value")

    def __init__(self, completion_id: int, verb: str, destination: object, loop: SerialLoop) -> None:
        """``verb`` and ``destination`` are for errors: ``call Inventory/tea/reserve``."""
        self.completion_id = completion_id
        self.value: str | None = None
        self._verb = verb
        self._destination = destination
        self._loop = loop
        self._future: DurableFuture[str] | None = None

    @property
    def label(self) -> str:
        """For errors."""
        return f"{self._verb} {self._destination}"

    def settle(self, notification: Notification) -> None:
        self.value = notification.invocation_id or ""
        if self._future is not None:
            self._future.settle(notification)

    @property
    def is_awaited(self) -> bool:
        return self._future is not None and self._future.is_awaited

    @property
    def is_wanted(self) -> bool:
        return True

    @property
    def awaited_future(self) -> LoopFuture[Any] | None:
        return None if self._future is None else self._future.awaited_future

    def publish(self) -> None:
        """Completes the future with an id that was taken out of its turn."""
        if self._future is not None and self.value is not None and not self._future.done():
            self._future.set_result(self.value)

    def future(self) -> DurableFuture[str]:
        """The id, as something to await."""
        if self._future is None or self._has_failed(self._future):
            self._future = DurableFuture(_read_id, self.label, self._loop)
            if self.value is not None:
                self._future.set_result(self.value)
        return self._future

    @staticmethod
    def _has_failed(future: DurableFuture[str]) -> bool:
        """Cancelled with its waiter, here or by Restate; the id may come all the same."""
        return future.cancelled() or (future.done() and future.exception() is not None)


def _read_id(notification: Notification) -> str:
    return notification.invocation_id or ""
