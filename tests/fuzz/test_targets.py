"""Every fuzz target, shortly: a thousand mutations of its seeds, and a second of coverage-guided fuzzing.

The long form is ``python -m tests.fuzz [TARGET…] --seconds 600``.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fuzz.running import fuzz
from tests.fuzz.source import mutations
from tests.fuzz.targets import NAMES, load

pytestmark = pytest.mark.fuzz

SEED = 20_240_229
SECONDS = 1


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """What the targets change about logging is undone."""
    changed = [logging.getLogger(name) for name in ("restate_reflect", "asyncio")]
    before = [(each, list(each.handlers), each.propagate) for each in changed]
    yield
    for each, handlers, propagate in before:
        each.handlers[:], each.propagate = handlers, propagate


@pytest.mark.parametrize("name", NAMES)
def test_mutated_seeds_keep_the_invariants(name: str) -> None:
    """Without a fuzzer, the same inputs each time."""
    target = load(name)
    for data in mutations(target.seeds, 1000, SEED):
        target.check(data)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_coverage_guided_inputs_keep_the_invariants(tmp_path: Path) -> None:
    """No invariant is broken, no input takes 10 s, no process grows above 700 MiB."""
    with ThreadPoolExecutor(3) as pool:  # most of their time is start-up, and that waits for files
        results = list(pool.map(lambda name: fuzz(name, SECONDS, seed=SEED, artifacts=tmp_path), NAMES))
    for result in results:
        assert result.exit_code == 0, result.output[-3000:]
        assert result.inputs > len(load(result.target).seeds)


CRASHES = {
    "texts": [
        b"\x03" + b"a" * 300 + b"-",
        b"\x03" + b"a" * 5000 + b"/b",
        b"\x02GET /\xff -",
        b"\x02GET /discover \xff/*",
    ],
}
"""Inputs that once broke an invariant."""


@pytest.mark.parametrize("name", CRASHES)
def test_what_once_broke_an_invariant_keeps_it(name: str) -> None:
    for data in CRASHES[name]:
        load(name).check(data)
