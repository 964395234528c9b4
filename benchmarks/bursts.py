"""CPU time burst by burst, each between two readings of how fast the cores were.

On a machine that others use, a core slows down by up to 2.2 times, for milliseconds or for minutes, and no counter of
the operating system shows it. A fixed piece of Python does: a burst between two of its runs that were both as fast as
any was not disturbed. So what a quiet machine would show can be measured on a busy one, if it has quiet moments at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.machine import cpu_of, yardstick_us

__all__ = ["Burst", "Meter", "best_yardstick_us", "quiet"]

TOLERANCE: Final = 1.1
"""How much slower than the best a core may be in a burst that counts as quiet."""
_RUNS: Final = 7
"""Of the yardstick in a reading: about a millisecond for each core."""


@dataclass(frozen=True, slots=True)
class Burst:
    """So many invocations, between two readings."""

    invocations: int
    cpu_us: float
    """Of the watched processes, for each of its invocations."""
    yardstick_us: float
    """Of the slowest core, before or after."""


class Meter:
    """Takes the readings, on the cores that the calling thread may use."""

    def __init__(self, processes: Sequence[int]) -> None:
        self.bursts: list[Burst] = []
        self._processes = processes
        self._completed = 0
        self._before = self._reading()

    def end_burst(self, completed: int) -> None:
        """The next begins. Takes how many invocations are completed in all."""
        spent, slowest = self._reading()
        if invocations := completed - self._completed:
            cost = (spent - self._before[0]) / invocations * 1e6
            self.bursts.append(Burst(invocations, round(cost, 2), round(max(slowest, self._before[1]), 1)))
        self._before, self._completed = (spent, slowest), completed

    def _reading(self) -> tuple[float, float]:
        """CPU seconds and yardstick. That comes first: what the processes do after their last answer counts, too."""
        slowest = max(_yardsticks_us())
        return sum(cpu_of(process) for process in self._processes), slowest


def _yardsticks_us() -> list[float]:
    """Of each core."""
    cores = os.sched_getaffinity(0)
    try:
        return [_on(core) for core in cores]
    finally:
        os.sched_setaffinity(0, cores)


def _on(core: int) -> float:
    os.sched_setaffinity(0, {core})
    return yardstick_us(_RUNS, typical=True)


def best_yardstick_us(seconds: float) -> float:
    """The least of any core that is seen in so many seconds."""
    until = time.monotonic() + seconds
    best = min(_yardsticks_us())
    while time.monotonic() < until:
        best = min(best, *_yardsticks_us())
        time.sleep(0.02)
    return best


def quiet(bursts: Iterable[Burst], best: float) -> list[Burst]:
    """Those in which no core was slower than the tolerance allows."""
    return [burst for burst in bursts if burst.yardstick_us <= best * TOLERANCE]
