"""CPU, memory and start-up of this project, interpreted and compiled, beside its peers: alternating rounds in one run.

Servers and driver share one core, so that none of them is helped by a second one; the driver's time is not counted.
"""

from __future__ import annotations

from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.loads import cpu_us, drive
from benchmarks.machine import pinned, rss_bytes
from benchmarks.report import Options, Outcome, lost_lines, markdown
from benchmarks.servers import OURS, OURS_COMPILED, PEERS, Server, peer_versions, running
from benchmarks.workloads import WORKLOADS

__all__ = ["run"]

MEASURED: Final = ("greet", "add", "steps", "calls")
STARTS: Final = 7


@dataclass(slots=True)
class Samples:
    """What was measured of one peer, a value per round."""

    start_ms: list[float] = field(default_factory=list)
    cpu_us: dict[str, list[float]] = field(default_factory=lambda: {workload: [] for workload in MEASURED})
    lost: Counter[str] = field(default_factory=Counter)
    rss_mb: list[float] = field(default_factory=list)
    """Of each process."""

    def summary(self) -> dict[str, Any]:
        rounds = {workload: [round(value, 1) for value in values] for workload, values in self.cpu_us.items()}
        return {
            "cpu_us": {workload: median(values) for workload, values in rounds.items()},
            "cpu_us_rounds": rounds,
            "rss_mb": self.rss_mb,
            "start_ms": round(median(self.start_ms), 1),
            "lost": dict(self.lost),
        }


def run(options: Options) -> Outcome:
    """Everything, by peer."""
    samples = {peer.name: Samples() for peer in PEERS}
    with pinned(options.core), ExitStack() as stack:
        _start_all(samples, options)
        servers = {peer.name: stack.enter_context(running(peer)) for peer in PEERS}
        for server in servers.values():
            for workload in MEASURED:
                drive(server, workload, max(_count(workload, options) // 4, 50))  # caches, adaptive bytecode
        for workload in MEASURED:
            _alternate(servers, workload, options, samples)
        for name, server in servers.items():
            samples[name].rss_mb = [round(size / 2**20, 1) for size in rss_bytes(server.pid)]
    result = {name: found.summary() for name, found in samples.items()}
    return Outcome({"peers": result, "peer_versions": peer_versions()}, _text(result))


def _count(workload: str, options: Options) -> int:
    return options.invocations // 5 if WORKLOADS[workload].bidirectional else options.invocations


def _start_all(samples: dict[str, Samples], options: Options) -> None:
    """To the first discovery, with files and bytecode in the cache."""
    for number in range((3 if options.quick else STARTS) + 1):
        for peer in PEERS:
            with running(peer) as server:
                if number:
                    samples[peer.name].start_ms.append(server.first_discovery * 1000)


def _alternate(servers: dict[str, Server], workload: str, options: Options, samples: dict[str, Samples]) -> None:
    """Each round begins with another peer, so that none always has the place after the same one."""
    order = deque(servers)
    for _ in range(options.rounds):
        for name in order:
            cost, report = cpu_us(servers[name], workload, _count(workload, options))
            samples[name].cpu_us[workload].append(cost)
            samples[name].lost.update(report.lost)
        order.rotate(-1)


# ------------------------------------------------------------ what is shown


def _text(result: dict[str, Any]) -> str:
    head = ["CPU µs per invocation", "greet", "add", "steps(10)", "calls(10)", "RSS MB", "start to discovery ms"]
    table = markdown(head, [_row(name, result) for name in result])
    lost = lost_lines({name: entry["lost"] for name, entry in result.items()})
    return "\n\n".join(part for part in (table, lost) if part)


def _row(name: str, result: dict[str, Any]) -> list[object]:
    entry = result[name]
    costs = [_cost(name, workload, result) for workload in MEASURED]
    return [name, *costs, " + ".join(f"{size:.0f}" for size in entry["rss_mb"]), f"{entry['start_ms']:.0f}"]


def _cost(name: str, workload: str, result: dict[str, Any]) -> str:
    """In brackets how many times as much as this project, interpreted and compiled."""
    cost = result[name]["cpu_us"][workload]
    if name in (OURS.name, OURS_COMPILED.name):
        return f"{cost:,.0f}"
    ours = (result[peer.name]["cpu_us"][workload] for peer in (OURS, OURS_COMPILED))
    return f"{cost:,.0f} ({' / '.join(f'{cost / base:.1f}×' for base in ours)})"
