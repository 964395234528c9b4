"""Memory of 10,000 invocations that wait at once over open streams, of the serving process and its children."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from h2.events import DataReceived, RemoteSettingsChanged, StreamReset

from benchmarks.machine import rss_bytes
from benchmarks.report import Options, Outcome, markdown
from benchmarks.requests import RequestHeaders, client
from benchmarks.servers import OFFICIAL_GRANIAN, OFFICIAL_HYPERCORN, OURS, Peer, running
from benchmarks.workloads import WORKLOADS

__all__ = ["run"]

PEERS: Final = {OURS: 1000, OFFICIAL_GRANIAN: 200, OFFICIAL_HYPERCORN: 100}
"""And how many streams each allows on a connection."""
GOAL_KB: Final = 12.0
WARM_UP: Final = 500
_TIMEOUT: Final = 120.0
_SETTLE: Final = 1.0
"""Seconds between the last answer and the reading of the memory, for what is still being freed."""


class Waiter(asyncio.Protocol):
    """A connection that opens invocations and leaves them open."""

    def __init__(self, count: int, seed: int) -> None:
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = count
        self._count = count
        self._headers = RequestHeaders(seed=seed)
        self._h2 = client()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._h2.receive_data(data):
            match event:
                case RemoteSettingsChanged():  # before it, h2 assumes a limit of 100 streams
                    self._open()
                case DataReceived():  # the command of its timer; the head alone says nothing, and granian keeps it back
                    self._left -= 1
                case StreamReset(stream_id=stream, error_code=code) if not self.answered.done():
                    self.answered.set_exception(RuntimeError(f"stream {stream} was reset with {code}"))
                case _:
                    pass
        self._transport.write(self._h2.data_to_send())
        if not self._left and not self.answered.done():
            self.answered.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answered.done():
            self.answered.set_exception(RuntimeError(f"connection lost: {exc}"))

    def _open(self) -> None:
        workload = WORKLOADS["waiting"]
        for _ in range(self._count):
            stream = self._h2.get_next_available_stream_id()
            self._h2.send_headers(stream, self._headers(workload.path))
            self._h2.send_data(stream, workload.opening)
        self._count = 0


async def _wait(port: int, count: int, per_connection: int) -> list[asyncio.Transport]:
    """So many invocations that have written the command of their timer."""
    transports = []
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_TIMEOUT):
        for number, first in enumerate(range(0, count, per_connection)):
            size = min(per_connection, count - first)
            transport, waiter = await loop.create_connection(lambda: Waiter(size, number), "127.0.0.1", port)  # noqa: B023  called at once
            transports.append(transport)
            await waiter.answered
    await asyncio.sleep(_SETTLE)
    return transports


async def _measure(peer: Peer, count: int) -> dict[str, Any]:
    with running(peer) as server:
        for transport in await _wait(server.port, WARM_UP, PEERS[peer]):
            transport.close()
        await asyncio.sleep(_SETTLE)
        before = sum(rss_bytes(server.pid))
        transports = await _wait(server.port, count, PEERS[peer])
        after = sum(rss_bytes(server.pid))
        for transport in transports:
            transport.abort()
        return {
            "waiting": count,
            "connections": len(transports),
            "rss_mb_before": round(before / 2**20, 1),
            "rss_mb": round(after / 2**20, 1),
            "kb_each": round((after - before) / 1024 / count, 2),
        }


def run(options: Options) -> Outcome:
    """One process each; those of the first ``WARM_UP`` invocations have ended before memory is read first."""
    count = 2_000 if options.quick else 10_000
    found = {}
    for peer in PEERS:
        try:
            found[peer.name] = asyncio.run(_measure(peer, count))
        except (RuntimeError, TimeoutError) as error:
            found[peer.name] = {"failed": str(error) or f"not all had started within {_TIMEOUT:g} s"}
    rows = [
        [name, each["failed"], "", "", ""]
        if "failed" in each
        else [name, each["kb_each"], each["rss_mb_before"], each["rss_mb"], each["connections"]]
        for name, each in found.items()
    ]
    head = [f"{count:,} waiting", "KB each", "RSS MB before", "RSS MB", "connections"]
    return Outcome(found, markdown(head, rows) + f"\n\nGoal: at most {GOAL_KB:g} KB each.")
