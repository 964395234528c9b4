"""``asyncio.gather`` on a durable loop: its future hashes by a serial number, as all futures of the loop do.

asyncio makes that future itself, and by its address it would hash: ``asyncio.wait`` would give gathers in an order that
changes from process to process. Every new future asks its loop for the debug mode; that is where it is met.
"""

from __future__ import annotations

from types import FrameType
from typing import Any, Final

from restate_reflect.durable.extending import GatheringFuture

__all__ = ["order_gather"]


class _OrderedGather(GatheringFuture):  # type: ignore[misc]
    _serial: int

    def __hash__(self) -> int:
        return self._serial


def order_gather(frame: FrameType) -> bool:
    """``frame`` asks a durable loop for its debug mode: if it is a gather's constructor, that one gets a serial."""
    if frame.f_code is not _GATHERING:
        return False
    made: Any = frame.f_locals["self"]
    made.__class__ = _OrderedGather
    made._serial = frame.f_locals["loop"].next_serial()
    return True


_GATHERING: Final = GatheringFuture.__init__.__code__
