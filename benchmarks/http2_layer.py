"""CPU microseconds per request of the HTTP/2 layer alone: in process, warm, no sockets.

Run: ``python -m benchmarks.http2_layer``. The client's bytes come from the ``h2`` library, recorded beforehand in a
real exchange and then replayed into fresh connections, one ``receive`` per request.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from h2.events import DataReceived

from benchmarks.requests import Header, RequestHeaders, client
from restate_reflect.http2 import Connection, RequestHead, Stream

__all__ = ["echo", "invocation", "record"]

REQUESTS = 500
ROUNDS = 60
BODY = b"x" * 100
RESPONSE_HEADERS = (("content-type", "application/vnd.restate.invocation.v5"), ("x-restate-server", "restate-reflect"))
GET = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost:9080"), (":path", "/health")]
POST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "localhost:9080"),
    (":path", "/invoke/Counter/add"),
    ("content-type", "application/vnd.restate.invocation.v5"),
    ("accept", "application/vnd.restate.invocation.v5"),
]


class Echo:
    """Answers the whole body at the end of the request."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.body = b""

    def data_received(self, data: bytes) -> None:
        self.body += data

    def eof_received(self) -> None:
        self.stream.respond(200, RESPONSE_HEADERS)
        self.stream.send_and_end(self.body or b"ok")

    def stream_closed(self, error: int | None) -> None: ...
    def writable(self) -> None: ...


def echo(stream: Stream, _head: RequestHead) -> Echo:
    return Echo(stream)


Request = tuple[list[Header], bytes]


def get() -> Request:
    return [*GET], b""


def post() -> Request:
    return [*POST], BODY


def invocation() -> Callable[[], Request]:
    """What restate-server sends: each request brings a new invocation id, hence a changed dynamic table."""
    headers = RequestHeaders()
    return lambda: (headers("/invoke/Counter/add"), BODY)


def record(request: Callable[[], Request], count: int = REQUESTS) -> tuple[bytes, list[bytes]]:
    """The client's opening bytes, and one chunk per request."""
    peer = client()
    server = Connection(echo)
    peer.receive_data(server.take_output())
    opening = peer.data_to_send()
    server.receive(opening)
    chunks = []
    for _ in range(count):
        for event in peer.receive_data(server.take_output()):
            if isinstance(event, DataReceived) and event.flow_controlled_length:
                peer.acknowledge_received_data(event.flow_controlled_length, event.stream_id or 0)
        headers, body = request()
        stream_id = peer.get_next_available_stream_id()
        peer.send_headers(stream_id, headers, end_stream=not body)
        if body:
            peer.send_data(stream_id, body, end_stream=True)
        chunks.append(peer.data_to_send())
        server.receive(chunks[-1])
    return opening, chunks


def replay(opening: bytes, chunks: list[bytes]) -> float:
    """Seconds of CPU for all chunks on one new connection."""
    server = Connection(echo)
    server.receive(opening)
    server.take_output()
    start = time.process_time()
    for chunk in chunks:
        server.receive(chunk)
        server.take_output()
    return time.process_time() - start


def main() -> None:
    for name, request in (("GET", get), ("POST, 100 bytes", post), ("POST, new invocation id", invocation())):
        opening, chunks = record(request)
        best = min(replay(opening, chunks) for _ in range(ROUNDS))
        print(f"{name:24} {best / REQUESTS * 1e6:6.2f} µs per request")


if __name__ == "__main__":
    main()
