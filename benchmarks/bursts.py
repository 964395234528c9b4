"""CPU time burst by burst, each between two readings of how fast the cores were.

On a machine that others use, a core slows down by up to 2.2 times, for milliseconds or for minutes, and no counter of
the operating system shows it. Two fixed pieces of Python do: one that computes, and one that walks through more memory
than a core keeps for itself. A burst between two of their runs that were both as fast as any was not disturbed. So what
a quiet machine would show can be measured on a busy one, if it has quiet moments at all.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from benchmarks.machine import cpu_of, yardstick_us

__all__ = ["Burst", "Meter", "Speed", "fastest", "quiet"]

TOLERANCE: Final = 1.1
"""How much slower than the best the machine may be in a burst that counts as quiet."""
_RUNS: Final = 7
"""Of the yardstick in a reading: about a millisecond for each core."""
_TEXTS: Final = 20_000
"""So many short texts take 1.3 MB, and a millisecond to walk through."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Of the slowest core: smaller is faster."""

    yardstick_us: float
    memory_us: float

    def worse(self, other: Speed) -> Speed:
        return Speed(max(self.yardstick_us, other.yardstick_us), max(self.memory_us, other.memory_us))

    def is_near(self, best: Speed) -> bool:
        """Within the tolerance."""
        return self.yardstick_us <= best.yardstick_us * TOLERANCE and self.memory_us <= best.memory_us * TOLERANCE


@dataclass(frozen=True, slots=True)
class Burst:
    """So many invocations, between two readings."""

    invocations: int
    cpu_us: float
    """Of the watched processes, for each of its invocations."""
    speed: Speed
    """The worse one of before and after."""


class Meter:
    """Takes the readings, on the cores that the calling thread may use."""

    def __init__(self, processes: Sequence[int]) -> None:
        self.bursts: list[Burst] = []
        """All but the first: before it the memory that is read has just been written."""
        self._processes = processes
        self._completed = 0
        self._before: tuple[float, Speed] | None = None

    def end_burst(self, completed: int) -> None:
        """The next begins. Takes how many invocations are completed in all."""
        spent, speed = self._reading()
        invocations = completed - self._completed
        if self._before is not None and invocations:
            cost = (spent - self._before[0]) / invocations * 1e6
            self.bursts.append(Burst(invocations, round(cost, 2), speed.worse(self._before[1])))
        self._before, self._completed = (spent, speed), completed

    def _reading(self) -> tuple[float, Speed]:
        """CPU seconds, and the speed. That comes first: what the processes do after their last answer counts, too."""
        speed = _speed()
        return sum(cpu_of(process) for process in self._processes), speed


def _speed() -> Speed:
    """Memory first: what was in a core's own cache is what the burst has left there."""
    memory = _memory_us()
    cores = os.sched_getaffinity(0)
    try:
        return Speed(round(max(_on(core) for core in cores), 1), round(memory, 1))
    finally:
        os.sched_setaffinity(0, cores)


def _on(core: int) -> float:
    os.sched_setaffinity(0, {core})
    return yardstick_us(_RUNS, typical=True)


def _memory_us() -> float:
    texts = _texts()
    start = time.process_time()
    sum(map(len, texts))
    return (time.process_time() - start) * 1e6


@cache
def _texts() -> list[str]:
    """In an order that no prefetching foresees."""
    texts = [str(number) * 3 for number in range(_TEXTS)]
    random.Random(1).shuffle(texts)
    return texts


def fastest(speeds: Sequence[Speed]) -> Speed | None:
    """As good as one in fifty, each of the two for itself; a single lucky reading would make all others disturbed ones.

    Taken for too slow, which it is if fewer were undisturbed, it lets disturbed bursts count, and costs look larger.
    """
    if not speeds:
        return None
    place = len(speeds) // 50
    yardsticks, memories = sorted(s.yardstick_us for s in speeds), sorted(s.memory_us for s in speeds)
    return Speed(yardsticks[place], memories[place])


def quiet(bursts: Iterable[Burst], best: Speed | None) -> list[Burst]:
    """Those in which nothing was slower than the tolerance allows; none while the best is not known."""
    return [burst for burst in bursts if best is not None and burst.speed.is_near(best)]
