"""Load over HTTP/2 connections: the server's side of the service protocol, with the ``h2`` library.

    python -m benchmarks.driver PORT WORKLOAD INVOCATIONS [--streams N] [--rate PER_SECOND] [--connections N]

Without a rate, so many streams are kept in progress on each connection (closed loop). With one, an invocation begins
every 1/RATE seconds, whatever the others do (open loop); its latency counts from the moment it was due, so that a
server that falls behind can't hide it. Prints a ``Report`` as one JSON object.

It can't hang: an invocation that takes longer than the timeout is reset and counted as lost, like one whose stream is
reset, answered with another status or ended before the invocation has; when the connection goes, so does the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field

from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import StreamClosedError

from benchmarks.requests import RequestHeaders, client
from benchmarks.workloads import WORKLOADS, Workload
from restate_reflect.protocol.framing import FrameDecoder
from restate_reflect.protocol.messages import MessageType

__all__ = ["Load", "Report", "drive"]

_CHECK_INTERVAL = 0.5
_MOST_LOST = 200
"""Losses after which a connection gives up: each costs a timeout."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one connection asks for."""

    workload: Workload
    invocations: int
    streams: int = 50
    rate: float | None = None
    timeout: float = 20.0
    """Seconds an invocation may take."""


@dataclass(slots=True)
class Report:
    """What came of it. Bytes are those of all connections, prefaces and window updates included."""

    completed: int
    lost: dict[str, int]
    """How many by reason; empty when all is well."""
    seconds: float
    p50_ms: float
    p99_ms: float
    bytes_sent: int
    bytes_received: int


@dataclass(slots=True)
class Exchange:
    """One invocation in progress."""

    started: float
    decoder: FrameDecoder = field(default_factory=lambda: FrameDecoder(2**28))
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    """What waits for window."""
    completed: bool = False


class Driver(asyncio.Protocol):
    """One connection that makes a number of invocations."""

    def __init__(self, load: Load, seed: int = 0) -> None:
        self.load = load
        self.latencies: list[float] = []
        self.lost: Counter[str] = Counter()
        self.received = self.sent = 0
        self._loop = asyncio.get_running_loop()
        self.finished: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._remaining = load.invocations
        self._headers = RequestHeaders(seed=seed)
        self._open: dict[int, Exchange] = {}
        self._h2 = client()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop.call_later(_CHECK_INTERVAL, self._give_up_late)
        if self.load.rate is not None:
            self._due = time.perf_counter()
            self._begin_due(1 / self.load.rate)
            return
        self._begin_all()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)
        rest = len(self._open) + self._remaining
        if rest and not self.finished.done():
            self.lost[f"connection lost: {exc or 'closed by the peer'}"] += rest
            self.finished.set_result(None)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        for event in self._h2.receive_data(data):
            self._handle(event)
        self._flush()

    def _handle(self, event: Event) -> None:
        match event:
            case DataReceived():
                self._on_data(event)
            case ResponseReceived(headers=headers, stream_id=int(stream)):
                status = dict(headers or ()).get(b":status")
                if status != b"200":
                    self._lose(stream, f"status {status!r}")
            case StreamEnded(stream_id=int(stream)):
                self._end(stream)
            case StreamReset(stream_id=int(stream)):
                self._end(stream, f"reset with {event.error_code}")
            case WindowUpdated():
                self._send_waiting()
            case _:
                pass

    # ------------------------------------------------------------ beginning

    def _begin_due(self, interval: float) -> None:
        """Begins what is due, and comes back when the next one is; what the peer has no stream for stays due."""
        most = self._h2.remote_settings.max_concurrent_streams
        while self._remaining and self._due <= time.perf_counter() and len(self._open) < most:
            self._begin(self._due)
            self._due += interval
        self._flush()
        if self._remaining and not self.finished.done():
            self._loop.call_later(max(self._due - time.perf_counter(), 0.001), self._begin_due, interval)

    def _begin_all(self) -> None:
        for _ in range(min(self.load.streams, self._remaining)):
            self._begin(time.perf_counter())

    def _begin(self, started: float) -> None:
        self._remaining -= 1
        stream = self._h2.get_next_available_stream_id()
        self._h2.send_headers(stream, self._headers(self.load.workload.path))
        self._open[stream] = exchange = Exchange(started, unsent=memoryview(self.load.workload.opening))
        self._send(stream, exchange)

    def _send(self, stream: int, exchange: Exchange) -> None:
        """As much as the windows allow, in frames as large as the peer takes. A stream it has closed gets nothing."""
        ends = not self.load.workload.bidirectional
        try:
            while exchange.unsent:
                size = min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
                if size <= 0:
                    return
                part, exchange.unsent = exchange.unsent[:size], exchange.unsent[size:]
                self._h2.send_data(stream, bytes(part), end_stream=ends and not exchange.unsent)
        except StreamClosedError:
            exchange.unsent = memoryview(b"")

    def _send_waiting(self) -> None:
        for stream, exchange in self._open.items():
            if exchange.unsent:
                self._send(stream, exchange)

    # ------------------------------------------------------------ answers

    def _on_data(self, event: DataReceived) -> None:
        stream, data = event.stream_id or 0, event.data or b""
        exchange = self._open.get(stream)
        if exchange is None:
            return
        self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
        for message in exchange.decoder.feed(data):
            if message.type == MessageType.END:
                self._complete(stream, exchange)
            elif message.type in (MessageType.ERROR, MessageType.SUSPENSION):
                self._lose(stream, f"answered with {MessageType(message.type).name}")
                return
            elif answer := self.load.workload.respond(message):
                exchange.unsent = memoryview(bytes(exchange.unsent) + answer)
                self._send(stream, exchange)

    def _complete(self, stream: int, exchange: Exchange) -> None:
        """The request ends when the invocation has: the official SDK waits for it before it ends its response."""
        exchange.completed = True
        if self.load.workload.bidirectional:
            try:
                self._h2.end_stream(stream)
            except StreamClosedError:
                pass  # a peer may reset the stream once it has answered (RFC 9113 section 8.1)

    def _end(self, stream: int, reason: str = "ended before the invocation had") -> None:
        exchange = self._open.pop(stream, None)
        if exchange is None:
            return
        if exchange.completed:
            self.latencies.append((time.perf_counter() - exchange.started) * 1000)
        else:
            self.lost[reason] += 1
        self._go_on()

    def _lose(self, stream: int, reason: str) -> None:
        self._open.pop(stream)
        self.lost[reason] += 1
        try:
            self._h2.reset_stream(stream)
        except StreamClosedError:
            pass
        self._go_on()

    def _go_on(self) -> None:
        if self.lost.total() >= _MOST_LOST:
            self.lost["not tried after so many"] += self._remaining
            self._remaining = 0
        if self.load.rate is None and self._remaining:
            self._begin(time.perf_counter())
        elif not self._open and not self._remaining and not self.finished.done():
            self.finished.set_result(None)

    def _give_up_late(self) -> None:
        if self.finished.done():
            return
        oldest = time.perf_counter() - self.load.timeout
        for stream in [stream for stream, exchange in self._open.items() if exchange.started < oldest]:
            self._lose(stream, f"no answer within {self.load.timeout:g} s")
        self._flush()
        self._loop.call_later(_CHECK_INTERVAL, self._give_up_late)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        self.sent += len(data)
        self._transport.write(data)


async def drive(port: int, load: Load, connections: int = 1) -> Report:
    """Runs the load on each of some connections at once, and reports on all together."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    pairs = [
        await loop.create_connection(lambda seed=number: Driver(load, seed), "127.0.0.1", port)  # type: ignore[misc]
        for number in range(connections)
    ]
    for _, driver in pairs:
        await driver.finished
    seconds = time.perf_counter() - began
    for transport, driver in pairs:
        transport.abort()
        await driver.closed
    return _report([driver for _, driver in pairs], seconds)


def _report(drivers: list[Driver], seconds: float) -> Report:
    ordered = sorted(latency for driver in drivers for latency in driver.latencies) or [float("nan")]
    lost: Counter[str] = sum((driver.lost for driver in drivers), Counter())
    return Report(
        completed=sum(len(driver.latencies) for driver in drivers),
        lost=dict(lost),
        seconds=seconds,
        p50_ms=ordered[len(ordered) // 2],
        p99_ms=ordered[int(len(ordered) * 0.99)],
        bytes_sent=sum(driver.sent for driver in drivers),
        bytes_received=sum(driver.received for driver in drivers),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driver")
    parser.add_argument("port", type=int)
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("invocations", type=int, help="of each connection")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--timeout", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=1)
    given = vars(parser.parse_args())
    port, workload, connections = (given.pop(name) for name in ("port", "workload", "connections"))
    load = Load(WORKLOADS[workload], **given)
    print(json.dumps(asdict(asyncio.run(drive(port, load, connections)))))


if __name__ == "__main__":
    main()
