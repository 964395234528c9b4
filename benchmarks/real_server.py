"""End to end through a real restate-server: ingress, server, deployment and load generator on the same cores."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from benchmarks.ingress_load import CALLS
from benchmarks.loads import DRIVER_TIMEOUT
from benchmarks.machine import cpu_seconds
from benchmarks.report import Options, Outcome, lost_lines, markdown
from benchmarks.servers import OFFICIAL_GRANIAN, OFFICIAL_HYPERCORN, OURS, ROOT, Server, peer_versions, running
from restate_reflect.server import RestateServer

__all__ = ["run"]

PEERS: Final = (OURS, OFFICIAL_GRANIAN, OFFICIAL_HYPERCORN)
AT_ONCE: Final = 50


@dataclass(slots=True)
class Samples:
    """Of one deployment with one workload, a value per round."""

    per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    deployment_us: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    lost: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, Any]:
        values = {
            name: getattr(self, name) for name in ("per_second", "p50_ms", "p99_ms", "deployment_us", "server_us")
        }
        return {**{name: round(median(each), 2) for name, each in values.items()}, "lost": dict(self.lost)}


Pair = tuple[Server, RestateServer]
"""A deployment and a restate-server of its own."""


def _call(server: RestateServer, workload: str, calls: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.ingress_load", server.ingress_url, workload, str(calls), str(AT_ONCE)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DRIVER_TIMEOUT)
    if finished.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{finished.stderr}")
    report: dict[str, Any] = json.loads(finished.stdout)
    return report


def _round(pair: Pair, workload: str, calls: int, samples: Samples) -> None:
    deployment, server = pair
    before = cpu_seconds(deployment.pid), cpu_seconds(server.pid)
    report = _call(server, workload, calls)
    samples.lost.update(report["lost"])
    if not report["completed"]:
        return
    samples.per_second.append(report["completed"] / report["seconds"])
    samples.p50_ms.append(report["p50_ms"])
    samples.p99_ms.append(report["p99_ms"])
    samples.deployment_us.append((cpu_seconds(deployment.pid) - before[0]) / report["completed"] * 1e6)
    samples.server_us.append((cpu_seconds(server.pid) - before[1]) / report["completed"] * 1e6)


def _measure(options: Options) -> dict[str, dict[str, Any]]:
    """By workload, then by peer."""
    rounds = max(options.rounds // 2, 2)
    found: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        pairs: dict[str, Pair] = {}
        for peer in PEERS:
            deployment, server = stack.enter_context(running(peer)), stack.enter_context(RestateServer())
            server.register(f"http://127.0.0.1:{deployment.port}")
            pairs[peer.name] = deployment, server
        order = deque(pairs)
        for workload in CALLS:
            calls = options.invocations // (10 if workload in ("steps", "calls") else 2)
            samples = {name: Samples() for name in pairs}
            for name in pairs:
                _call(pairs[name][1], workload, max(calls // 4, AT_ONCE))
            for _ in range(rounds):
                for name in order:
                    _round(pairs[name], workload, calls, samples[name])
                order.rotate(-1)
            found[workload] = {name: each.summary() for name, each in samples.items()}
    return found


def run(options: Options) -> Outcome:
    """A table for all workloads."""
    found = _measure(options)
    head = ["", "deployment", "calls/s", "p50 ms", "p99 ms", "deployment: CPU µs", "restate-server: CPU µs"]
    keys = ("per_second", "p50_ms", "p99_ms", "deployment_us", "server_us")
    rows = [
        [workload, name, *(float(each[key]) for key in keys)]
        for workload, peers in found.items()
        for name, each in peers.items()
    ]
    lost = {f"{name} in {workload}": each["lost"] for workload, peers in found.items() for name, each in peers.items()}
    note = f"{AT_ONCE} calls at once; each deployment has a restate-server of its own, and rounds alternate."
    data = {"workloads": found, "peer_versions": peer_versions()}
    return Outcome(data, "\n\n".join(part for part in (markdown(head, rows), lost_lines(lost), note) if part))
