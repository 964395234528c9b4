"""Peers for the HTTP/2 layer: a client that writes single frames, and the ``h2`` library back to back with the server.

Frames are made and read by ``hyperframe``, blocks by ``hpack``: nothing here shares code with what is tested.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import h2.config
import h2.connection
import h2.events
import hpack
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from restate_reflect.http2 import Connection, Limits, RequestHead, Stream

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
Headers = Sequence[tuple[str, str]]
GET: Headers = ((":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/"))
POST: Headers = ((":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", "/"))


class Recorder:
    """A request handler that keeps what it hears; ``react`` may answer."""

    def __init__(self, stream: Stream, head: RequestHead, react: Callable[[Recorder, str], None]) -> None:
        self.stream, self.head, self.react = stream, head, react
        self.events: list[tuple[str, object]] = []
        self.body = b""

    def data_received(self, data: bytes) -> None:
        assert data
        self.body += data
        self._heard("data", data)

    def eof_received(self) -> None:
        self._heard("eof", None)

    def stream_closed(self, error: int | None) -> None:
        self._heard("closed", error)

    def writable(self) -> None:
        self._heard("writable", None)

    def _heard(self, event: str, value: object) -> None:
        assert "closed" not in [name for name, _ in self.events], "stream_closed comes once and last"
        self.events.append((event, value))
        self.react(self, event)

    @property
    def closed(self) -> list[object]:
        """Arguments of ``stream_closed``."""
        return [value for name, value in self.events if name == "closed"]


def ignore(_handler: Recorder, _event: str) -> None:
    """React to nothing."""


def echo(handler: Recorder, event: str) -> None:
    """Answer the body when the request has ended."""
    if event == "eof":
        handler.stream.respond(200, (("content-type", "text/plain"),))
        handler.stream.send_and_end(handler.body)


class Server:
    """The connection under test with its handlers."""

    def __init__(self, react: Callable[[Recorder, str], None] = ignore, limits: Limits | None = None) -> None:
        self.handlers: list[Recorder] = []
        self.react = react
        self.connection = Connection(self._on_request, limits or Limits())

    def _on_request(self, stream: Stream, head: RequestHead) -> Recorder:
        self.handlers.append(Recorder(stream, head, self.react))
        return self.handlers[-1]


class FrameClient(Server):
    """Writes frames to a server by hand and reads its frames; it has sent its preface and SETTINGS."""

    def __init__(
        self,
        react: Callable[[Recorder, str], None] = ignore,
        limits: Limits | None = None,
        settings: dict[int, int] | None = None,
    ) -> None:
        super().__init__(react, limits)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.opening = read_frames(self.connection.take_output())
        self.raw(PREFACE + SettingsFrame(0, settings=settings or {}).serialize())
        self.ack = self.received()

    def raw(self, data: bytes) -> None:
        self.connection.receive(data)

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            self.raw(frame.serialize())

    def block(self, headers: Headers) -> bytes:
        return self.encoder.encode(headers)

    def headers(self, stream_id: int, headers: Headers = POST, *, flags: Sequence[str] = ("END_HEADERS",)) -> None:
        self.send(HeadersFrame(stream_id, self.block(headers), flags=flags))

    def get(self, stream_id: int, headers: Headers = GET) -> None:
        self.headers(stream_id, headers, flags=("END_HEADERS", "END_STREAM"))

    def received(self) -> list[Frame]:
        return read_frames(self.connection.take_output())

    def goaway(self) -> GoAwayFrame | None:
        return next((frame for frame in self.received() if isinstance(frame, GoAwayFrame)), None)


def read_frames(data: bytes) -> list[Frame]:
    """All frames in ``data``, which must be whole ones."""
    frames = []
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        assert len(data) >= 9 + length, "half a frame was written"
        data = data[9 + length :]
        frames.append(frame)
    return frames


def sent_data(frames: Sequence[Frame], stream_id: int) -> bytes:
    """What the DATA frames of one stream carry."""
    return b"".join(frame.data for frame in frames if isinstance(frame, DataFrame) and frame.stream_id == stream_id)


def errors(frames: Sequence[Frame]) -> list[tuple[str, int]]:
    """``("GOAWAY", code)`` and ``("RST", code)`` in order."""
    found = []
    for frame in frames:
        if isinstance(frame, GoAwayFrame):
            found.append(("GOAWAY", frame.error_code))
        elif isinstance(frame, RstStreamFrame):
            found.append(("RST", frame.error_code))
    return found


class Pair(Server):
    """The ``h2`` library's client and the server, joined in memory; ``events`` are the client's."""

    def __init__(self, react: Callable[[Recorder, str], None] = echo, limits: Limits | None = None) -> None:
        super().__init__(react, limits)
        self.client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.client.initiate_connection()
        self.events: list[h2.events.Event] = []
        self.shuttle()

    def shuttle(self, *, acknowledge: bool = True) -> None:
        """Carry bytes both ways until both are silent."""
        while True:
            up, down = self.client.data_to_send(), self.connection.take_output()
            if not up and not down:
                return
            self.connection.receive(up)
            for event in self.client.receive_data(down):
                self.events.append(event)
                if acknowledge and isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                    self.client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def request(self, headers: Headers = POST, body: bytes = b"") -> int:
        """Send a request and, window by window, its body."""
        stream_id = self.client.get_next_available_stream_id()
        self.client.send_headers(stream_id, headers, end_stream=not body)
        while body:
            size = min(self.client.local_flow_control_window(stream_id), self.client.max_outbound_frame_size, len(body))
            assert size, "the server never grants window again"
            self.client.send_data(stream_id, body[:size], end_stream=size == len(body))
            body = body[size:]
            self.shuttle()
        self.shuttle()
        return stream_id

    def of(self, stream_id: int, kind: type[h2.events.Event]) -> list[h2.events.Event]:
        return [
            event for event in self.events if isinstance(event, kind) and getattr(event, "stream_id", 0) == stream_id
        ]

    def body(self, stream_id: int) -> bytes:
        return b"".join(event.data for event in self.of(stream_id, h2.events.DataReceived))  # type: ignore[attr-defined]

    def ended(self, stream_id: int) -> bool:
        return len(self.of(stream_id, h2.events.StreamEnded)) == 1


__all__ = [
    "GET",
    "POST",
    "PREFACE",
    "ContinuationFrame",
    "DataFrame",
    "FrameClient",
    "GoAwayFrame",
    "HeadersFrame",
    "Pair",
    "Recorder",
    "RstStreamFrame",
    "Server",
    "SettingsFrame",
    "WindowUpdateFrame",
    "echo",
    "errors",
    "ignore",
    "read_frames",
    "sent_data",
]
