"""Where in the user's code the commands of a run were issued; noted only to explain a difference."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from restate_reflect.durable.locations import Spot, spot
from restate_reflect.engine.machine import RECORDING, Engine

__all__ = ["Lines", "noting_lines", "shown_place", "source_of"]

Lines = dict[tuple[str, int], Spot | None]
"""By invocation id and command index."""


@contextmanager
def noting_lines() -> Iterator[Lines]:
    """Notes the place of every command that is issued meanwhile, the latest attempt's if there are several."""
    lines: Lines = {}

    def note(engine: Engine, _type: int, _payload: bytes) -> None:
        lines[engine.started.debug_id, engine.command_index] = spot()

    RECORDING.append(note)
    try:
        yield lines
    finally:
        RECORDING.remove(note)


def shown_place(place: Spot | None) -> str | None:
    """``shop.py:14 in Checkout.submit`` and the text of that line."""
    if place is None:
        return None
    return f"{place}\n                   {_text(place.code.co_filename, place.line or 0)}"


_PLACE: Final = re.compile(r"(?P<file>[^\s(]+\.py):(?P<line>\d+) in ")


def source_of(message: str) -> str | None:
    """The text of the source line that a message names first; ``None`` if it names none."""
    found = _PLACE.search(message)
    if found is None:
        return None
    text = _text(found["file"], int(found["line"]))
    return f"{found['file']}:{found['line']}: {text}" if text else None


def _text(file: str, line: int) -> str:
    return linecache.getline(file, line).strip()
