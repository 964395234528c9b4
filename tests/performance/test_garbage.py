"""Reference counts free all of an invocation; a collector that finds cycles costs time, and memory until it comes."""

from __future__ import annotations

import asyncio
import gc

import pytest

from benchmarks.in_process import Replayed, record, services_core
from benchmarks.workloads import WORKLOADS

WARM = 5


async def found_by_the_collector(name: str) -> int:
    recording = await record(WORKLOADS[name], WARM + 10)
    replayed = Replayed(recording, services_core())
    await replayed.open()
    await replayed.run(0, WARM)
    gc.collect()
    await replayed.run(WARM)
    return gc.collect()


@pytest.mark.parametrize("name", ["greet", "add", "steps", "calls"])
def test_an_invocation_leaves_nothing_to_the_garbage_collector(name: str) -> None:
    """Calls once did: 130 objects for ten of them, and 5 MB of the endpoint's memory."""
    gc.disable()
    try:
        assert asyncio.run(found_by_the_collector(name)) < WARM
    finally:
        gc.enable()
