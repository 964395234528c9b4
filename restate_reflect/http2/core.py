"""One connection apart from reading frames; its frame rules and its public face stand on it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from . import frames, settings, windows
from .closed import BOTH_ENDED, RESET_BY_PEER
from .date import date_field
from .encoder import response_block
from .errors import ConnectionFault, ErrorCode, StreamFault
from .handlers import RequestHandler
from .headers import HeaderReader, RequestHead
from .limits import Limits, Meter, Rate
from .shared import Shared
from .stream import Stream

__all__ = ["Core"]

_log = logging.getLogger(__name__)

_HEADERS_TOO_LARGE = 431


class Core(Shared):
    """Sending, granting, opening, closing, failing."""

    __slots__ = (
        "_backlog",
        "_sent_at_last_flood_check",
        "dead",
        "draining",
        "empty_data",
        "failure",
        "final_stream_id",
        "granted_by_peer",
        "ignored_frames",
        "last_stream_id",
        "max_block_size",
        "max_frame_size",
        "max_streams",
        "max_unsent",
        "on_request",
        "pings",
        "reader",
        "receive_left",
        "receive_low_mark",
        "resets",
        "settings_acknowledged",
        "settings_frames",
        "window_updates",
    )

    def __init__(self, on_request: Callable[[Stream, RequestHead], RequestHandler], limits: Limits) -> None:
        super().__init__(limits)
        self.on_request = on_request
        # Asked for with each frame or request: 0.05 µs less than through the limits.
        self.max_frame_size = limits.max_frame_size
        self.max_block_size = limits.max_header_block_size
        self.max_streams = limits.max_concurrent_streams
        self.max_unsent = limits.max_unsent
        self.output.append(settings.opening(limits))
        self._backlog = 0
        self.settings_acknowledged = False
        self.reader = HeaderReader(limits)

        self.granted_by_peer = windows.DEFAULT_WINDOW
        self.receive_left = limits.connection_window
        self.receive_low_mark = windows.low_mark(limits.connection_window)
        self.last_stream_id = 0

        self.dead = False
        self.failure: ConnectionFault | None = None
        self.draining = False
        self.final_stream_id: int | None = None

        self.resets = self.meter(limits.resets)
        self.empty_data = self.meter(limits.empty_data)
        self.ignored_frames = self.meter(limits.ignored_frames)
        self.pings = self.meter(limits.pings)
        self.settings_frames = self.meter(limits.settings)
        self.window_updates = self.meter(limits.window_updates)
        self._sent_at_last_flood_check = 0

    def meter(self, rate: Rate) -> Meter:
        """A meter on the connection's clock."""
        return Meter(rate, self.limits.clock)

    # -- output ------------------------------------------------------------------------------------------------------

    def take_output(self) -> bytes:
        """All frames written since the last call."""
        data = b"".join(self.output)
        self.output.clear()
        self._output_announced = False
        if self.writing_paused and not self.dead:
            data += self._charge_backlog(len(data))
        return data

    def _charge_backlog(self, size: int) -> bytes:
        # DATA waits while the transport is full, so what still comes are answers the peer provokes and never reads.
        self._backlog += size
        if self._backlog <= self.limits.max_output_backlog:
            return b""
        self.fail(ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"{self._backlog} bytes of answers are not being read"))
        return self.take_output()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self.writing_paused = True

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        self.writing_paused = False
        self._backlog = 0
        self.pump()
        self.written()

    def pump(self) -> None:
        """Send what waits, a frame per stream and turn, so that a large response does not starve the others."""
        while self.waiting and self.send_window > 0 and not self.writing_paused:
            stream_id, stream = self.waiting.popitem(last=False)
            if stream.send_frame():
                self.waiting[stream_id] = stream

    # -- windows -----------------------------------------------------------------------------------------------------

    def grant(self) -> None:
        """Top up the connection's receive window (called when it is below its low mark)."""
        if self.receive_left < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the connection's window")
        self.output.append(frames.window_update(0, self.limits.connection_window - self.receive_left))
        self.receive_left = self.limits.connection_window

    def widen(self, increment: int) -> None:
        """The peer granted connection window."""
        if windows.overflows(self.send_window, increment):
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "connection window beyond 2^31-1")
        self.send_window += increment
        self.granted_by_peer += increment
        if self.waiting:
            self.pump()

    def count_window_update(self) -> None:
        """A flood are those that are not matched by at least a byte each that was sent."""
        if self.window_updates.exceeded():
            sent = self.granted_by_peer - self.send_window
            if sent - self._sent_at_last_flood_check < self.limits.window_updates.count:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many WINDOW_UPDATE frames")
            self._sent_at_last_flood_check = sent
            self.window_updates = self.meter(self.limits.window_updates)

    def apply_settings(self, announced: Iterable[tuple[int, int]]) -> None:
        """Take over the peer's settings and acknowledge them.

        A new initial window shifts the windows of all streams (section 6.9.2): once per frame, as 10,000 changes fit
        into one.
        """
        before = self.peer.initial_window
        for identifier, value in announced:
            self.peer.apply(identifier, value)
        self.output.append(frames.SETTINGS_ACK)
        self._shift_windows(self.peer.initial_window - before)

    def _shift_windows(self, change: int) -> None:
        for stream in list(self.streams.values()) if change else ():
            if windows.overflows(stream.send_window, change):
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE overflows stream {stream.id}")
            stream.send_window += change
            if stream.buffered and change > 0:
                stream.flush()

    def settings_taken(self) -> None:
        """The peer acknowledged our SETTINGS."""
        if not self.settings_acknowledged:
            self.settings_acknowledged = True
            change = self.limits.stream_window - self.stream_window
            self.set_stream_window(self.limits.stream_window)
            for stream in self.streams.values() if change else ():
                stream.receive_left += change

    # -- streams -----------------------------------------------------------------------------------------------------

    def open_stream(self, stream_id: int, head: RequestHead, body_length: int, end_stream: bool) -> None:
        """Hand a request to the layer above."""
        stream = self.streams[stream_id] = Stream(self, stream_id)
        stream.body_left = body_length
        if end_stream:
            stream.check_body_complete()
        stream.handler = self.on_request(stream, head)
        if stream.closed:
            stream.notify_closed()
        elif end_stream:
            stream.end_received()

    def refuse_headers(self, stream_id: int, end_stream: bool) -> None:
        """Answer a request whose header list is too large (RFC 9113 section 10.5.1)."""
        self.write_headers(stream_id, response_block(_HEADERS_TOO_LARGE, ()) + date_field(), True)
        if end_stream:
            self.closed.add(stream_id, BOTH_ENDED)
        else:
            self.reset_id(stream_id, ErrorCode.NO_ERROR, self.stream_window)
        self._count_reset()

    def reset_by_peer(self, stream: Stream, code: int) -> None:
        """RST_STREAM came for an open stream."""
        self.closed.add(stream.id, RESET_BY_PEER)
        stream.release(code)
        self._count_reset()

    def fault_stream(self, fault: StreamFault) -> None:
        """Answer a stream error (section 5.4.2). A stream nobody opened can't be reset: that ends the connection."""
        _log.debug("stream %d: %s", fault.stream_id, fault.why)
        if fault.stream_id > self.last_stream_id:
            raise ConnectionFault(fault.code, fault.why)
        stream = self.streams.get(fault.stream_id)
        if stream is None:
            self.reset_id(fault.stream_id, fault.code, self.stream_window)
        else:
            stream.reset_with(fault.code)
        self._count_reset()

    def _count_reset(self) -> None:
        if self.resets.exceeded():
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many streams were reset")

    # -- the end -----------------------------------------------------------------------------------------------------

    @property
    def finished(self) -> bool:
        """Nothing more will be sent or understood."""
        return self.dead or (not self.streams and self.final_stream_id is not None)

    def announce_shutdown(self) -> None:
        """First GOAWAY of two: names no stream, so that requests under way are still served (section 6.8)."""
        if self.dead or self.draining:
            return
        self.draining = True
        self.output.append(frames.goaway(frames.MAX_STREAM_ID, ErrorCode.NO_ERROR, "shutting down"))
        self.output.append(frames.ping(_SHUTDOWN_PING))
        self.written()

    def ping_answered(self, payload: bytes) -> None:
        """The peer has seen the first GOAWAY: whatever it opened before has arrived."""
        if payload == _SHUTDOWN_PING and self.draining:
            self._say_goodbye("shutting down")

    def goodbye_received(self) -> None:
        """GOAWAY came. Ours follows: the peer learns which of its streams are served (section 6.8)."""
        self._say_goodbye("goodbye")

    def _say_goodbye(self, why: str) -> None:
        if self.final_stream_id is None:
            self.final_stream_id = self.last_stream_id
            self.output.append(frames.goaway(self.last_stream_id, ErrorCode.NO_ERROR, why))

    def fail(self, fault: ConnectionFault) -> None:
        """End the connection because of the peer (section 5.4.1)."""
        _log.debug("connection: %s", fault.why)
        self.failure = fault
        self.close(fault.code, fault.why)

    def ping(self) -> None:
        """Ask the peer for a sign of life."""
        if not self.dead:
            self.output.append(frames.ping(_LIVENESS_PING))
            self.written()

    def close(self, code: ErrorCode, debug: str = "") -> None:
        """GOAWAY, and all streams are over."""
        if not self.dead:
            self.output.append(frames.goaway(self.last_stream_id, code, debug))
            self.abandon(code or ErrorCode.CANCEL)
            self.written()

    def abandon(self, error: int) -> None:
        """Everything is over; nothing more is written."""
        self.dead = True
        streams = list(self.streams.values())
        for stream in streams:
            stream.closed = stream.ended = True  # all of them first: a handler that hears of one may turn to another
        for stream in streams:
            stream.release(error)


_SHUTDOWN_PING = b"shutdown"
_LIVENESS_PING = b"alive ? "
