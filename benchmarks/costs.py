"""What an invocation costs in units that no other process on the machine can change: calls, and memory.

    python -m benchmarks.costs            print them
    python -m benchmarks.costs --renew    make them the baseline of this Python version

Calls are those of Python functions and of C functions, as a profile function sees them (of CPython's own calls, and
of work inside pydantic or protobuf, nothing is seen). Memory is what ``tracemalloc`` sees: the peak above what was
there before, of one invocation at a time, and what an invocation holds while it waits; and how many blocks that is.
All of it is counted in a fresh process, after a warm-up. tests/performance compares with the baseline.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import http2_layer
from benchmarks.counting import CountedCalls
from benchmarks.in_process import Recording, Replayed, Served, record, services_core
from benchmarks.workloads import WORKLOADS
from restate_reflect.endpoint.core import Core
from restate_reflect.http2 import Connection

__all__ = ["BASELINES", "baseline_file", "compare", "measure"]

BASELINES: Final = Path(__file__).parent.parent / "tests" / "performance" / "baseline"
RENEW: Final = "python -m benchmarks.costs --renew"
INVOCATIONS: Final = ("greet", "add", "steps", "calls")
MEASURED: Final = (*INVOCATIONS, "http2", "waiting")
WAITING: Final = 200
_WARM: Final = 20
_COUNTED: Final = 10
_TIMEOUT: Final = 60.0

TOLERANCES: Final = {"calls": (0.03, 1.0), "peak_bytes": (0.05, 256.0), "bytes": (0.03, 64.0), "blocks": (0.03, 1.0)}
"""Relative and absolute: what a measurement may exceed its baseline by. Twenty runs with as many hash seeds, on two
cores under a load of 8, gave equal calls, bytes and blocks, and peaks that differed by 110 bytes at most (CPython
3.11)."""

Costs = dict[str, dict[str, float]]
"""By workload, then by unit."""


def baseline_file() -> Path:
    """Of the running Python's minor version, as calls differ between them."""
    return BASELINES / f"python{sys.version_info.major}.{sys.version_info.minor}.json"


def compare(measured: Costs, baseline: Costs) -> list[str]:
    """A line for each measured number that exceeds its baseline; less is fine."""
    found = []
    for workload, units in measured.items():
        for unit, now in units.items():
            before = baseline[workload][unit]
            relative, absolute = TOLERANCES[unit]
            if now > before * (1 + relative) + absolute:
                found.append(f"{workload}: {now:g} {unit} per invocation, {before:g} before ({now / before - 1:+.1%})")
    return found


async def measure(names: Collection[str] = MEASURED) -> Costs:
    """Counts. Raises ``TimeoutError`` rather than to wait for an answer that does not come."""
    core = services_core()
    async with asyncio.timeout(_TIMEOUT):
        return {name: await _costs(name, core) for name in names}


async def _costs(name: str, core: Core) -> dict[str, float]:
    match name:
        case "http2":
            return await _round_trip()
        case "waiting":
            return await _waiting(core)
        case _:
            return await _invocation(name, core)


async def _invocation(workload: str, core: Core) -> dict[str, float]:
    recording = await record(WORKLOADS[workload], _WARM + 2 * _COUNTED)
    replayed = Replayed(recording, core)
    await replayed.open()
    await replayed.run(0, _WARM)
    once = await _calls(lambda: replayed.run(_WARM, _WARM + 1))
    all_ = await _calls(lambda: replayed.run(_WARM + 1, _WARM + 1 + _COUNTED))
    # The difference is free of what counting itself and the first call of `run` add.
    calls = (all_ - once) / (_COUNTED - 1)
    peaks = [
        await _peak(recording, core, replayed, number) for number in range(_WARM + 1 + _COUNTED, _WARM + 2 * _COUNTED)
    ]
    return {"calls": round(calls, 2), "peak_bytes": median(peaks)}


async def _round_trip() -> dict[str, float]:
    """A request of 100 bytes that the HTTP/2 layer alone answers; its headers change with each."""
    opening, chunks = http2_layer.record(http2_layer.invocation(), _WARM + 1 + _COUNTED)
    server = Connection(http2_layer.echo)
    server.receive(opening)

    async def exchange(first: int, last: int) -> None:
        for chunk in chunks[first:last]:
            server.receive(chunk)
            server.take_output()

    await exchange(0, _WARM)
    once = await _calls(lambda: exchange(_WARM, _WARM + 1))
    all_ = await _calls(lambda: exchange(_WARM + 1, _WARM + 1 + _COUNTED))
    return {"calls": round((all_ - once) / (_COUNTED - 1), 2)}


async def _calls(action: Callable[[], Awaitable[None]]) -> int:
    with CountedCalls() as counted:
        await action()
    return counted.count


async def _peak(recording: Recording, core: Core, replayed: Replayed, number: int) -> int:
    """Bytes above what was allocated before; the collector is off, as its moment is a matter of chance."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await replayed.run(number, number + 1)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
        gc.enable()


async def _waiting(core: Core) -> dict[str, float]:
    """Of ``WAITING`` invocations that wait at once for something that does not come."""
    recording = await record(WORKLOADS["waiting"], 2 * WAITING)
    turns = [b"".join(invocation) for invocation in recording.invocations]
    served = Served(core)
    served.send(recording.opening)
    for turn in turns[:WAITING]:
        served.send(turn)
    gc.collect()
    tracemalloc.start()
    try:
        blocks, (size, _) = sys.getallocatedblocks(), tracemalloc.get_traced_memory()
        for turn in turns[WAITING:]:
            served.send(turn)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - size
    finally:
        tracemalloc.stop()
    return {"bytes": round(grown / WAITING), "blocks": round((sys.getallocatedblocks() - blocks) / WAITING, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs")
    parser.add_argument("--renew", action="store_true", help=f"write {baseline_file().name}")
    parser.add_argument("--only", action="append", choices=MEASURED)
    options = parser.parse_args()
    text = json.dumps(asyncio.run(measure(options.only or MEASURED)), indent=2) + "\n"
    sys.stdout.write(text)
    if options.renew and not options.only:
        baseline_file().parent.mkdir(exist_ok=True)
        baseline_file().write_text(text)


if __name__ == "__main__":
    main()
