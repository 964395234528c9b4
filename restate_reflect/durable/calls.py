"""Calls in flight: their invocation ids, and their cancellation with the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from restate_reflect.durable.futures import DurableFuture, LoopFuture, SerialLoop
from restate_reflect.engine.commands import signal
from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import Notification
from restate_reflect.errors import AttemptClosedError

__all__ = ["Calls", "InvocationIdSlot"]


class InvocationIdSlot:
    """A call: takes its invocation id, and makes a future only if somebody asks for one."""

    __slots__ = ("_destination", "_future", "_loop", "_verb", "answered", "calls", "completion_id", "told", "value")

    def __init__(self, completion_id: int, verb: str, destination: object, loop: SerialLoop) -> None:
        """``verb`` and ``destination`` are for errors: ``call Inventory/tea/reserve``."""
        self.completion_id = completion_id
        self.value: str | None = None
        self.answered = False
        """Whether the result has come."""
        self.told: Callable[[Notification], None] | None = None
        """Told of the result."""
        self.calls: Calls | None = None
        """Whom ``send_cancel`` asks."""
        self._verb = verb
        self._destination = destination
        self._loop = loop
        self._future: DurableFuture[str] | None = None

    @property
    def label(self) -> str:
        """For errors."""
        return f"{self._verb} {self._destination}"

    def send_cancel(self, invocation_id: str) -> None:
        """Asks the callee to cancel itself."""
        assert self.calls is not None
        assert self.calls.send_cancel is not None
        self.calls.send_cancel(invocation_id)

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


def _refuse(invocation_id: str) -> None:
    raise AttemptClosedError("this attempt has ended; its calls can't be cancelled any more")


class Calls:
    """Calls that have no answer yet; they are cancelled when their caller is."""

    __slots__ = ("_calls", "_engine", "_limit", "send_cancel")

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.send_cancel: Callable[[str], None] | None = None
        """Asks an invocation to cancel itself; whoever adds the first call sets it."""
        self._limit = 64
        self._calls: list[InvocationIdSlot] = []

    def add(self, slot: InvocationIdSlot) -> None:
        """Remembers a call; now and then those that were answered are forgotten."""
        if len(self._calls) >= self._limit:
            self._calls = [each for each in self._calls if not each.answered]
            self._limit = 64 + 2 * len(self._calls)
        slot.calls = self
        self._calls.append(slot)

    def forget(self) -> None:
        """The attempt has ended; a call that ``asyncio.gather`` keeps in a cycle of its own must not keep it alive."""
        self.send_cancel = _refuse
        self._calls.clear()

    def missing_ids(self) -> list[int]:
        """Completion ids of unanswered calls whose invocation id has not come.

        Ids that have arrived are taken out of their turn: which calls are cancelled must not
        depend on what else is on the way.
        """
        missing = []
        for slot in self._calls:
            if slot.answered or slot.value is not None:
                continue
            notification = self._engine.take_notification(slot.completion_id)
            if notification is None:
                missing.append(slot.completion_id)
            else:
                # Published later: an await of the id is an await that the cancellation must raise at.
                slot.value = notification.invocation_id
        return missing

    def publish_ids(self) -> None:
        """Completes the futures of the ids that ``missing_ids`` took; the awaits in progress were failed before."""
        for slot in self._calls:
            slot.publish()
        self._calls.clear()

    def cancel_unanswered(self) -> None:
        """Sends the cancel signal to each; every id must be known."""
        for slot in self._calls:
            if not slot.answered and slot.value is not None:
                signal.cancel(self._engine, slot.value)
