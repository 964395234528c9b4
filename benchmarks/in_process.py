"""One invocation from HTTP/2 frames to HTTP/2 frames, in process and without sockets: what this project's code costs.

    python -m benchmarks.in_process [WORKLOAD …] [--profile]

The peer's bytes come from the ``h2`` library, recorded in a real exchange, and are then replayed into fresh
connections: nothing of the load generator is in the numbers. tests/performance counts calls and memory the same way.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import pstats
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from h2.connection import H2Connection
from h2.events import DataReceived

from benchmarks.machine import yardstick_us
from benchmarks.peers import ours
from benchmarks.requests import RequestHeaders, client
from benchmarks.workloads import WORKLOADS, Workload
from restate_reflect import reflect
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.h2 import open_stream
from restate_reflect.http2 import Connection
from restate_reflect.protocol.framing import FrameDecoder
from restate_reflect.protocol.messages import MessageType

__all__ = ["Recording", "Replayed", "Served", "record", "services_core", "timed"]

ROUNDS: Final = 20

Turns = list[bytes]
"""What the peer sends in one invocation: each after the answer to the one before."""


@dataclass(slots=True)
class Recording:
    """The peer's bytes of a connection on which a workload was run a number of times."""

    opening: bytes = b""
    invocations: list[Turns] = field(default_factory=list)


def services_core() -> Core:
    """The benchmark's services, ready to serve on the running event loop."""
    classes = (ours.Greeter, ours.Counter, ours.Steps, ours.Calls, ours.Echo, ours.Waiting)
    return Core([reflect(cls) for cls in classes])


class Served:
    """A connection of the endpoint, and a way to wait for what it has to say."""

    def __init__(self, core: Core) -> None:
        self.connection = Connection(partial(open_stream, core, core.environment))
        self._output = asyncio.Event()
        self.connection.on_output = self._output.set

    def send(self, data: bytes) -> bytes:
        """Takes the peer's bytes and returns what there is to say to them at once."""
        self.connection.receive(data)
        return self.connection.take_output()

    async def exchange(self, data: bytes) -> bytes:
        """Takes the peer's bytes and returns the answer, which a step in progress may delay."""
        output = self.send(data)
        while self.connection.open_streams and not _is_answer(output):
            await self._output.wait()
            self._output.clear()
            output += self.connection.take_output()
        return output


_WINDOW_UPDATE_SIZE: Final = 13
_RUN_COMMAND: Final = MessageType.RUN_COMMAND.to_bytes(2, "big") + bytes(2)
_PROPOSAL: Final = MessageType.PROPOSE_RUN_COMPLETION.to_bytes(2, "big") + bytes(2)


def _is_answer(output: bytes) -> bool:
    """A turn that announces a step is answered when its result has been proposed; a window is no answer."""
    return len(output) > _WINDOW_UPDATE_SIZE and not (_RUN_COMMAND in output and _PROPOSAL not in output)


async def record(workload: Workload, count: int) -> Recording:
    """Runs the workload against this project with an ``h2`` client, and keeps what the client sent."""
    peer, headers, served = client(), RequestHeaders(), Served(services_core())
    recording = Recording(peer.data_to_send())
    peer.receive_data(await served.exchange(recording.opening))
    for _ in range(count):
        recording.invocations.append([turn async for turn in _invocation(peer, served, workload, headers)])
    return recording


async def _invocation(
    peer: H2Connection, served: Served, workload: Workload, headers: RequestHeaders
) -> AsyncIterator[bytes]:
    stream = peer.get_next_available_stream_id()
    peer.send_headers(stream, headers(workload.path))
    peer.send_data(stream, workload.opening, end_stream=not workload.bidirectional)
    decoder, ended = FrameDecoder(), False
    while turn := peer.data_to_send():
        yield turn
        for event in peer.receive_data(await served.exchange(turn)):
            if isinstance(event, DataReceived):
                peer.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                ended |= _answer(peer, workload, decoder, event)
    # A failed attempt would be measured as well, and be quick; a workload that waits has not ended.
    if not ended and workload.ends:
        raise RuntimeError(f"{workload.name}: an invocation did not come to its end")


def _answer(peer: H2Connection, workload: Workload, decoder: FrameDecoder, event: DataReceived) -> bool:
    """Returns whether the attempt has ended well."""
    ended = False
    for message in decoder.feed(event.data or b""):
        ended |= message.type == MessageType.END
        answer = workload.respond(message)
        if answer:
            peer.send_data(event.stream_id or 0, answer)
    return ended


class Replayed:
    """A fresh connection that is sent what was recorded."""

    def __init__(self, recording: Recording, core: Core) -> None:
        self._served = Served(core)
        self._recording = recording

    async def open(self) -> None:
        await self._served.exchange(self._recording.opening)

    async def run(self, first: int = 0, last: int | None = None) -> None:
        """Invocations ``first`` to ``last``, one after the other; header blocks depend on those before."""
        exchange = self._served.exchange
        for turns in self._recording.invocations[first:last]:
            for turn in turns:
                await exchange(turn)


async def timed(recording: Recording, core: Core) -> float:
    """CPU µs per invocation; the collector may run, as it would when serving."""
    gc.collect()
    replayed = Replayed(recording, core)
    await replayed.open()
    start = time.process_time()
    await replayed.run()
    return (time.process_time() - start) / len(recording.invocations) * 1e6


async def _measure(workload: Workload, count: int, profile: bool) -> None:
    recording = await record(workload, count)
    core = services_core()
    best = min([await timed(recording, core) for _ in range(ROUNDS)])
    print(f"{workload.name:8} {best:7.1f} µs per invocation (a yardstick of pure Python: {yardstick_us():.0f} µs)")
    if profile:
        await _profile(recording, core)


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
    for name in options.workloads or ("greet", "add", "steps", "calls"):
        asyncio.run(_measure(WORKLOADS[name], options.count, options.profile))


if __name__ == "__main__":
    main()
