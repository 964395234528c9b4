"""The driver as a process of its own, and the CPU time that the served process needs meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks.driver import Report
from benchmarks.machine import cpu_seconds
from benchmarks.servers import ROOT, Server

__all__ = ["cpu_us", "drive"]

DRIVER_TIMEOUT = 240.0
"""Seconds; the driver itself gives up on single invocations long before."""


def drive(
    server: Server,
    workload: str,
    invocations: int,
    *,
    streams: int = 50,
    rate: float | None = None,
    connections: int = 1,
) -> Report:
    """Runs the load on each connection and returns the driver's report."""
    arguments = [str(server.port), workload, str(invocations), f"--streams={streams}", f"--connections={connections}"]
    if rate:
        arguments.append(f"--rate={rate}")
    command = [sys.executable, "-m", "benchmarks.driver", *arguments]
    try:
        finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DRIVER_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{' '.join(command)} did not end within {DRIVER_TIMEOUT:g} s") from None
    if finished.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{finished.stderr}")
    return Report(**json.loads(finished.stdout))


def cpu_us(
    server: Server,
    workload: str,
    invocations: int,
    *,
    streams: int = 50,
    connections: int = 1,
) -> tuple[float, Report]:
    """CPU µs of the serving processes per completed invocation under a closed loop; nan if none was completed."""
    before = cpu_seconds(server.pid)
    report = drive(server, workload, invocations, streams=streams, connections=connections)
    spent = cpu_seconds(server.pid) - before
    return (spent / report.completed * 1e6 if report.completed else float("nan")), report
