"""What each received frame means (RFC 9113 section 6): one function per type, in tables indexed by type.

Which table is in force is the connection's reading state: ``AT_START`` admits only SETTINGS (section 3.4), ``OPEN``
everything, ``IN_BLOCK`` only the CONTINUATION that belongs there (section 6.10).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from . import frames, windows
from .closed import BOTH_ENDED, RESET_BY_PEER
from .core import Core
from .errors import ConnectionFault, ErrorCode, StreamFault
from .frames import END_HEADERS, END_STREAM, HAS_PRIORITY, PADDED
from .headers import MalformedRequest, OversizedHeaders, malformed
from .stream import Stream

__all__ = ["Reading"]

FrameRule: TypeAlias = "Callable[[Reading, int, int, bytes, int, int], None]"
"""``rule(reading, flags, stream_id, data, start, stop)``: the payload is ``data[start:stop]``, not copied."""

Table: TypeAlias = tuple[FrameRule, ...]


class Reading:
    """Reading state: the table in force and the header block being put together."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.table = AT_START
        self._pieces: list[bytes] = []
        self._size = 0
        self._stream_id = 0
        self._end_stream = False

    @property
    def unfinished_block(self) -> int | None:
        """The stream whose header block is still arriving."""
        return self._stream_id if self.table is IN_BLOCK else None

    @property
    def has_begun(self) -> bool:
        """Whether the client's SETTINGS have come, which end its preface."""
        return self.table is not AT_START

    # -- header blocks -----------------------------------------------------------------------------------------------

    def on_headers(self, flags: int, stream_id: int, data: bytes, start: int, stop: int) -> None:
        """Section 6.2."""
        if not stream_id & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"HEADERS on stream {stream_id}, which no client may open")
        if flags & PADDED:
            start, stop = frames.without_padding(data, start, stop)
        if flags & HAS_PRIORITY:
            self._check_dependency(stream_id, data, start, stop)
            start += 5
        if flags & END_HEADERS:
            self._block_complete(stream_id, data[start:stop], flags & END_STREAM != 0)
            return
        self._stream_id, self._end_stream = stream_id, flags & END_STREAM != 0
        self._pieces, self._size = [], 0
        self.table = IN_BLOCK
        self._add_piece(data[start:stop])

    def on_continuation(self, flags: int, stream_id: int, data: bytes, start: int, stop: int) -> None:
        """Section 6.10."""
        if stream_id != self._stream_id:
            raise ConnectionFault(
                ErrorCode.PROTOCOL_ERROR, f"CONTINUATION on stream {stream_id} within a block of {self._stream_id}"
            )
        self._add_piece(data[start:stop])
        if flags & END_HEADERS:
            block = b"".join(self._pieces)
            self._pieces = []
            self.table = OPEN
            self._block_complete(stream_id, block, self._end_stream)

    def _add_piece(self, piece: bytes) -> None:
        limits = self.core.limits
        self._pieces.append(piece)
        self._size += len(piece)
        if len(self._pieces) > limits.max_continuations + 1 or self._size > limits.max_header_block_size:
            why = f"header block of {self._size} bytes in {len(self._pieces)} frames"
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, why)

    def _check_dependency(self, stream_id: int, data: bytes, start: int, stop: int) -> None:
        # The rest of the priority scheme is deprecated and ignored (section 5.3.2).
        if stop - start < 5:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for the priority it announces")
        if frames.unpack_u32(data, start)[0] & frames.MAX_STREAM_ID == stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"stream {stream_id} depends on itself")

    def _block_complete(self, stream_id: int, block: bytes, end_stream: bool) -> None:
        core = self.core
        if len(block) > core.max_block_size:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"header block of {len(block)} bytes")
        if stream_id > core.last_stream_id:
            self._request(stream_id, block, end_stream)
        elif stream_id in core.streams:
            self._trailers(core.streams[stream_id], block, end_stream)
        else:
            self._late_block(stream_id, block, end_stream)

    def _request(self, stream_id: int, block: bytes, end_stream: bool) -> None:
        core = self.core
        core.last_stream_id = stream_id
        try:
            head, body_length = core.reader.request(block)
        except MalformedRequest as error:
            raise malformed(stream_id, error) from None
        except OversizedHeaders:
            core.refuse_headers(stream_id, end_stream)
            return
        if len(core.streams) >= core.max_streams:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM, "too many concurrent streams")
        if core.unsent > core.max_unsent:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM, f"{core.unsent} bytes of responses are not taken")
        if core.final_stream_id is not None:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM, "opened after GOAWAY")
        core.open_stream(stream_id, head, body_length, end_stream)

    def _trailers(self, stream: Stream, block: bytes, end_stream: bool) -> None:
        if stream.remote_done:
            self.core.reader.discard(block)
            raise StreamFault(stream.id, ErrorCode.STREAM_CLOSED, "HEADERS after END_STREAM")
        try:
            self.core.reader.trailers(block)
        except MalformedRequest as error:
            raise malformed(stream.id, error) from None
        except OversizedHeaders:
            raise StreamFault(stream.id, ErrorCode.ENHANCE_YOUR_CALM, "trailer section is too large") from None
        if not end_stream:
            raise malformed(stream.id, "second HEADERS without END_STREAM")
        stream.check_body_complete()
        stream.end_received()

    def _late_block(self, stream_id: int, block: bytes, end_stream: bool) -> None:
        # Section 5.1, "closed", and section 5.1.1: an id below the newest that was skipped can't be opened any more.
        core = self.core
        end = core.closed.find(stream_id)
        if end is None or end == BOTH_ENDED:
            code = ErrorCode.PROTOCOL_ERROR if end is None else ErrorCode.STREAM_CLOSED
            raise ConnectionFault(code, f"HEADERS on stream {stream_id}, which is closed")
        core.reader.discard(block)
        if end == RESET_BY_PEER:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "HEADERS after RST_STREAM")
        if end_stream:
            core.closed.add(stream_id, BOTH_ENDED)
        else:
            self._count_ignored()

    # -- other frames of streams -------------------------------------------------------------------------------------

    def on_data(self, flags: int, stream_id: int, data: bytes, start: int, stop: int) -> None:
        """Section 6.1."""
        core = self.core
        size = stop - start
        core.receive_left -= size
        if core.receive_left < core.receive_low_mark:
            core.grant()
        if flags & PADDED:
            start, stop = frames.without_padding(data, start, stop)
        stream = core.streams.get(stream_id)
        end_stream = flags & END_STREAM != 0
        if stream is None or stream.remote_done:
            self._late_data(stream_id, stream, size, end_stream)
            return
        if start == stop and not end_stream and core.empty_data.exceeded():
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many empty DATA frames")
        stream.deliver(data[start:stop], size, end_stream)

    def _late_data(self, stream_id: int, stream: Stream | None, size: int, end_stream: bool) -> None:
        if stream is not None:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "DATA after END_STREAM")
        self._require_opened("DATA", stream_id)
        closed = self.core.closed
        end = closed.find(stream_id)
        if end == BOTH_ENDED:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"DATA on stream {stream_id}, which is closed")
        if end is None or end == RESET_BY_PEER:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "DATA on a closed stream")
        closed.take_data(stream_id, size)
        if end_stream:
            closed.add(stream_id, BOTH_ENDED)
        elif not size:
            self._count_ignored()

    def on_rst_stream(self, _flags: int, stream_id: int, data: bytes, start: int, stop: int) -> None:
        """Section 6.4."""
        frames.require_stream("RST_STREAM", stream_id)
        frames.require_size("RST_STREAM", 4, stop - start)
        self._require_opened("RST_STREAM", stream_id)
        stream = self.core.streams.get(stream_id)
        if stream is None:
            self._late_reset(stream_id)
        else:
            self.core.reset_by_peer(stream, frames.unpack_u32(data, start)[0])

    def _late_reset(self, stream_id: int) -> None:
        if self.core.closed.find(stream_id) in (None, RESET_BY_PEER):
            self._count_ignored()
        else:  # it crossed with the end of the stream, which it can do once
            self.core.closed.add(stream_id, RESET_BY_PEER)

    def on_window_update(self, _flags: int, stream_id: int, data: bytes, start: int, stop: int) -> None:
        """Section 6.9."""
        frames.require_size("WINDOW_UPDATE", 4, stop - start)
        increment = frames.unpack_u32(data, start)[0] & windows.MAX_WINDOW
        self.core.count_window_update()
        if stream_id:
            self._widen_stream(stream_id, increment)
        elif increment:
            self.core.widen(increment)
        else:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0 on the connection")

    def _widen_stream(self, stream_id: int, increment: int) -> None:
        stream = self.core.streams.get(stream_id)
        if stream is None:  # Normal: it crossed with the end of the stream.
            self._require_opened("WINDOW_UPDATE", stream_id)
            return
        if not increment:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
        if windows.overflows(stream.send_window, increment):
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "stream window beyond 2^31-1")
        stream.send_window += increment
        if stream.buffered:
            stream.flush()

    def on_priority(self, _flags: int, stream_id: int, data: bytes, start: int, stop: int) -> None:
        """Section 6.3: checked, and otherwise ignored."""
        frames.require_stream("PRIORITY", stream_id)
        self._count_ignored()
        if stop - start != 5:
            raise StreamFault(
                stream_id, ErrorCode.FRAME_SIZE_ERROR, f"PRIORITY payload of {stop - start} bytes instead of 5"
            )
        if frames.unpack_u32(data, start)[0] & frames.MAX_STREAM_ID == stream_id:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, "stream depends on itself")

    # -- frames of the connection ------------------------------------------------------------------------------------

    def on_first_settings(self, flags: int, stream_id: int, data: bytes, start: int, stop: int) -> None:
        """Section 3.4: the client's preface ends with SETTINGS, which is no ACK."""
        if flags & frames.ACK:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "connection opens with a SETTINGS ACK")
        self.table = OPEN
        self.on_settings(flags, stream_id, data, start, stop)

    def on_settings(self, flags: int, stream_id: int, data: bytes, start: int, stop: int) -> None:
        """Section 6.5."""
        core = self.core
        frames.require_connection("SETTINGS", stream_id)
        if core.settings_frames.exceeded():
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many SETTINGS frames")
        if flags & frames.ACK:
            frames.require_size("SETTINGS ACK", 0, stop - start)
            core.settings_taken()
            return
        core.apply_settings(frames.read_settings(data, start, stop))

    def on_ping(self, flags: int, stream_id: int, data: bytes, start: int, stop: int) -> None:
        """Section 6.7."""
        frames.require_connection("PING", stream_id)
        frames.require_size("PING", 8, stop - start)
        if self.core.pings.exceeded():
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many PING frames")
        if flags & frames.ACK:
            self.core.ping_answered(data[start:stop])
        else:
            self.core.output.append(frames.ping(data[start:stop], frames.ACK))

    def on_goaway(self, _flags: int, stream_id: int, _data: bytes, start: int, stop: int) -> None:
        """Section 6.8: the client opens no more streams; those it has go on."""
        frames.require_connection("GOAWAY", stream_id)
        if stop - start < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"GOAWAY payload of {stop - start} bytes, less than 8")
        self._count_ignored()
        self.core.goodbye_received()

    def on_unknown(self, _flags: int, _stream_id: int, _data: bytes, _start: int, _stop: int) -> None:
        """Section 5.5, and PRIORITY_UPDATE of RFC 9218."""
        self._count_ignored()

    def on_push_promise(self, _flags: int, _stream_id: int, _data: bytes, _start: int, _stop: int) -> None:
        """Section 8.4: clients can't push."""
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def on_unexpected(self, _flags: int, stream_id: int, _data: bytes, _start: int, _stop: int) -> None:
        """The frame is not admitted in this reading state."""
        where = "before SETTINGS" if self.table is AT_START else "within a header block"
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"unexpected frame {where} (stream {stream_id})")

    def on_stray_continuation(self, _flags: int, stream_id: int, _data: bytes, _start: int, _stop: int) -> None:
        """Section 6.10."""
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"CONTINUATION on stream {stream_id} without HEADERS")

    # -- shared checks -----------------------------------------------------------------------------------------------

    def _require_opened(self, name: str, stream_id: int) -> None:
        # Section 5.1, "idle". Streams with even ids would be ours, and we open none.
        if stream_id > self.core.last_stream_id or not stream_id & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{name} on stream {stream_id}, which nobody opened")

    def _count_ignored(self) -> None:
        if self.core.ignored_frames.exceeded():
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames without effect")


def _table(default: str, rules: dict[int, str]) -> Table:
    return tuple(getattr(Reading, rules.get(kind, default)) for kind in range(256))


AT_START: Final = _table("on_unexpected", {frames.SETTINGS: "on_first_settings"})
IN_BLOCK: Final = _table("on_unexpected", {frames.CONTINUATION: "on_continuation"})
OPEN: Final = _table(
    "on_unknown",
    {
        frames.DATA: "on_data",
        frames.HEADERS: "on_headers",
        frames.PRIORITY: "on_priority",
        frames.RST_STREAM: "on_rst_stream",
        frames.SETTINGS: "on_settings",
        frames.PUSH_PROMISE: "on_push_promise",
        frames.PING: "on_ping",
        frames.GOAWAY: "on_goaway",
        frames.WINDOW_UPDATE: "on_window_update",
        frames.CONTINUATION: "on_stray_continuation",
    },
)
