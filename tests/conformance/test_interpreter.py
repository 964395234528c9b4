"""Section 9 of the contract: generated programs on three layers of objects; every counter must come out right."""

from __future__ import annotations

import random
from collections import Counter as Tally
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.conformance.driver import Driver, eventually, fresh_key

SETTINGS = ("suspending", "v7")
LAYERS = 3
KEYS = 4
LONGEST = 12
PROGRAMS = 24

PLAIN = (1, 2, 3, 4, 4, 5, 5, 6, 9, 10, 11, 12, 13, 18)
REMEMBERING = (7, 8, 14, 16, 17)


@dataclass
class Generator:
    """Makes programs, and counts what they will have added to which counter."""

    random: random.Random
    base: int
    """First of the keys of this generator in the deeper layers, so that runs don't meet."""
    expected: Tally[tuple[int, str]] = field(default_factory=Tally)

    def program(self, layer: int, key: str) -> dict[str, Any]:
        """A program for an object of this layer."""
        commands: list[dict[str, Any]] = []
        open_positions: list[int] = []
        for _ in range(self.random.randint(1, LONGEST)):
            if open_positions and self.random.random() < 0.3:
                index = open_positions.pop(self.random.randrange(len(open_positions)))
                commands.append({"kind": 15, "index": index})
                continue
            command = self.command(layer, key)
            if command["kind"] in (*REMEMBERING, 19):
                open_positions.append(len(commands))
            commands.append(command)
        return {"commands": commands}

    def command(self, layer: int, key: str) -> dict[str, Any]:
        kinds = [*PLAIN, *REMEMBERING, *([19] * 4 if layer < LAYERS - 1 else [])]
        kind = self.random.choice(kinds)
        if kind in (4, 5, 9, 18):
            self.expected[layer, key] += 1
        if kind == 19:
            next_key = self.base + self.random.randrange(KEYS)
            return {"kind": 19, "key": next_key, "program": self.program(layer + 1, str(next_key))}
        return {"kind": kind, "key": self.random.randrange(6), **self.delays()}

    def delays(self) -> dict[str, int]:
        return {"duration": self.random.randint(0, 30), "sleep": self.random.randint(0, 30)}


@pytest.mark.parametrize("seed", range(3))
def test_generated_programs_count_right(driver: Driver, seed: int) -> None:
    """Whatever runs beside, suspends, is abandoned or retried: nothing is lost, nothing is done twice."""
    run_programs(driver, seed)


@pytest.mark.slow
def test_many_generated_programs_count_right(driver: Driver) -> None:
    """1,200 programs, of seeds that change from run to run; a failure names its seed."""
    for _ in range(50):
        run_programs(driver, random.SystemRandom().randrange(10**9))


def run_programs(driver: Driver, seed: int) -> None:
    """Runs ``PROGRAMS`` programs at once and compares every counter."""
    base = random.SystemRandom().randrange(10**9)
    generator = Generator(random.Random(seed), base)
    programs = {key: generator.program(0, key) for key in (fresh_key() for _ in range(PROGRAMS))}
    driver.each(lambda key: driver.call("ObjectInterpreterL0", "interpret", programs[key], key=key), programs)
    expected = {(layer, key): count for (layer, key), count in generator.expected.items()}

    def counters() -> dict[tuple[int, str], int]:
        return {(layer, key): driver.call(f"ObjectInterpreterL{layer}", "counter", key=key) for layer, key in expected}

    eventually(counters, lambda seen: all(seen[at] >= count for at, count in expected.items()), timeout=60)
    eventually(lambda: unfinished(driver), lambda count: count == 0, timeout=60)
    assert counters() == expected, f"seed {seed}"


def unfinished(driver: Driver) -> int:
    """Invocations of interpreters that have not completed; abandoned callees may still add."""
    sql = (
        "select count(*) as left from sys_invocation where status <> 'completed' and"
        " (target_service_name like 'ObjectInterpreterL%' or target_service_name = 'ServiceInterpreterHelper')"
    )
    return int(driver.server.query(sql)[0]["left"])


@pytest.mark.parametrize("layer", range(LAYERS))
def test_each_layer_runs_each_command(driver: Driver, layer: int) -> None:
    """Every kind once, every remembered future awaited."""
    key = str(random.SystemRandom().randrange(10**9))
    commands: list[dict[str, Any]] = [
        {"kind": kind, "key": 1, "duration": 1, "sleep": 1} for kind in range(1, 19) if kind != 15
    ]
    if layer < LAYERS - 1:
        commands.append({"kind": 19, "key": int(key), "program": {"commands": [{"kind": 4}, {"kind": 4}]}})
    remembered = [n for n, command in enumerate(commands) if command["kind"] in (*REMEMBERING, 19)]
    commands += [{"kind": 15, "index": index} for index in reversed(remembered)]
    driver.call(f"ObjectInterpreterL{layer}", "interpret", {"commands": commands}, key=key)
    assert driver.eventually_counts(f"ObjectInterpreterL{layer}", key, 4) == 4
    if layer < LAYERS - 1:
        assert driver.call(f"ObjectInterpreterL{layer + 1}", "counter", key=key) == 2


def test_the_helper_answers(driver: Driver) -> None:
    """``ping``, ``echo``, ``echoLater``."""
    assert driver.call("ServiceInterpreterHelper", "ping") is None
    assert driver.call("ServiceInterpreterHelper", "echo", "hi") == "hi"
    assert driver.call("ServiceInterpreterHelper", "echoLater", {"sleep": 5, "parameter": "later"}) == "later"
