"""CPU microseconds per request of the HTTP/2 layer alone: in process, warm, no sockets.

Run: ``python benchmarks/http2_layer.py``. The client's bytes come from the ``h2`` library, recorded beforehand in a
real exchange and then replayed into fresh connections, one ``receive`` per request.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import h2.config
import h2.connection
import h2.events

from restate_reflect.http2 import Connection, RequestHead, Stream

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


def get(_number: int) -> tuple[list[tuple[str, str]], bytes]:
    return GET, b""


def post(_number: int) -> tuple[list[tuple[str, str]], bytes]:
    return POST, BODY


def invocation(number: int) -> tuple[list[tuple[str, str]], bytes]:
    """What restate-server sends: each request brings a new invocation id, hence a changed dynamic table."""
    return [*POST, ("x-restate-invocation-id", f"inv_1gdJBtdVEcM9{number * 7919:022x}")], BODY


def record(request: Callable[[int], tuple[list[tuple[str, str]], bytes]]) -> tuple[bytes, list[bytes]]:
    """The client's opening bytes, and one chunk per request."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    server = Connection(echo)
    client.initiate_connection()
    client.receive_data(server.take_output())
    opening = client.data_to_send()
    server.receive(opening)
    chunks = []
    for number in range(REQUESTS):
        for event in client.receive_data(server.take_output()):
            if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        headers, body = request(number)
        stream_id = client.get_next_available_stream_id()
        client.send_headers(stream_id, headers, end_stream=not body)
        if body:
            client.send_data(stream_id, body, end_stream=True)
        chunks.append(client.data_to_send())
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
    for name, request in (("GET", get), ("POST, 100 bytes", post), ("POST, new invocation id", invocation)):
        opening, chunks = record(request)
        best = min(replay(opening, chunks) for _ in range(ROUNDS))
        print(f"{name:24} {best / REQUESTS * 1e6:6.2f} µs per request")


if __name__ == "__main__":
    main()
