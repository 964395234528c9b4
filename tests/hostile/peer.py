"""A peer on a TCP socket that writes whatever frames it likes, and keeps what comes back by stream."""

from __future__ import annotations

import itertools
import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import hpack
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from restate_reflect.protocol.versions import ProtocolVersion
from tests.http2.peer import GET, PREFACE, Headers
from tests.journals import M, frames, given_input, journal, read, signal

__all__ = ["INVOKE", "TcpPeer", "attempt", "raw_frame", "setting"]

CONTENT_TYPE = ProtocolVersion.V6.content_type


def INVOKE(handler: str, *more: tuple[str, str], method: str = "POST") -> Headers:
    """The head of an invocation."""
    head = ((":method", method), (":scheme", "http"), (":authority", "a.test"), (":path", f"/invoke/Guest/{handler}"))
    return (*head, ("content-type", CONTENT_TYPE), *more)


def attempt(body: bytes = b'"a"') -> bytes:
    """The journal of a first attempt."""
    return journal(given_input(body))


def raw_frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A frame that no library would write."""
    return struct.pack(">LBL", len(payload) << 8 | kind, flags, stream_id) + payload


def setting(identifier: int, value: int) -> bytes:
    return raw_frame(4, 0, 0, struct.pack(">HL", identifier, value))


class TcpPeer:
    """One connection, with the preface sent unless told otherwise; a context manager."""

    def __init__(self, port: int, *, settings: dict[int, int] | None = None, silent: bool = False) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.received: list[Frame] = []
        """Every frame so far."""
        self.closed = False
        self.chunk = 1 << 20
        """Bytes to read at once."""
        self._buffer = b""
        self._pings = itertools.count(1)
        if not silent:
            self.raw(PREFACE + SettingsFrame(0, settings=settings or {}).serialize())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    # -- writing

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def try_raw(self, data: bytes) -> bool:
        """Writes unless the endpoint has closed the connection already."""
        try:
            self.raw(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def send(self, *sent: Frame) -> None:
        self.raw(b"".join(frame.serialize() for frame in sent))

    def block(self, headers: Headers) -> bytes:
        return bytes(self.encoder.encode(headers))

    def headers(self, stream_id: int, headers: Headers, *, end: bool = False) -> None:
        flags = ["END_HEADERS", "END_STREAM"] if end else ["END_HEADERS"]
        self.send(HeadersFrame(stream_id, self.block(headers), flags=flags))

    def data(self, stream_id: int, data: bytes, *, end: bool = False) -> None:
        self.send(DataFrame(stream_id, data, flags=["END_STREAM"] if end else []))

    def invoke(self, stream_id: int, handler: str, body: bytes = b'"a"', *, end: bool = False) -> None:
        """Begins an attempt; the request stays open unless ``end``."""
        self.headers(stream_id, INVOKE(handler))
        self.data(stream_id, attempt(body), end=end)

    def go(self, stream_id: int) -> None:
        """Lets ``Guest.wait`` end."""
        self.data(stream_id, signal("go", b'"b"'))

    # -- reading

    def receive(self) -> bool:
        """Reads once; false when the endpoint has closed the connection."""
        try:
            data = self.socket.recv(self.chunk)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return False
        self._buffer += data
        self._cut()
        return True

    def _cut(self) -> None:
        at = 0
        while len(self._buffer) - at >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._buffer[at : at + 9]))
            if len(self._buffer) - at < 9 + length:
                break
            frame.parse_body(memoryview(self._buffer[at + 9 : at + 9 + length]))
            self.received.append(frame)
            at += 9 + length
        self._buffer = self._buffer[at:]

    def settle(self) -> None:
        """Waits until the endpoint has dealt with all that was sent: a PING is answered, or the connection closed."""
        payload = b"PING%4d" % next(self._pings)
        if not self.try_raw(PingFrame(0, payload).serialize()):
            self.read_to_end()
            return
        self.until(lambda: self.closed or self.answered(payload))

    def answered(self, payload: bytes) -> bool:
        """Whether a PING came back."""
        return any(isinstance(f, PingFrame) and "ACK" in f.flags and f.opaque_data == payload for f in self.received)

    def until(self, condition: Any) -> None:
        """Reads until the condition holds, or the endpoint has closed the connection."""
        while not condition() and self.receive():
            pass
        assert condition(), f"the connection was closed first: {self.errors}, {len(self.received)} frames"

    def read_to_end(self) -> None:
        """Reads until the endpoint closes the connection."""
        while self.receive():
            pass

    # -- looking

    @property
    def errors(self) -> list[tuple[str, int]]:
        """``("GOAWAY", code)`` and ``("RST", code)`` in order."""
        kinds = {GoAwayFrame: "GOAWAY", RstStreamFrame: "RST"}
        return [(kinds[type(f)], f.error_code) for f in self.received if isinstance(f, GoAwayFrame | RstStreamFrame)]

    def ended(self, stream_id: int) -> bool:
        return any(
            frame.stream_id == stream_id and ("END_STREAM" in frame.flags or isinstance(frame, RstStreamFrame))
            for frame in self.received
        )

    def body(self, stream_id: int) -> bytes:
        return b"".join(f.data for f in self.received if isinstance(f, DataFrame) and f.stream_id == stream_id)

    def status(self, stream_id: int) -> int:
        """Of the response; only the first of a connection can be read for sure, as blocks build on each other."""
        decoder = hpack.Decoder()
        for frame in self.received:
            if isinstance(frame, HeadersFrame):
                fields = {str(name): str(value) for name, value in decoder.decode(frame.data)}
                if frame.stream_id == stream_id:
                    return int(fields[":status"])
        raise AssertionError(f"no response on stream {stream_id}: {self.received}")

    def types(self, stream_id: int) -> list[M]:
        """Kinds of the protocol messages of one response."""
        return [M(raw.type) for raw in frames(self.body(stream_id))]

    def messages(self, stream_id: int) -> Sequence[Any]:
        """The protocol messages of one response."""
        return [read(raw) for raw in frames(self.body(stream_id))]

    def output(self, stream_id: int) -> bytes:
        """What an attempt ended with; waits for it."""
        self.until(lambda: self.ended(stream_id))
        assert self.types(stream_id)[-2:] == [M.OUTPUT_COMMAND, M.END], self.messages(stream_id)
        value: bytes = self.messages(stream_id)[-2].value.content
        return value

    def check_serving(self, stream_id: int) -> None:
        """A request on a new stream is answered."""
        self.headers(stream_id, [*GET[:3], (":path", "/health")], end=True)
        self.until(lambda: self.ended(stream_id))
        assert self.body(stream_id) == b"ok"

    def check_serving_head(self, stream_id: int) -> None:
        """A request on a new stream gets its response head, even when there is no window for a body."""
        self.headers(stream_id, [*GET[:3], (":path", "/health")], end=True)
        self.until(lambda: any(isinstance(f, HeadersFrame) and f.stream_id == stream_id for f in self.received))

    def grant(self, stream_id: int, size: int) -> None:
        self.send(WindowUpdateFrame(stream_id, window_increment=size))
