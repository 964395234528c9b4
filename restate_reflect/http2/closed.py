"""Streams that are over, and what may still come of them (RFC 9113 section 5.1, "closed").

A peer goes on sending until it has read how a stream ended. What it may send meanwhile without any fault is bounded by
what it was granted: DATA by the stream's window, then one END_STREAM or RST_STREAM. So no meter counts these frames;
what goes beyond them is an error, or is counted.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from .errors import ConnectionFault, ErrorCode

__all__ = ["BOTH_ENDED", "RESET_BY_PEER", "ClosedStreams"]

BOTH_ENDED: Final = -1
RESET_BY_PEER: Final = -2


class ClosedStreams:
    """How the latest streams ended: ``BOTH_ENDED``, ``RESET_BY_PEER``, or, where we reset it, the bytes of DATA that
    the peer may still have sent.
    """

    def __init__(self, remembered: int) -> None:
        """``remembered``: how many streams."""
        self._remembered = remembered
        self._ends: OrderedDict[int, int] = OrderedDict()

    def add(self, stream_id: int, end: int) -> None:
        """The stream is over; ``end`` as ``find`` gives it."""
        self._ends[stream_id] = end
        if len(self._ends) > self._remembered:
            self._ends.popitem(last=False)

    def find(self, stream_id: int) -> int | None:
        """How it ended; ``None``: it never was, or is forgotten."""
        return self._ends.get(stream_id)

    def take_data(self, stream_id: int, size: int) -> None:
        """DATA came that crossed with our RST_STREAM."""
        left = self._ends[stream_id] - size
        if left < 0:
            raise ConnectionFault(
                ErrorCode.FLOW_CONTROL_ERROR, f"DATA beyond the window of stream {stream_id}, which was reset"
            )
        self._ends[stream_id] = left
