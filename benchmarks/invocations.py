"""CPU, latency, memory, start-up and bytes of one invocation: this project beside its peers, alternating in one run.

``greet`` and ``add`` are measured with served process and driver on one core, which proved steadiest; ``steps`` and
``calls``, in which driver and served process take turns within an invocation, on all of them. Where two cores slow
each other down, as threads of one do, that takes more CPU time for the same: ``--one-core`` measures all on one.

CPU time is told twice: as the median of all rounds, and as that of the bursts in which the machine was quiet (see
``bursts``). A machine that nobody else uses shows the same in both.
"""

from __future__ import annotations

from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.bursts import Burst, Speed, fastest, quiet
from benchmarks.loads import cpu_us, drive
from benchmarks.machine import pinned, rss_bytes
from benchmarks.plot import bars
from benchmarks.report import Options, Outcome, lost_lines, markdown
from benchmarks.servers import PEERS, Server, peer_versions, running
from benchmarks.workloads import WORKLOADS

__all__ = ["run"]

MEASURED: Final = ("greet", "add", "steps", "calls")
RATE: Final = 500.0
"""Invocations per second for the latencies: a load that every peer carries. A tenth for ten times as long ones."""
STARTS: Final = 25
BURST: Final = 250
"""Invocations; a fifth of ten times as long ones. A burst takes 40 to 90 ms, most of them the driver's."""
ENOUGH: Final = 12
"""Quiet bursts for a median."""
MOST_ROUNDS: Final = 4
"""Times as many rounds as were asked for, until every peer has had so many."""


@dataclass(slots=True)
class Samples:
    """What was measured of one peer with one workload, a value per round."""

    cpu_us: list[float] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    request_bytes: float = 0.0
    response_bytes: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)

    def summary(self, best: Speed | None) -> dict[str, Any]:
        undisturbed = [burst.cpu_us for burst in quiet(self.bursts, best)]
        return {
            "cpu_us": round(median(self.cpu_us), 1),
            "quiet_cpu_us": round(median(undisturbed), 1) if undisturbed else None,
            "quiet_bursts": len(undisturbed),
            "bursts": len(self.bursts),
            "cpu_us_min": round(min(self.cpu_us), 1),
            "cpu_us_rounds": [round(value, 1) for value in self.cpu_us],
            "p50_ms": round(median(self.p50_ms), 2),
            "p99_ms": round(median(self.p99_ms), 2),
            "request_bytes": round(self.request_bytes),
            "response_bytes": round(self.response_bytes),
            "lost": dict(self.lost),
        }


@dataclass(slots=True)
class _Machine:
    """Its own speed, as far as it has shown it."""

    speeds: list[Speed] = field(default_factory=list)

    @property
    def best(self) -> Speed | None:
        return fastest(self.speeds)


def run(options: Options) -> Outcome:
    """Everything, by peer."""
    machine = _Machine()
    result: dict[str, Any] = {name: {"start_ms": start} for name, start in _start_up(options).items()}
    with ExitStack() as stack:
        servers = {peer.name: stack.enter_context(running(peer)) for peer in PEERS}
        for server in servers.values():
            for workload in MEASURED:
                drive(server, workload, max(_count(workload, options) // 4, 50))  # caches, adaptive bytecode
        found = {workload: _alternate(servers, workload, options, machine) for workload in MEASURED}
        for name, server in servers.items():
            result[name]["workloads"] = {each: found[each][name].summary(machine.best) for each in MEASURED}
            result[name]["rss_mb"] = [round(size / 2**20, 1) for size in rss_bytes(server.pid)]
    data = {"peers": result, "peer_versions": peer_versions(), "best": asdict(machine.best) if machine.best else None}
    return Outcome(data, _text(result), _plot(result))


def _count(workload: str, options: Options) -> int:
    return options.invocations // 5 if WORKLOADS[workload].bidirectional else options.invocations


def _start_up(options: Options) -> dict[str, float]:
    """Milliseconds to the first discovery, the shortest of each peer, with files and bytecode in the cache."""
    found: dict[str, list[float]] = {peer.name: [] for peer in PEERS}
    for number in range((3 if options.quick else STARTS) + 1):
        for peer in PEERS:
            with running(peer) as server:
                if number:
                    found[peer.name].append(server.first_discovery)
    return {name: round(min(starts) * 1000, 1) for name, starts in found.items()}


def _alternate(servers: dict[str, Server], workload: str, options: Options, machine: _Machine) -> dict[str, Samples]:
    """Each round begins with another peer, so that none always has the place after the same one."""
    samples = {name: Samples() for name in servers}
    order = deque(servers)
    core = options.core if options.one_core or not WORKLOADS[workload].bidirectional else None
    with pinned(core):
        for number in range(options.rounds * (1 if options.quick else MOST_ROUNDS)):
            asked = number < options.rounds
            for name in order:
                if asked or _too_few(samples[name], machine):
                    bursts = _closed_loop(servers[name], workload, _count(workload, options), samples[name])
                    machine.speeds += [burst.speed for burst in bursts]
            for name in order if asked else ():
                _fixed_load(servers[name], workload, samples[name])
            order.rotate(-1)
    return samples


def _too_few(samples: Samples, machine: _Machine) -> bool:
    """Quiet bursts, so that it takes part in another round."""
    return len(quiet(samples.bursts, machine.best)) < ENOUGH


def _closed_loop(server: Server, workload: str, invocations: int, samples: Samples) -> list[Burst]:
    burst = BURST // 5 if WORKLOADS[workload].bidirectional else BURST
    cost, report = cpu_us(server, workload, invocations, burst=burst)
    samples.cpu_us.append(cost)
    samples.bursts += report.bursts
    samples.lost.update(report.lost)
    # Opening and windows of the connection are included; they are spread over all invocations.
    samples.request_bytes = report.bytes_sent / invocations
    samples.response_bytes = report.bytes_received / invocations
    return report.bursts


def _fixed_load(server: Server, workload: str, samples: Samples) -> None:
    rate = RATE / 10 if WORKLOADS[workload].bidirectional else RATE
    report = drive(server, workload, max(round(rate), 50), rate=rate)
    samples.p50_ms.append(report.p50_ms)
    samples.p99_ms.append(report.p99_ms)
    samples.lost.update(report.lost)


# ------------------------------------------------------------ what is shown


def _text(result: dict[str, Any]) -> str:
    tables = [_costs("CPU µs per invocation, machine quiet", "quiet_cpu_us", result)]
    tables.append(_costs("CPU µs per invocation, all rounds", "cpu_us", result))
    head = ["p50 / p99 ms at 500/s (50/s)", *MEASURED, "bytes out / in (greet)", "bytes out / in (steps)"]
    tables.append(markdown(head, [_latency_row(name, entry) for name, entry in result.items()]))
    lost = {
        f"{name} in {workload}": found["lost"]
        for name, entry in result.items()
        for workload, found in entry["workloads"].items()
    }
    return "\n\n".join(part for part in (*tables, lost_lines(lost), _counts(result)) if part)


def _costs(title: str, key: str, result: dict[str, Any]) -> str:
    ours = next(iter(result.values()))
    head = [title, "greet", "add", "steps(10)", "calls(10)", "RSS MB", "start to discovery ms"]
    return markdown(head, [_cost_row(key, name, entry, ours) for name, entry in result.items()])


def _cost_row(key: str, name: str, entry: dict[str, Any], ours: dict[str, Any]) -> list[object]:
    """In brackets how many times our CPU a peer needs."""
    costs = [
        _cost(entry["workloads"][workload][key], None if entry is ours else ours["workloads"][workload][key])
        for workload in MEASURED
    ]
    sizes = " + ".join(f"{size:.0f}" for size in entry["rss_mb"])
    return [name, *costs, sizes, f"{entry['start_ms']:.0f}"]


def _cost(cost: float | None, base: float | None) -> str:
    if cost is None:
        return "never quiet"
    return f"{cost:.1f}" if base is None else f"{cost:.1f} ({cost / base:.1f}×)"


def _counts(result: dict[str, Any]) -> str:
    """How much of the measuring was undisturbed."""
    told = []
    for name, entry in result.items():
        shares = [f"{found['quiet_bursts']} of {found['bursts']}" for found in entry["workloads"].values()]
        told.append(f"{name} {', '.join(shares)}")
    return f"Quiet bursts ({', '.join(MEASURED)}): {'; '.join(told)}."


def _latency_row(name: str, entry: dict[str, Any]) -> list[object]:
    found = entry["workloads"]
    waits = [f"{found[workload]['p50_ms']:.2f} / {found[workload]['p99_ms']:.2f}" for workload in MEASURED]
    sizes = [f"{found[name]['request_bytes']} / {found[name]['response_bytes']}" for name in ("greet", "steps")]
    return [name, *waits, *sizes]


def _plot(result: dict[str, Any]) -> str:
    panels = {
        workload: {name: _shown(entry["workloads"][workload]) for name, entry in result.items()}
        for workload in MEASURED
    }
    return bars("CPU µs of the serving process per invocation (median)", panels)


def _shown(found: dict[str, Any]) -> float:
    """That of the quiet bursts, if there were any."""
    return float(found["quiet_cpu_us"] or found["cpu_us"])
