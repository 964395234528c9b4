"""CPU, latency, memory, start-up and bytes of one invocation: this project beside its peers, alternating in one run.

``greet`` and ``add`` are measured with served process and driver on one core, which proved steadiest; ``steps`` and
``calls``, in which driver and served process take turns within an invocation, on all of them. Where two cores slow
each other down, as threads of one do, that takes more CPU time for the same: ``--one-core`` measures all on one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.loads import cpu_us, drive
from benchmarks.machine import pinned, rss_bytes
from benchmarks.plot import bars
from benchmarks.report import Options, Outcome, lost_lines, markdown
from benchmarks.servers import PEERS, Peer, Server, peer_versions, running
from benchmarks.workloads import WORKLOADS

__all__ = ["run"]

MEASURED: Final = ("greet", "add", "steps", "calls")
RATE: Final = 500.0
"""Invocations per second for the latencies: a load that every peer carries. A tenth for ten times as long ones."""
STARTS: Final = 7


@dataclass(slots=True)
class Samples:
    """What was measured of one peer with one workload, a value per round."""

    cpu_us: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    request_bytes: float = 0.0
    response_bytes: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, Any]:
        return {
            "cpu_us": round(median(self.cpu_us), 1),
            "cpu_us_min": round(min(self.cpu_us), 1),
            "cpu_us_rounds": [round(value, 1) for value in self.cpu_us],
            "p50_ms": round(median(self.p50_ms), 2),
            "p99_ms": round(median(self.p99_ms), 2),
            "request_bytes": round(self.request_bytes),
            "response_bytes": round(self.response_bytes),
            "lost": dict(self.lost),
        }


def run(options: Options) -> Outcome:
    """Everything, by peer."""
    result: dict[str, Any] = {peer.name: {"start_ms": _start_up(peer, options)} for peer in PEERS}
    with ExitStack() as stack:
        servers = {peer.name: stack.enter_context(running(peer)) for peer in PEERS}
        for name, server in servers.items():
            for workload in MEASURED:
                drive(server, workload, max(_count(workload, options) // 4, 50))  # caches, adaptive bytecode
            result[name]["workloads"] = {}
        for workload in MEASURED:
            for name, samples in _alternate(servers, workload, options).items():
                result[name]["workloads"][workload] = samples.summary()
        for name, server in servers.items():
            result[name]["rss_mb"] = [round(size / 2**20, 1) for size in rss_bytes(server.pid)]
    return Outcome({"peers": result, "peer_versions": peer_versions()}, _text(result), _plot(result))


def _count(workload: str, options: Options) -> int:
    return options.invocations // 5 if WORKLOADS[workload].bidirectional else options.invocations


def _start_up(peer: Peer, options: Options) -> float:
    """Milliseconds to the first discovery, the shortest, with files and bytecode in the cache."""
    return round(min(_starts(peer, 3 if options.quick else STARTS)) * 1000, 1)


def _starts(peer: Peer, count: int) -> Iterator[float]:
    for number in range(count + 1):
        with running(peer) as server:
            if number:
                yield server.first_discovery


def _alternate(servers: dict[str, Server], workload: str, options: Options) -> dict[str, Samples]:
    """Each round begins with another peer, so that none always has the place after the same one."""
    samples = {name: Samples() for name in servers}
    order = deque(servers)
    core = options.core if options.one_core or not WORKLOADS[workload].bidirectional else None
    with pinned(core):
        for _ in range(options.rounds):
            for name in order:
                _closed_loop(servers[name], workload, _count(workload, options), samples[name])
            for name in order:
                _fixed_load(servers[name], workload, samples[name])
            order.rotate(-1)
    return samples


def _closed_loop(server: Server, workload: str, invocations: int, samples: Samples) -> None:
    cost, report = cpu_us(server, workload, invocations)
    samples.cpu_us.append(cost)
    samples.lost.update(report.lost)
    # Opening and windows of the connection are included; they are spread over all invocations.
    samples.request_bytes = report.bytes_sent / invocations
    samples.response_bytes = report.bytes_received / invocations


def _fixed_load(server: Server, workload: str, samples: Samples) -> None:
    rate = RATE / 10 if WORKLOADS[workload].bidirectional else RATE
    report = drive(server, workload, max(round(rate), 50), rate=rate)
    samples.p50_ms.append(report.p50_ms)
    samples.p99_ms.append(report.p99_ms)
    samples.lost.update(report.lost)


# ------------------------------------------------------------ what is shown


def _text(result: dict[str, Any]) -> str:
    ours = next(iter(result.values()))
    head = ["CPU µs per invocation", "greet", "add", "steps(10)", "calls(10)", "RSS MB", "start to discovery ms"]
    costs = markdown(head, [_cost_row(name, entry, ours) for name, entry in result.items()])
    head = ["p50 / p99 ms at 500/s (50/s)", *MEASURED, "bytes out / in (greet)", "bytes out / in (steps)"]
    waits = markdown(head, [_latency_row(name, entry) for name, entry in result.items()])
    lost = {
        f"{name} in {workload}": found["lost"]
        for name, entry in result.items()
        for workload, found in entry["workloads"].items()
    }
    return "\n\n".join(part for part in (costs, waits, lost_lines(lost)) if part)


def _cost_row(name: str, entry: dict[str, Any], ours: dict[str, Any]) -> list[object]:
    """In brackets how many times our CPU a peer needs."""
    costs = []
    for workload in MEASURED:
        cost, base = entry["workloads"][workload]["cpu_us"], ours["workloads"][workload]["cpu_us"]
        costs.append(f"{cost:.1f}" if entry is ours else f"{cost:.1f} ({cost / base:.1f}×)")
    sizes = " + ".join(f"{size:.0f}" for size in entry["rss_mb"])
    return [name, *costs, sizes, f"{entry['start_ms']:.0f}"]


def _latency_row(name: str, entry: dict[str, Any]) -> list[object]:
    found = entry["workloads"]
    waits = [f"{found[workload]['p50_ms']:.2f} / {found[workload]['p99_ms']:.2f}" for workload in MEASURED]
    sizes = [f"{found[name]['request_bytes']} / {found[name]['response_bytes']}" for name in ("greet", "steps")]
    return [name, *waits, *sizes]


def _plot(result: dict[str, Any]) -> str:
    panels = {
        workload: {name: float(entry["workloads"][workload]["cpu_us"]) for name, entry in result.items()}
        for workload in MEASURED
    }
    return bars("CPU µs of the serving process per invocation (median of the rounds)", panels)
