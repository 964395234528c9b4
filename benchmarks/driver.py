"""Load over one HTTP/2 connection: the server's side of the service protocol, with the ``h2`` library.

    python -m benchmarks.driver PORT WORKLOAD INVOCATIONS STREAMS [RATE]

Without RATE, STREAMS invocations are kept in progress (closed loop). With it, one begins every 1/RATE seconds,
whatever the others do (open loop); its latency counts from the moment it was due, so that a server that falls behind
can't hide it. Prints one JSON object: invocations, seconds, latencies in ms (p50, p99), bytes both ways.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import StreamClosedError

from benchmarks.workloads import WORKLOADS, Workload
from restate_reflect.protocol.framing import FrameDecoder
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

VERSION = ProtocolVersion.V6


@dataclass(slots=True)
class Exchange:
    """One invocation in progress."""

    started: float
    decoder: FrameDecoder = field(default_factory=FrameDecoder)
    completed: bool = False


class Driver(asyncio.Protocol):
    """One connection that makes a number of invocations."""

    def __init__(self, workload: Workload, invocations: int, streams: int, rate: float | None = None) -> None:
        self.workload = workload
        self.remaining = invocations
        self.streams = streams
        self.rate = rate
        self.latencies: list[float] = []
        self.received = self.sent = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ids: Iterator[int] = count(1)
        self._open: dict[int, Exchange] = {}
        self._h2 = H2Connection(H2Configuration(client_side=True, validate_inbound_headers=False))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(2**30)
        if self.rate is not None:
            self._due = time.perf_counter()
            self._begin_due(1 / self.rate)
            return
        for _ in range(min(self.streams, self.remaining)):
            self._begin(time.perf_counter())
        self._flush()

    def _begin_due(self, interval: float) -> None:
        """Begins what is due, and comes back when the next one is."""
        while self.remaining and self._due <= time.perf_counter():
            self._begin(self._due)
            self._due += interval
        self._flush()
        if self.remaining:
            asyncio.get_running_loop().call_later(self._due - time.perf_counter(), self._begin_due, interval)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_exception(exc or ConnectionError("the endpoint closed the connection"))

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        for event in self._h2.receive_data(data):
            if isinstance(event, DataReceived):
                self._on_data(event)
            elif isinstance(event, ResponseReceived):
                self._check(event)
            elif isinstance(event, StreamEnded):
                self._end(event.stream_id)
            elif isinstance(event, StreamReset) and event.stream_id in self._open:
                raise ConnectionError(f"stream {event.stream_id} was reset: {event.error_code}")
        self._flush()

    def _begin(self, started: float) -> None:
        self.remaining -= 1
        stream = self._h2.get_next_available_stream_id()
        # The headers of restate-server 1.7, invocation id included: a new one for each invocation.
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "127.0.0.1"),
            (":path", self.workload.path),
            ("content-type", VERSION.content_type),
            ("accept", VERSION.content_type),
            ("x-restate-invocation-id", f"inv_1gidH2J8JM6R6sJGxJeQGDB7oMeF{next(self._ids):08d}"),
        ]
        self._h2.send_headers(stream, headers)
        self._h2.send_data(stream, self.workload.opening, end_stream=not self.workload.bidirectional)
        self._open[stream] = Exchange(started)

    def _check(self, event: ResponseReceived) -> None:
        status = dict(event.headers).get(b":status")
        if status != b"200":
            raise ConnectionError(f"status {status!r}")

    def _on_data(self, event: DataReceived) -> None:
        exchange = self._open[event.stream_id]
        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        for message in exchange.decoder.feed(event.data):
            if message.type == MessageType.END:
                self._complete(event.stream_id, exchange)
            elif answer := self.workload.respond(message):
                self._h2.send_data(event.stream_id, answer)

    def _complete(self, stream: int, exchange: Exchange) -> None:
        """The request ends when the invocation has: the official SDK waits for it before it ends its response."""
        exchange.completed = True
        if self.workload.bidirectional:
            try:
                self._h2.end_stream(stream)
            except StreamClosedError:
                pass  # a peer may reset the stream once it has answered (RFC 9113 section 8.1)

    def _end(self, stream: int) -> None:
        exchange = self._open.pop(stream)
        if not exchange.completed:
            raise ConnectionError("the invocation did not complete")
        self.latencies.append((time.perf_counter() - exchange.started) * 1000)
        if self.remaining and self.rate is None:
            self._begin(time.perf_counter())
        elif not self._open and not self.remaining:
            self.finished.set_result(None)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        self.sent += len(data)
        self._transport.write(data)


async def drive(
    port: int, workload: Workload, invocations: int, streams: int, rate: float | None = None
) -> dict[str, float]:
    """Runs the load and reports."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    transport, driver = await loop.create_connection(
        lambda: Driver(workload, invocations, streams, rate), "127.0.0.1", port
    )
    await driver.finished
    seconds = time.perf_counter() - began
    transport.close()
    ordered = sorted(driver.latencies)
    return {
        "invocations": invocations,
        "seconds": seconds,
        "p50_ms": ordered[len(ordered) // 2],
        "p99_ms": ordered[int(len(ordered) * 0.99)],
        "bytes_sent": driver.sent,
        "bytes_received": driver.received,
    }


def main() -> None:
    port, name, invocations, streams, *rate = sys.argv[1:]
    load = drive(int(port), WORKLOADS[name], int(invocations), int(streams), float(rate[0]) if rate else None)
    print(json.dumps(asyncio.run(load)))


if __name__ == "__main__":
    main()
