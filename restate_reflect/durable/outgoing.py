"""What ``ctx.call`` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from restate_reflect.context import CallFuture
from restate_reflect.durable.futures import DurableFuture, WatchedFuture, settle, watched_future
from restate_reflect.durable.loop import DurableLoop
from restate_reflect.engine.notifications import Notification

if TYPE_CHECKING:
    from restate_reflect.durable.calls import InvocationIdSlot

__all__ = ["OutgoingCall", "outgoing_call", "settle_call"]

T = TypeVar("T")


class OutgoingCall(WatchedFuture[T], CallFuture[T]):
    """A call of this attempt."""

    __slots__ = ("_slot",)
    _slot: InvocationIdSlot
    """All else about the call: compiled code writes its attributes for a tenth of the price."""
    result = asyncio.Future.result

    def settle(self, notification: Notification) -> None:
        settle_call(self, self._slot, notification)

    @property
    def label(self) -> str:
        return self._slot.label

    hint = ", or use ctx.send if nobody waits for its result"

    @property
    def invocation_id(self) -> DurableFuture[str]:
        """Awaitable id of the callee's invocation."""
        self.observed = True
        return self._slot.future()

    async def cancel_invocation(self) -> None:
        """Asks the callee to cancel itself. (``cancel()`` only stops waiting for it.)"""
        invocation_id = await self.invocation_id
        self._slot.send_cancel(invocation_id)


def settle_call(call: OutgoingCall[Any], slot: InvocationIdSlot, notification: Notification) -> None:
    """``call.settle``."""
    slot.answered = True
    settle(call, slot.decode, notification, notification.value or b"")


def outgoing_call(decode: Callable[[bytes], T], slot: InvocationIdSlot, loop: DurableLoop) -> OutgoingCall[T]:
    """``decode`` is given the callee's output. A function: see ``futures``."""
    future: OutgoingCall[T] = watched_future(OutgoingCall, decode, None, loop)
    slot.decode = decode
    future._slot = slot
    return future
