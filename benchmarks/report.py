"""What a suite is asked, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Options", "Outcome", "lost_lines", "markdown"]


@dataclass(frozen=True, slots=True)
class Options:
    """From the command line; see ``python -m benchmarks --help``."""

    rounds: int = 5
    invocations: int = 4000
    core: int = 0
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one suite."""

    data: Any
    """For the JSON file."""
    text: str
    """Markdown tables and remarks."""


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; floats are given with three significant digits at least."""
    lines = [list(head), ["---"] * len(head), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def lost_lines(lost: Mapping[str, Mapping[str, int]]) -> str:
    """A line for each peer that lost invocations; nothing is left out of a table silently."""
    told = [
        f"LOST by {name}: {', '.join(f'{count} × {reason}' for reason, count in reasons.items())}"
        for name, reasons in lost.items()
        if reasons
    ]
    return "\n".join(told)
