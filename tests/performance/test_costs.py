"""An invocation costs no more than it did: calls and memory, in units that the machine's load does not change."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.costs import BASELINES, RENEW, Costs, baseline_file, compare

ROOT = Path(__file__).parents[2]

TWENTY_MORE_CALLS = """
from restate_reflect.durable.loop import DurableLoop

init = DurableLoop.__init__

def slower(self, timers):
    for _ in range(19):
        len("")
    init(self, timers)

DurableLoop.__init__ = slower
"""

MORE_BYTES = """
from restate_reflect.durable.loop import DurableLoop

init = DurableLoop.__init__

def larger(self, timers):
    init(self, timers)
    self.kept = bytearray(%d)

DurableLoop.__init__ = larger
"""


def measured_after(change: str, *names: str) -> Costs:
    """What a fresh process measures in which ``change`` was executed first: nothing of the test session is in it."""
    code = f"{change}\nfrom benchmarks.costs import main\nmain()"
    command = [sys.executable, "-W", "error", "-c", code, *(f"--only={name}" for name in names)]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    found: Costs = json.loads(finished.stdout)
    return found


@pytest.fixture(scope="module")
def measured() -> Costs:
    return measured_after("")


def test_no_number_exceeds_its_baseline(measured: Costs) -> None:
    """If one does for a good reason, renew the baseline in the same commit, on every Python version that has one."""
    if not baseline_file().exists():
        pytest.skip(f"no baseline for Python {sys.version_info.major}.{sys.version_info.minor}: {RENEW}")
    baseline = json.loads(baseline_file().read_text())
    assert measured.keys() == baseline.keys()
    exceeded = compare(measured, baseline)
    if exceeded:  # what the code costs comes out again; a table of the interpreter's that grew (32 KB, once) does not
        again = measured_after("", *{line.partition(":")[0] for line in exceeded})
        exceeded = compare(again, baseline)
    assert not exceeded, "\n".join([*exceeded, f"wanted? {RENEW}"])


def test_twenty_more_calls_in_an_invocation_are_noticed(measured: Costs) -> None:
    exceeded = compare(measured_after(TWENTY_MORE_CALLS, "greet", "add"), measured)
    assert {line.partition(":")[0] for line in exceeded} == {"greet", "add"}
    assert all(" calls per invocation" in line for line in exceeded)


def test_one_more_kilobyte_of_a_waiting_invocation_is_noticed(measured: Costs) -> None:
    exceeded = compare(measured_after(MORE_BYTES % 1024, "waiting"), measured)
    assert any(" bytes per invocation" in line for line in exceeded)


def test_four_more_kilobytes_of_an_invocation_are_noticed(measured: Costs) -> None:
    """The peak is that of reading its headers, where an inflater takes 9 KB for a moment."""
    exceeded = compare(measured_after(MORE_BYTES % 4096, "greet"), measured)
    assert any(" peak_bytes per invocation" in line for line in exceeded)


def test_every_supported_python_has_a_baseline_of_the_same_numbers() -> None:
    found = {path.stem: json.loads(path.read_text()) for path in BASELINES.glob("*.json")}
    assert set(found) >= {f"python3.{minor}" for minor in range(11, 16)}
    shapes = {tuple((name, tuple(units)) for name, units in costs.items()) for costs in found.values()}
    assert len(shapes) == 1


@pytest.mark.parametrize("now, exceeds", [(190.0, False), (200.0, False), (206.9, False), (207.1, True), (400.0, True)])
def test_a_number_may_exceed_its_baseline_by_the_tolerance(now: float, exceeds: bool) -> None:
    """3 % and 1 for calls; less than before is fine."""
    assert bool(compare({"greet": {"calls": now}}, {"greet": {"calls": 200.0}})) is exceeds


def test_a_number_without_a_baseline_is_an_error() -> None:
    with pytest.raises(KeyError, match="greet"):
        compare({"greet": {"calls": 200.0}}, {})
