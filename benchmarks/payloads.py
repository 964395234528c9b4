"""What a byte of payload costs: CPU of the served process, and how often a payload lies in memory at the peak.

A handler gets bytes and gives them back. Its request and its response each cross all layers: HTTP/2, framing, message,
codec, and back; the payload itself is one of the copies that lie in memory.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Iterable
from statistics import median
from typing import Any, Final

from h2.connection import H2Connection
from h2.events import DataReceived, Event, StreamEnded

from benchmarks.in_process import Served, services_core
from benchmarks.loads import cpu_us
from benchmarks.report import Options, Outcome, lost_lines, markdown
from benchmarks.requests import RequestHeaders, client
from benchmarks.servers import OFFICIAL_GRANIAN, OURS, Peer, running
from benchmarks.workloads import PAYLOADS, WORKLOADS

__all__ = ["run"]

PEERS: Final = (OURS, OFFICIAL_GRANIAN)
BYTES_PER_ROUND: Final = 32 * 2**20
MOST_INVOCATIONS: Final = 500
SOCKET_READ: Final = 256 * 1024
"""Bytes that asyncio reads from a socket at once."""


def _served(peer: Peer, sizes: Iterable[int], options: Options) -> tuple[dict[int, float], dict[str, int]]:
    """CPU µs per invocation by size, and what was lost."""
    found, lost = {}, dict[str, int]()
    total = BYTES_PER_ROUND // (8 if options.quick else 1)
    with running(peer) as server:
        for size in sizes:
            count = min(max(total // size, 1), MOST_INVOCATIONS)
            cpu_us(server, f"echo{size}", count, streams=4)
            costs = []
            for _ in range(options.rounds):
                cost, report = cpu_us(server, f"echo{size}", count, streams=4)
                costs.append(cost)
                lost |= report.lost
            found[size] = median(costs)
    return found, lost


def _chunks(size: int) -> list[bytes]:
    """What the peer sends in an exchange, as large as a socket would give it."""
    peer, served, workload = client(), Served(services_core()), WORKLOADS[f"echo{size}"]
    headers = RequestHeaders()
    unsent, stream, ended, chunks = memoryview(workload.opening), 1, False, []
    peer.send_headers(stream, headers(workload.path))
    while not ended:
        unsent = _send(peer, stream, unsent)
        turn = peer.data_to_send()
        if not turn:
            raise RuntimeError(f"the exchange of {size} bytes stopped: {len(unsent)} are left to send")
        for at in range(0, len(turn), SOCKET_READ):
            chunks.append(turn[at : at + SOCKET_READ])
            ended |= _receive(peer, peer.receive_data(served.send(chunks[-1])))
    return chunks


def _send(peer: H2Connection, stream: int, unsent: memoryview) -> memoryview:
    while unsent and (size := min(peer.local_flow_control_window(stream), peer.max_outbound_frame_size)) > 0:
        part, unsent = unsent[:size], unsent[size:]
        peer.send_data(stream, bytes(part), end_stream=not unsent)
    return unsent


def _receive(peer: H2Connection, events: Iterable[Event]) -> bool:
    ended = False
    for event in events:
        if isinstance(event, DataReceived):
            peer.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        ended |= isinstance(event, StreamEnded)
    return ended


async def _peak(size: int) -> float:
    """Most bytes allocated at once, per byte of payload; a first exchange has filled the caches."""
    core = services_core()
    small, chunks = _chunks(PAYLOADS[0]), _chunks(size)
    for each in (small, chunks):
        served = Served(core)
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for chunk in each:
            served.send(chunk)
        peak = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    return peak / size


def run(options: Options) -> Outcome:
    """A row for each size."""
    sizes = PAYLOADS[:6:2] if options.quick else PAYLOADS
    costs, lost = {}, {}
    for peer in PEERS:
        costs[peer.name], lost[peer.name] = _served(peer, sizes, options)
    peaks = {size: asyncio.run(_peak(size)) for size in sizes}
    rows: list[list[object]] = []
    for size in sizes:
        each = [costs[peer.name][size] for peer in PEERS]
        rows.append([f"{size // 1024:,} KiB", *each, *(cost * 1000 / size for cost in each), peaks[size]])
    names = [peer.name for peer in PEERS]
    head = ["payload", *(f"{name}: µs" for name in names), *(f"{name}: ns/byte" for name in names), "times in memory"]
    data: dict[str, Any] = {"cpu_us": costs, "peak_bytes_per_byte": peaks, "lost": lost}
    return Outcome(data, "\n\n".join(part for part in (markdown(head, rows), lost_lines(lost)) if part))
