"""What ``ctx.call`` returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from restate_reflect.context import CallFuture
from restate_reflect.durable.calls import InvocationIdSlot
from restate_reflect.durable.futures import DurableFuture, SerialLoop, WatchedFuture
from restate_reflect.durable.locations import Spot
from restate_reflect.engine.notifications import Notification

__all__ = ["OutgoingCall"]

T = TypeVar("T")


class OutgoingCall(WatchedFuture[T], CallFuture[T]):
    """A call of this attempt."""

    __slots__ = ("_told", "slot")
    hint = ", or use ctx.send if nobody waits for its result"

    def __init__(
        self, decode: Callable[[bytes], T], slot: InvocationIdSlot, loop: SerialLoop, where: Spot | None
    ) -> None:
        """``decode`` reads the callee's output; ``slot`` takes its invocation id."""
        WatchedFuture.__init__(self, decode, "", loop, where)
        self.slot = slot
        self._told: Callable[[Notification], None] | None = None

    def settle(self, notification: Notification) -> None:
        if self._told is not None:
            self._told(notification)
        self._settle(notification, notification.value or b"")

    @property
    def label(self) -> str:
        return self.slot.label

    @property
    def invocation_id(self) -> DurableFuture[str]:
        """Awaitable id of the callee's invocation."""
        self.observed = True
        return self.slot.future()

    def tell(self, told: Callable[[Notification], None]) -> None:
        """Tells of the result, though nobody may await it. ``told`` must not raise."""
        self._told = told

    async def cancel_invocation(self) -> None:
        """Asks the callee to cancel itself. (``cancel()`` only stops waiting for it.)"""
        invocation_id = await self.invocation_id
        loop: Any = self.get_loop()
        loop.cancel_invocation(invocation_id)
