"""An HTTP/2 client over a real socket, made of the ``h2`` library: it plays restate-server's side of a connection."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import h2.config
import h2.connection
import h2.events

from restate_reflect.protocol.versions import ProtocolVersion
from tests.journals import M, frames, read


@dataclass
class Response:
    """What has come on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(self.headers[":status"])

    @property
    def text(self) -> str:
        return self.body.decode()

    def messages(self, type_: M) -> list[Any]:
        """Protocol messages of one type."""
        return [read(raw) for raw in frames(bytes(self.body)) if raw.type == type_]

    @property
    def error(self) -> Any:
        """The error message that ended the attempt."""
        (message,) = self.messages(M.ERROR)
        return message

    @property
    def output(self) -> Any:
        """The output command."""
        (message,) = self.messages(M.OUTPUT_COMMAND)
        return message


class H2Peer:
    """One connection to an endpoint; a context manager."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._responses: dict[int, Response] = {}
        self._h2.initiate_connection()
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def open(self, path: str, headers: dict[str, str] | None = None, *, method: str = "POST", end: bool = False) -> int:
        """Sends the head of a request; the stream id."""
        stream = self._h2.get_next_available_stream_id()
        head = {":method": method, ":scheme": "http", ":authority": "test", ":path": path, **(headers or {})}
        self._responses[stream] = Response()
        self._h2.send_headers(stream, list(head.items()), end_stream=end)
        self._flush()
        return stream

    def invoke(self, service: str, handler: str, data: bytes, *, version: ProtocolVersion = ProtocolVersion.V6) -> int:
        """Opens an invocation and sends bytes; the request stays open."""
        stream = self.open(f"/invoke/{service}/{handler}", {"content-type": version.content_type})
        self.send(stream, data)
        return stream

    def send(self, stream: int, data: bytes = b"", *, end: bool = False) -> None:
        """Sends a part of a body, as far as it fits one frame."""
        self._h2.send_data(stream, data, end_stream=end)
        self._flush()

    def response(self, stream: int) -> Response:
        """Waits for the end of a response, or for a reset."""
        response = self._responses[stream]
        while not response.ended and response.reset is None:
            self._receive()
        return response

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise AssertionError("the endpoint has closed the connection")
        for event in self._h2.receive_data(data):
            self._on_event(event)
        self._flush()

    def _on_event(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                self._responses[event.stream_id].headers.update((str(k), str(v)) for k, v in event.headers)
            case h2.events.DataReceived():
                self._responses[event.stream_id].body += event.data
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self._responses[event.stream_id].ended = True
            case h2.events.StreamReset():
                self._responses[event.stream_id].reset = event.error_code
            case h2.events.ConnectionTerminated():
                raise AssertionError(f"the endpoint has ended the connection: {event.error_code}")
            case _:
                pass

    def _flush(self) -> None:
        self._socket.sendall(self._h2.data_to_send())
