"""CPU per invocation and throughput with one worker and with two; connections are the unit that is shared out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any, Final

from benchmarks.driver import Report
from benchmarks.loads import drive
from benchmarks.machine import cpu_of, process_tree
from benchmarks.report import Options, Outcome, lost_lines, markdown
from benchmarks.servers import OURS, Server, running

__all__ = ["run"]

WORKERS: Final = (1, 2)
DRIVERS: Final = 2
"""Processes; one could not load two workers."""
CONNECTIONS: Final = 8
"""Of each driver: the kernel deals connections out by a hash of their ports, so few of them may all go one way."""


def _round(server: Server, invocations: int) -> tuple[dict[int, float], list[Report]]:
    """CPU seconds by process, and what the drivers say."""
    before = {pid: cpu_of(pid) for pid in process_tree(server.pid)}
    with ThreadPoolExecutor(DRIVERS) as pool:
        loads = [
            pool.submit(drive, server, "greet", invocations // CONNECTIONS, streams=10, connections=CONNECTIONS)
            for _ in range(DRIVERS)
        ]
        reports = [load.result() for load in loads]
    return {pid: cpu_of(pid) - spent for pid, spent in before.items()}, reports


def _measure(workers: int, options: Options) -> dict[str, Any]:
    costs, rates, shares, lost = [], [], [], dict[str, int]()
    with running(OURS, "--workers", str(workers)) as server:
        drive(server, "greet", options.invocations // 4, connections=CONNECTIONS)
        for _ in range(options.rounds):
            spent, reports = _round(server, options.invocations)
            completed = sum(report.completed for report in reports)
            costs.append(sum(spent.values()) / completed * 1e6)
            rates.append(completed / max(report.seconds for report in reports))
            shares.append(max(spent.values()) / sum(spent.values()))
            for report in reports:
                lost |= report.lost
    return {
        "cpu_us": round(median(costs), 1),
        "per_second": round(median(rates)),
        "busiest_share": round(median(shares), 2),
        "lost": lost,
    }


def run(options: Options) -> Outcome:
    """``greet`` on all cores, drivers included."""
    found = {str(workers): _measure(workers, options) for workers in WORKERS}
    rows = [[name, each["cpu_us"], each["per_second"], f"{each['busiest_share']:.0%}"] for name, each in found.items()]
    head = ["workers", "CPU µs per invocation", "invocations/s", "share of the busiest process"]
    lost = lost_lines({f"{name} workers": each["lost"] for name, each in found.items()})
    return Outcome(found, "\n\n".join(part for part in (markdown(head, rows), lost) if part))
