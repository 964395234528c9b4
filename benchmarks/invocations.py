"""CPU, latency, memory, start-up and bytes of one invocation: this project beside its peers, alternating in one run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.machine import cpu_seconds, rss_bytes
from benchmarks.servers import PEERS, ROOT, Peer, Server, running
from benchmarks.workloads import WORKLOADS

__all__ = ["Plan", "compare", "drive", "table"]

STREAMS: Final = 50
STARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    invocations: int = 4000
    """Of ``greet`` and ``add`` per round; ten times as long ones are made a fifth as often."""
    rate: float = 200.0
    """Invocations per second for the latencies: a load that every peer carries."""
    workloads: tuple[str, ...] = tuple(WORKLOADS)
    peers: tuple[Peer, ...] = PEERS

    def count(self, workload: str) -> int:
        return self.invocations // 5 if WORKLOADS[workload].bidirectional else self.invocations


@dataclass(slots=True)
class Samples:
    """What was measured of one peer with one workload, a value per round."""

    cpu_us: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    bytes_sent: float = 0.0
    bytes_received: float = 0.0

    def summary(self) -> dict[str, Any]:
        return {
            "cpu_us": round(median(self.cpu_us), 1),
            "cpu_us_rounds": [round(value, 1) for value in self.cpu_us],
            "p50_ms": round(median(self.p50_ms), 2),
            "p99_ms": round(median(self.p99_ms), 2),
            "request_bytes": round(self.bytes_sent),
            "response_bytes": round(self.bytes_received),
        }


def drive(server: Server, workload: str, invocations: int, rate: float | None = None) -> dict[str, float]:
    """Runs the driver as a process of its own and returns its report."""
    arguments = [str(server.port), workload, str(invocations), str(STREAMS), *([str(rate)] if rate else [])]
    command = [sys.executable, "-m", "benchmarks.driver", *arguments]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{finished.stderr}")
    report: dict[str, float] = json.loads(finished.stdout)
    return report


def compare(plan: Plan) -> dict[str, Any]:
    """Everything the table shows, by peer."""
    result: dict[str, Any] = {peer.name: {"start_ms": _start_up(peer)} for peer in plan.peers}
    with ExitStack() as stack:
        servers = {peer.name: stack.enter_context(running(peer)) for peer in plan.peers}
        for name, server in servers.items():
            _warm_up(server, plan)
            result[name]["workloads"] = {}
        for workload in plan.workloads:
            for name, samples in _alternate(servers, workload, plan).items():
                result[name]["workloads"][workload] = samples.summary()
        for name, server in servers.items():
            result[name]["rss_mb"] = [round(size / 2**20, 1) for size in rss_bytes(server.pid)]
    return result


def _start_up(peer: Peer) -> float:
    """Milliseconds to the first discovery, with files and bytecode in the cache."""
    return round(median(_starts(peer)) * 1000, 1)


def _starts(peer: Peer) -> Iterator[float]:
    for number in range(STARTS + 1):
        with running(peer) as server:
            if number:
                yield server.first_discovery


def _warm_up(server: Server, plan: Plan) -> None:
    for workload in plan.workloads:
        drive(server, workload, max(plan.count(workload) // 4, STREAMS))


def _alternate(servers: dict[str, Server], workload: str, plan: Plan) -> dict[str, Samples]:
    samples = {name: Samples() for name in servers}
    for _ in range(plan.rounds):
        for name, server in servers.items():
            _closed_loop(server, workload, plan.count(workload), samples[name])
        for name, server in servers.items():
            _fixed_load(server, workload, plan, samples[name])
    return samples


def _closed_loop(server: Server, workload: str, invocations: int, samples: Samples) -> None:
    before = cpu_seconds(server.pid)
    report = drive(server, workload, invocations)
    samples.cpu_us.append((cpu_seconds(server.pid) - before) / invocations * 1e6)
    # From the driver's view, opening and windows of the connection included; they are spread over all invocations.
    samples.bytes_sent = report["bytes_sent"] / invocations
    samples.bytes_received = report["bytes_received"] / invocations


def _fixed_load(server: Server, workload: str, plan: Plan, samples: Samples) -> None:
    rate = plan.rate / 10 if WORKLOADS[workload].bidirectional else plan.rate
    report = drive(server, workload, max(round(rate), 20), rate)
    samples.p50_ms.append(report["p50_ms"])
    samples.p99_ms.append(report["p99_ms"])


def table(result: dict[str, Any], ours: str, workloads: Sequence[str]) -> str:
    """The comparison as a Markdown table; a ratio says how many times our CPU a peer needs."""
    head = ["", *(f"{name} µs" for name in workloads), "p50/p99 ms (greet)", "RSS MB", "start ms", "bytes out/in"]
    rows = [head, ["---"] * len(head)]
    rows += [_row(name, entry, result[ours], workloads) for name, entry in result.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, entry: dict[str, Any], ours: dict[str, Any], workloads: Sequence[str]) -> list[str]:
    first = entry["workloads"][workloads[0]]
    costs = []
    for workload in workloads:
        cost, base = entry["workloads"][workload]["cpu_us"], ours["workloads"][workload]["cpu_us"]
        costs.append(f"{cost:.1f}" if entry is ours else f"{cost:.1f} ({cost / base:.1f}×)")
    latency = f"{first['p50_ms']:.2f}/{first['p99_ms']:.2f}"
    sizes = " + ".join(f"{size:.0f}" for size in entry["rss_mb"])
    traffic = f"{first['request_bytes']}/{first['response_bytes']}"
    return [name, *costs, latency, sizes, f"{entry['start_ms']:.0f}", traffic]
