"""The public face: bytes in, bytes out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from .core import Core
from .errors import ConnectionFault, ErrorCode, StreamFault
from .frames import DATA, HEADERS, MAX_STREAM_ID, PREFACE, unpack_header
from .handlers import RequestHandler
from .headers import RequestHead
from .inbound import OPEN, Reading
from .limits import Limits
from .stream import Stream

__all__ = ["Connection"]

_log = logging.getLogger(__name__)


class Connection:
    """The server's side of one HTTP/2 connection in cleartext, without any I/O (RFC 9113, prior knowledge).

    The owner passes bytes to ``receive`` and writes what ``take_output`` returns, after ``receive`` and when
    ``on_output`` asks for it; then it closes the transport if ``should_close``. The server's SETTINGS are
    there from the start.

    Args:
        on_request: Called for each well-formed request; its return value hears about the rest of it. It may
            respond at once.
        limits: What the peer may cost.
    """

    def __init__(self, on_request: Callable[[Stream, RequestHead], RequestHandler], limits: Limits = Limits()) -> None:  # noqa: B008  frozen
        self._core = Core(on_request, limits)
        self._reading = Reading(self._core)
        self._preface_left = PREFACE
        self._partial = bytearray()
        self._wanted = 0
        self._partials = 0

    # -- input -------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Take in what the transport read, the client's preface included.

        Never raises because of the peer: a violation resets the stream or ends the connection, and input after
        that is ignored. Exceptions of a request handler are logged and reset its stream.
        """
        core = self._core
        if core.dead:
            return
        core.receiving = True
        try:
            if self._partial:
                self._partial += data
                if len(self._partial) < self._wanted:
                    return
                data = bytes(self._partial)
                self._partial.clear()
            self._read(data, self._read_preface(data) if self._preface_left else 0)
        except ConnectionFault as fault:
            core.fail(fault)
        finally:
            core.receiving = False

    def _read(self, data: bytes, at: int) -> None:
        # The loop every byte passes through: frames are read in place, and the type picks the rule. 0.4 µs per frame.
        core, reading = self._core, self._reading
        max_size, stop = core.max_frame_size, len(data)
        while stop - at >= 9:
            word, flags, stream_id = unpack_header(data, at)
            size, kind, stream_id = word >> 8, word & 0xFF, stream_id & MAX_STREAM_ID
            start = at + 9
            if size > max_size:
                raise ConnectionFault(
                    ErrorCode.FRAME_SIZE_ERROR, f"frame of {size} bytes exceeds SETTINGS_MAX_FRAME_SIZE {max_size}"
                )
            at = start + size
            if at > stop:
                at = start - 9
                self._wanted = 9 + size
                break
            try:
                # Almost all traffic; not through the table, as a method of a compiled class is cheaper to call.
                if kind == DATA and reading.table is OPEN:
                    reading.on_data(flags, stream_id, data, start, at)
                elif kind == HEADERS and reading.table is OPEN:
                    reading.on_headers(flags, stream_id, data, start, at)
                else:
                    reading.table[kind](reading, flags, stream_id, data, start, at)
            except StreamFault as fault:
                core.fault_stream(fault)
            except ConnectionFault:
                raise
            except Exception:
                self._handler_failed(stream_id)
            if core.dead:
                return
        else:
            self._wanted = 9
        if at < stop:
            self._partial += memoryview(data)[at:]
            self._partials += 1

    def _read_preface(self, data: bytes) -> int:
        # Section 3.4. A wrong byte is refused at once, so that other protocols are not kept waiting.
        left = self._preface_left
        seen = data[: len(left)]
        if not left.startswith(seen):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "connection does not open with the HTTP/2 preface")
        self._preface_left = left[len(seen) :]
        return len(seen)

    def _handler_failed(self, stream_id: int) -> None:
        _log.exception("request handler failed (stream %d)", stream_id)
        stream = self._core.streams.get(stream_id)
        if stream is not None:
            stream.reset_with(ErrorCode.INTERNAL_ERROR)

    def connection_lost(self) -> None:
        """The transport is gone: open streams close with ``CANCEL``."""
        self._core.abandon(ErrorCode.CANCEL)
        self._core.output.clear()

    # -- output ------------------------------------------------------------------------------------------------------

    def take_output(self) -> bytes:
        """Everything to write now; may be empty."""
        return self._core.take_output()

    @property
    def on_output(self) -> Callable[[], None] | None:
        """Called when output came up outside ``receive``: once, until the next ``take_output``."""
        return self._core.on_output

    @on_output.setter
    def on_output(self, callback: Callable[[], None] | None) -> None:
        self._core.on_output = callback

    def pause_writing(self) -> None:
        """The transport's buffer is full: DATA waits in ``Stream.buffered``, as it does without flow-control window.

        Answers to the peer's frames still come, up to ``Limits.max_output_backlog``; then the connection ends. So
        while writing is paused, ``should_close`` means to abort the transport rather than wait for it to drain.
        """
        self._core.pause_writing()

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        self._core.resume_writing()

    # -- the end -----------------------------------------------------------------------------------------------------

    def shutdown(self) -> None:
        """End gracefully: the peer is told to open no more streams, those it has go on.

        Requests that crossed with the GOAWAY are served; after the peer has shown that it saw it, new ones are
        refused, and with the last stream ``should_close`` turns true (RFC 9113 section 6.8).
        """
        self._core.announce_shutdown()

    def close(self, code: ErrorCode = ErrorCode.NO_ERROR, why: str = "") -> None:
        """End at once: GOAWAY, and open streams close with ``code`` (``CANCEL`` for NO_ERROR).

        With ``why`` it is the peer's fault, and becomes ``failure``.
        """
        if why:
            self._core.fail(ConnectionFault(code, why))
        else:
            self._core.close(code)

    # -- waiting for the peer ----------------------------------------------------------------------------------------

    @property
    def has_begun(self) -> bool:
        """Whether the whole preface has come, SETTINGS included."""
        return self._reading.has_begun

    @property
    def unfinished(self) -> tuple[str, int] | None:
        """What is still arriving: a header block (and its stream) or a frame (and a serial number)."""
        stream_id = self._reading.unfinished_block
        if stream_id is not None:
            return "header block", stream_id
        return ("frame", self._partials) if self._partial else None

    def ping(self) -> None:
        """Ask for a sign of life; a peer that is there answers with a PING ACK."""
        self._core.ping()

    @property
    def should_close(self) -> bool:
        """Close the transport once the output is flushed."""
        return self._core.finished

    @property
    def failure(self) -> str | None:
        """What the peer did to end the connection, for the log; the GOAWAY says it too."""
        return self._core.failure.why if self._core.failure else None

    @property
    def handlers(self) -> Iterator[RequestHandler]:
        """Those of the requests that are not over."""
        return (stream.handler for stream in self._core.streams.values())

    @property
    def open_streams(self) -> int:
        """Requests that are not over."""
        return len(self._core.streams)
