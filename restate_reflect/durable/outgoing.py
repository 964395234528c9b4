"""What ``ctx.call`` returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from restate_reflect.context import CallFuture
from restate_reflect.durable.calls import InvocationIdSlot
from restate_reflect.durable.futures import DurableFuture, SerialLoop, WatchedFuture
from restate_reflect.durable.locations import Spot
from restate_reflect.engine.notifications import Notification

__all__ = ["OutgoingCall"]

T = TypeVar("T")


class OutgoingCall(WatchedFuture[T], CallFuture[T]):
    """A call of this attempt."""

    __slots__ = ("_slot",)
    hint = ", or use ctx.send if nobody waits for its result"

    def __init__(
        self, decode: Callable[[bytes], T], slot: InvocationIdSlot, loop: SerialLoop, where: Spot | None
    ) -> None:
        """``decode`` reads the callee's output."""
        WatchedFuture.__init__(self, decode, "", loop, where)
        self._slot = slot

    def settle(self, notification: Notification) -> None:
        slot = self._slot
        slot.answered = True
        if slot.told is not None:
            slot.told(notification)
        self._settle(notification, notification.value or b"")

    @property
    def label(self) -> str:
        return self._slot.label

    @property
    def invocation_id(self) -> DurableFuture[str]:
        """Awaitable id of the callee's invocation."""
        self.observed = True
        return self._slot.future()

    def tell(self, told: Callable[[Notification], None]) -> None:
        """Tells of the result, though nobody may await it. ``told`` must not raise."""
        self._slot.told = told

    async def cancel_invocation(self) -> None:
        """Asks the callee to cancel itself. (``cancel()`` only stops waiting for it.)"""
        invocation_id = await self.invocation_id
        self._slot.send_cancel(invocation_id)
