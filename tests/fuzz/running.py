"""Runs the fuzzing processes and reads what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import load
from tests.support import ROOT

__all__ = ["MAX_INPUT", "MAX_MEMORY", "TIMEOUT", "Result", "fuzz"]

MAX_INPUT = 2048
"""Bytes of an input: enough for a journal of thirty messages, small enough for thousands of inputs a second."""

TIMEOUT = 10
"""Seconds for one input; they take microseconds to milliseconds. More is a hang."""

MAX_MEMORY = 700
"""MiB of the process; it starts at about 150. More is unbounded growth."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one target went through."""

    target: str
    seconds: float
    inputs: int
    coverage: int
    """Edges of instrumented code."""
    peak_mib: int
    exit_code: int
    output: str

    def __str__(self) -> str:
        state = "ok" if self.exit_code == 0 else f"FAILED ({self.exit_code})"
        return (
            f"{self.target:9} {self.inputs:>10,} inputs in {self.seconds:5.0f} s, {self.coverage:>5} edges,"
            f" {self.peak_mib} MiB at most: {state}"
        )


def fuzz(target: str, seconds: int, *, seed: int, corpus: Path | None = None, artifacts: Path = ROOT) -> Result:
    """Fuzzes one target for a time.

    Args:
        target: One of ``targets.NAMES``.
        seconds: How long, apart from start-up.
        seed: Of the fuzzer's random numbers.
        corpus: A folder that keeps the inputs which reached something new; else a fresh one.
        artifacts: Where an input that broke an invariant goes.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = corpus or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(load(target).seeds):
            (folder / f"seed-{number}").write_bytes(data)
        command = [
            *(sys.executable, "-m", "tests.fuzz.child", target),
            *(f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MAX_INPUT}", f"-timeout={TIMEOUT}"),
            *(f"-rss_limit_mb={MAX_MEMORY}", "-print_final_stats=1", f"-artifact_prefix={artifacts}/", str(folder)),
        ]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
        # No input is retried: a limit on the whole run catches a process that neither fuzzes nor ends.
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=seconds + 120)
    return _result(target, float(seconds), done.returncode, done.stdout + done.stderr)


def _result(target: str, seconds: float, code: int, output: str) -> Result:
    coverage = re.findall(r"cov: (\d+)", output)
    return Result(
        target,
        seconds,
        _statistic("number_of_executed_units", output),
        int(coverage[-1]) if coverage else 0,
        _statistic("peak_rss_mb", output),
        code,
        output,
    )


def _statistic(name: str, output: str) -> int:
    found = re.search(rf"stat::{name}:\s+(\d+)", output)
    return int(found[1]) if found else 0
