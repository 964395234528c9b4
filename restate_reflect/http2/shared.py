"""What the streams of a connection share: where their frames go, and the windows that bound them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from . import windows
from .closed import ClosedStreams
from .encoder import EMPTY_TABLE
from .frames import END_HEADERS, END_STREAM, HEADERS, RST_STREAM, frame_header, pack_header, pack_u32, split_headers
from .limits import Limits
from .settings import PeerSettings

__all__ = ["Shared"]


class Shared:
    """The connection, as a stream sees it."""

    __slots__ = (
        "_first_block",
        "_output_announced",
        "closed",
        "limits",
        "on_output",
        "output",
        "peer",
        "receiving",
        "send_window",
        "stream_low_mark",
        "stream_window",
        "streams",
        "unsent",
        "waiting",
        "writing_paused",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.peer = PeerSettings()
        self.output: list[bytes] = []
        self.on_output: Callable[[], None] | None = None
        self.receiving = False
        """Whether frames are being read: what is written meanwhile is noticed without being told."""
        self.writing_paused = False
        self._output_announced = False
        self._first_block = True
        self.send_window = windows.DEFAULT_WINDOW
        # A smaller window than the protocol's default binds the peer only once it has acknowledged it (section 6.9.3).
        self.set_stream_window(max(limits.stream_window, windows.DEFAULT_WINDOW))
        self.streams: dict[int, Any] = {}
        """Those that are open, by id."""
        self.waiting: OrderedDict[int, Any] = OrderedDict()
        """Those that the connection's window, or the transport, holds up."""
        self.unsent = 0
        """Bytes of all streams that wait."""
        self.closed = ClosedStreams(limits.closed_streams_remembered)

    def written(self) -> None:
        """Tell the owner, once per ``take_output``, that there is output it has no other way to notice."""
        if not self.receiving and self.output and not self._output_announced and self.on_output is not None:
            self._output_announced = True
            self.on_output()

    def write_headers(self, stream_id: int, block: bytes, end_stream: bool) -> None:
        """Write a header block; the first of the connection gives up the dynamic table."""
        if self._first_block:
            self._first_block = False
            block = EMPTY_TABLE + block
        if len(block) <= self.peer.max_frame_size:
            flags = END_HEADERS | END_STREAM if end_stream else END_HEADERS
            self.output.append(pack_header(len(block) << 8 | HEADERS, flags, stream_id))
            self.output.append(block)
        else:
            self.output.append(split_headers(stream_id, block, end_stream, self.peer.max_frame_size))

    def reset_id(self, stream_id: int, code: int, window: int) -> None:
        """Write RST_STREAM (section 6.4). So many bytes of DATA may be under way: they are no fault of the peer."""
        self.output += (frame_header(RST_STREAM, 4, 0, stream_id), pack_u32(code))
        self.closed.add(stream_id, window)

    def set_stream_window(self, size: int) -> None:
        """How much a peer may send on one stream before it is granted more."""
        self.stream_window = size
        self.stream_low_mark = windows.low_mark(size)
