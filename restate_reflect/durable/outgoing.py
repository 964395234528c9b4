"""What ``ctx.call`` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from restate_reflect.context import CallFuture
from restate_reflect.durable.futures import DurableFuture
from restate_reflect.durable.loop import DurableLoop
from restate_reflect.engine.notifications import Notification

if TYPE_CHECKING:
    from restate_reflect.durable.calls import Calls, InvocationIdSlot

__all__ = ["OutgoingCall"]

T = TypeVar("T")

_init_future: Final = asyncio.Future.__init__
_settle: Final = DurableFuture.settle


class OutgoingCall(DurableFuture[T], CallFuture[T]):
    """A call of this attempt."""

    __slots__ = ("_calls", "_id_slot", "answered")

    def __init__(
        self,
        decode: Callable[[bytes], T],
        destination: object,
        slot: InvocationIdSlot,
        calls: Calls,
        *,
        loop: DurableLoop,
    ) -> None:
        """``decode`` is given the callee's output."""
        # As the constructors of the base classes, without calling each other: half the price.
        loop.ready.making = True
        _init_future(self, loop=loop)
        self._serial = loop.serial = loop.serial + 1
        self._decode = decode
        self._label = destination
        self._id_slot = slot
        self._calls = calls
        self.answered = False

    def settle(self, notification: Notification) -> None:
        self.answered = True
        _settle(self, notification)

    def _read(self, notification: Notification) -> T:
        return self._decode(notification.value or b"")

    @property
    def label(self) -> str:
        return f"call {self._label}"

    @property
    def invocation_id(self) -> DurableFuture[str]:
        """Awaitable id of the callee's invocation."""
        return self._id_slot.future()

    async def cancel_invocation(self) -> None:
        """Asks the callee to cancel itself. (``cancel()`` only stops waiting for it.)"""
        invocation_id = await self.invocation_id
        assert self._calls.send_cancel is not None
        self._calls.send_cancel(invocation_id)
