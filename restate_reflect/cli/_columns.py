"""Text in columns, and times as people say them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from restate_reflect.escaping import terminal_text

__all__ = ["age", "columns", "duration", "one_line"]


def columns(rows: Sequence[Sequence[str]], *, width: int | None = None, paint: Callable[[str], str] = str) -> str:
    """Lines as wide as they need to be; the last column ends where the terminal does, for a pipe nowhere.

    ``paint`` gives cells colours, which take no room.
    """
    rows = [[terminal_text(cell, lines=False) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    left = (width or _width()) - sum(widths) - 2 * len(widths)
    return "\n".join(_row(row, widths, max(left, 20), paint) for row in rows)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else sys.maxsize


def _row(row: Sequence[str], widths: Sequence[int], left: int, paint: Callable[[str], str]) -> str:
    cells = [paint(cell) + " " * (width - len(cell)) for cell, width in zip(row, widths, strict=False)]
    return "  ".join([*cells, one_line(row[-1], left)]).rstrip()


def one_line(text: str, longest: int) -> str:
    """The text without line breaks, shortened to ``longest`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def age(since: datetime, now: datetime | None = None) -> str:
    """How long ago: ``12s``, ``5m``, ``3h``, ``2d``."""
    return duration((now or datetime.now(UTC)) - since)


def duration(span: timedelta) -> str:
    """In the largest unit that fits: ``12ms``, ``12s``, ``5m``, ``3h``, ``2d``."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size or (unit == "m" and seconds >= 60):
            return f"{seconds // size:.0f}{unit}"
    return f"{seconds:.0f}s"
