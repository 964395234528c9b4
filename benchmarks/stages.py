"""Where the microseconds of an invocation go, by stage.

A timer of the kernel interrupts the replay of ``in_process`` after each millisecond of CPU time, and the innermost
frame that belongs to a known package names the stage (what C code does counts for its caller). Unlike a tracing
profiler this does not make small functions look expensive. Shares are then applied to the time measured without the
timer. What the served process needs beyond that is the event loop's and the sockets' (system calls included).
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from types import FrameType
from typing import Final

from benchmarks.in_process import Recording, Replayed, record, services_core, timed
from benchmarks.loads import cpu_us, drive
from benchmarks.report import Options, Outcome, markdown
from benchmarks.servers import OURS, running
from benchmarks.workloads import WORKLOADS
from restate_reflect.cli._version import is_compiled
from restate_reflect.endpoint.core import Core

__all__ = ["run"]

MEASURED: Final = ("greet", "add", "steps", "calls")
SOCKETS: Final = "event loop, sockets, kernel"
HARNESS: Final = "harness"
STAGES: Final[Mapping[str, str]] = {
    "/restate_reflect/http2/": "HTTP/2",
    "/hpack/": "HTTP/2",
    "/restate_reflect/endpoint/": "endpoint",
    "/restate_reflect/protocol/": "framing, messages",
    "/restate_reflect/engine/": "journal engine",
    "/restate_reflect/durable/": "durable loop, task, steps",
    "/restate_reflect/context/": "context",
    "/restate_reflect/codecs/": "codecs (pydantic)",
    "/restate_reflect/reflection/": "codecs (pydantic)",
    "/pydantic/": "codecs (pydantic)",
    "/asyncio/": "tasks of steps",
    "/benchmarks/peers/": "the handler itself",
    "/benchmarks/": HARNESS,
}
"""By part of a file's path; the first that fits."""

_INTERVAL: Final = 0.001
_Counts = Counter[str]


def _stage(frame: FrameType | None) -> str:
    while frame is not None:
        path = frame.f_code.co_filename
        for part, stage in STAGES.items():
            if part in path:
                return stage
        frame = frame.f_back
    return HARNESS


@contextmanager
def _sampling(counts: _Counts) -> Iterator[None]:
    def sample(_number: int, frame: FrameType | None) -> None:
        counts[_stage(frame)] += 1

    before = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


async def _sampled(recording: Recording, core: Core, seconds: float) -> _Counts:
    counts: _Counts = Counter()
    until = time.process_time() + seconds
    while time.process_time() < until:
        replayed = Replayed(recording, core)
        await replayed.open()
        with _sampling(counts):
            await replayed.run()
    return counts


async def _in_process(workload: str, options: Options) -> tuple[dict[str, float], int]:
    """µs per invocation by stage, and the number of samples they rest on."""
    recording = await record(WORKLOADS[workload], 100 if WORKLOADS[workload].bidirectional else 500)
    core = services_core()
    whole = min([await timed(recording, core) for _ in range(options.rounds * 2)])
    counts = await _sampled(recording, core, 2.0 if options.quick else 8.0)
    total = counts.total()
    del counts[HARNESS]
    return {stage: whole * count / total for stage, count in counts.most_common()}, total


def _served(options: Options) -> dict[str, float]:
    """CPU µs of the served process per invocation, as in the suite ``peers`` but on any core."""
    with running(OURS) as server:
        found = {}
        for workload in MEASURED:
            count = options.invocations // (5 if WORKLOADS[workload].bidirectional else 1)
            drive(server, workload, count)
            found[workload] = median(cpu_us(server, workload, count)[0] for _ in range(options.rounds))
    return found


def run(options: Options) -> Outcome:
    """A column for each workload."""
    if is_compiled():
        return Outcome({}, "Compiled modules have no frames to be sampled: python hatch_build.py --clean, and again.")
    served = _served(options)
    columns: dict[str, dict[str, float]] = {}
    samples = []
    for workload in MEASURED:
        columns[workload], count = asyncio.run(_in_process(workload, options))
        samples.append(count)
        columns[workload][SOCKETS] = served[workload] - sum(columns[workload].values())
    stages = {stage for column in columns.values() for stage in column} - {SOCKETS}
    order = [*sorted(stages, key=lambda stage: -columns["greet"].get(stage, 0.0)), SOCKETS]
    rows: list[list[object]] = [[stage, *(columns[name].get(stage, 0.0) for name in MEASURED)] for stage in order]
    rows.append(["all", *(served[name] for name in MEASURED)])
    note = f"Shares rest on {min(samples):,} samples or more; the last two rows on the CPU time of a served process."
    return Outcome({"stages": columns, "served": served}, markdown(["CPU µs", *MEASURED], rows) + "\n\n" + note)
