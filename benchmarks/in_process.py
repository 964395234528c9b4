"""One invocation from frames to frames, in process and without sockets: what the code of this project costs.

    python -m benchmarks.in_process [WORKLOAD …] [--profile]

The peer's bytes come from the ``h2`` library, recorded in a real exchange, and are then replayed into fresh
connections: nothing of the load generator is in the numbers. tests/performance counts calls and objects the same way.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived

from benchmarks.peers import ours
from benchmarks.workloads import WORKLOADS, Workload
from restate_reflect import reflect
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.h2 import open_stream
from restate_reflect.http2 import Connection
from restate_reflect.protocol.framing import FrameDecoder
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["Recording", "Replayed", "record"]

VERSION: Final = ProtocolVersion.V6
ROUNDS: Final = 20

Turns = list[bytes]
"""What the peer sends in one invocation: each after the answer to the one before."""


class Recording:
    """The peer's bytes of a connection on which a workload was run a number of times."""

    def __init__(self) -> None:
        self.opening = b""
        self.invocations: list[Turns] = []


def services_core() -> Core:
    """The benchmark's services, ready to serve on the running event loop."""
    return Core([reflect(cls) for cls in (ours.Greeter, ours.Counter, ours.Steps, ours.Calls)])


class Served:
    """A connection of the endpoint, and a way to wait for what it has to say."""

    def __init__(self, core: Core) -> None:
        self._connection = Connection(partial(open_stream, core))
        self._output = asyncio.Event()
        self._connection.on_output = self._output.set

    async def exchange(self, data: bytes) -> bytes:
        """Takes the peer's bytes and returns the answer, which a step in progress may delay."""
        self._connection.receive(data)
        output = self._connection.take_output()
        while self._connection.open_streams and not self._answered(output):
            await self._output.wait()
            self._output.clear()
            output += self._connection.take_output()
        return output

    def _answered(self, output: bytes) -> bool:
        return len(output) > _HEAD_ONLY and not self._waits_for_step(output)

    def _waits_for_step(self, output: bytes) -> bool:
        """A turn that announces a step is answered when its result has been proposed."""
        return _RUN_COMMAND in output and _PROPOSAL not in output


_HEAD_ONLY: Final = 13
"""Bytes of a WINDOW_UPDATE, which is no answer yet."""
_RUN_COMMAND: Final = MessageType.RUN_COMMAND.to_bytes(2, "big") + bytes(2)
_PROPOSAL: Final = MessageType.PROPOSE_RUN_COMPLETION.to_bytes(2, "big") + bytes(2)


async def record(workload: Workload, count: int) -> Recording:
    """Runs the workload against this project with an ``h2`` client, and keeps what the client sent."""
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.increment_flow_control_window(2**30)
    served = Served(services_core())
    recording = Recording()
    recording.opening = client.data_to_send()
    client.receive_data(await served.exchange(recording.opening))
    for number in range(count):
        recording.invocations.append([turn async for turn in _invocation(client, served, workload, number)])
    return recording


async def _invocation(client: H2Connection, served: Served, workload: Workload, number: int) -> AsyncIterator[bytes]:
    stream = client.get_next_available_stream_id()
    client.send_headers(stream, _headers(workload, number))
    client.send_data(stream, workload.opening, end_stream=not workload.bidirectional)
    decoder = FrameDecoder()
    while turn := client.data_to_send():
        yield turn
        for event in client.receive_data(await served.exchange(turn)):
            if isinstance(event, DataReceived):
                client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                _answer(client, workload, decoder, event)


def _headers(workload: Workload, number: int) -> list[tuple[str, str]]:
    return [
        *((":method", "POST"), (":scheme", "http"), (":authority", "127.0.0.1"), (":path", workload.path)),
        ("content-type", VERSION.content_type),
        ("accept", VERSION.content_type),
        ("x-restate-invocation-id", f"inv_1gidH2J8JM6R6sJGxJeQGDB7oMeF{number:08d}"),
    ]


def _answer(client: H2Connection, workload: Workload, decoder: FrameDecoder, event: DataReceived) -> None:
    for message in decoder.feed(event.data or b""):
        answer = workload.respond(message)
        if answer:
            client.send_data(event.stream_id, answer)


class Replayed:
    """A fresh connection that is sent what was recorded."""

    def __init__(self, recording: Recording, core: Core) -> None:
        self._served = Served(core)
        self._recording = recording

    async def open(self) -> None:
        await self._served.exchange(self._recording.opening)

    async def run(self) -> None:
        """All invocations, one after the other."""
        exchange = self._served.exchange
        for turns in self._recording.invocations:
            for turn in turns:
                await exchange(turn)


async def _measure(workload: Workload, count: int, profile: bool) -> None:
    recording = await record(workload, count)
    core = services_core()
    await _timed(recording, core)
    best = min([await _timed(recording, core) for _ in range(ROUNDS)]) / count * 1e6
    print(f"{workload.name:8} {best:7.1f} µs per invocation (a yardstick of pure Python: {_yardstick():.0f} µs)")
    if profile:
        await _profile(recording, core)


def _yardstick() -> float:
    """Time of a fixed piece of Python; on a machine that others use it tells how slow the moment was."""
    best = 1.0
    for _ in range(ROUNDS):
        start = time.process_time()
        sum({number: str(number) for number in range(1000)})
        best = min(best, time.process_time() - start)
    return best * 1e6


async def _timed(recording: Recording, core: Core) -> float:
    replayed = Replayed(recording, core)
    await replayed.open()
    start = time.process_time()
    await replayed.run()
    return time.process_time() - start


async def _profile(recording: Recording, core: Core) -> None:
    replayed = Replayed(recording, core)
    await replayed.open()
    with cProfile.Profile() as profiler:
        await replayed.run()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    for name in options.workloads or WORKLOADS:
        asyncio.run(_measure(WORKLOADS[name], options.count, options.profile))


if __name__ == "__main__":
    main()
