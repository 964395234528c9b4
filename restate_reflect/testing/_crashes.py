"""The crash matrix: a scenario again and again, with a crash after every journal entry.

The first run is the baseline. Each further run is cut off at one place: the attempt that has
just stored its n-th journal entry is gone, as if its process had been killed. One more run
suspends at every await. Whatever the place,

1. each invocation must issue the same commands, with the same step results and outcome, as far as it is told the
   same things (``_comparing``), and repeat its own journal where it is not (``_replaying``);
2. a step whose result was stored must not be executed again (``_recording``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["BASELINE", "SUSPENDING", "CrashAt", "Variant", "plan"]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the scenario."""

    name: str
    suspend: bool = False


@dataclass(frozen=True, slots=True)
class CrashAt(Variant):
    """Crashes once, after the n-th entry stored by any invocation."""

    position: int = 0


BASELINE: Final = Variant("undisturbed")
SUSPENDING: Final = Variant("suspended at every await", suspend=True)


def plan(entries: int, most: int) -> list[Variant]:
    """The disturbed runs that follow a baseline with so many entries: all, or ``most`` of them evenly chosen."""
    crashes = (CrashAt(f"with a crash after entry {n}", position=n) for n in range(1, entries + 1))
    variants: list[Variant] = [SUSPENDING, *crashes]
    if len(variants) <= most:
        return variants
    return [variants[index * len(variants) // most] for index in range(most)]
