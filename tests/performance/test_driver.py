"""The load generator of the benchmarks counts what is completed, reports what is lost, and does not hang."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.driver import Load, Report, drive
from benchmarks.peers.ours import Calls, Counter, Echo, Greeter, Steps
from benchmarks.workloads import WORKLOADS
from tests.support import ServedInThread

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads and never says anything."""
    try:
        while await reader.read(65536):
            pass
    except ConnectionError:
        pass


async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Closes once it has heard something."""
    await reader.read(65536)


def driven(peer: Peer, load: Load) -> Report:
    async def run() -> Report:
        closed = asyncio.Event()

        async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await peer(reader, writer)
            writer.close()
            closed.set()

        async with await asyncio.start_server(served, "127.0.0.1", 0) as server, asyncio.timeout(20):
            report = await drive(server.sockets[0].getsockname()[1], load)
            await closed.wait()
            return report

    return asyncio.run(run())


@pytest.mark.parametrize("rate", [None, 1000.0])
def test_invocations_without_an_answer_are_lost_after_their_timeout(rate: float | None) -> None:
    report = driven(silent, Load(WORKLOADS["greet"], 3, rate=rate, timeout=0.1))
    assert report.completed == 0
    assert report.lost == {"no answer within 0.1 s": 3}


def test_those_of_a_connection_that_goes_are_lost_with_it() -> None:
    report = driven(gone, Load(WORKLOADS["greet"], 30, streams=10))
    assert report.completed == 0
    assert sum(report.lost.values()) == 30
    assert all(reason.startswith("connection lost") for reason in report.lost)


@pytest.mark.parametrize("name, streams", [("greet", 20), ("add", 20), ("steps", 5), ("calls", 5), ("echo1048576", 3)])
@pytest.mark.parametrize("rate", [None, 400.0])
def test_every_workload_completes_on_this_project(name: str, streams: int, rate: float | None) -> None:
    with ServedInThread(Greeter, Counter, Steps, Calls, Echo) as served:
        report = asyncio.run(drive(served.port, Load(WORKLOADS[name], 20, streams, rate), connections=2))
    assert (report.completed, report.lost) == (40, {})
    assert 0 < report.p50_ms <= report.p99_ms
    assert report.bytes_sent > 40 * len(WORKLOADS[name].opening)


def test_an_invocation_that_is_refused_is_lost_with_the_status() -> None:
    with ServedInThread(Counter) as served:
        report = asyncio.run(drive(served.port, Load(WORKLOADS["greet"], 5)))
    assert report.lost == {"status b'404'": 5}
