"""Tracebacks as text, made short for whoever wrote the handler: their own frames whole, those of libraries folded."""

from __future__ import annotations

import itertools
import os
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["folded", "has_chain", "is_users", "split", "user_frames"]

_FRAME: Final = re.compile(r'^(?P<margin>[ |]*)  File "(?P<file>[^"\n]+)", line (?P<line>\d+), in (?P<name>.+)$')
_BEGINS: Final = re.compile(r"\n(?=(?: *\+ Exception Group )?Traceback \(most recent call last\):)")
_CHAINED: Final = re.compile(
    r"^[ |]*(The above exception was the direct cause|During handling of the above exception|\+-\+-)", re.M
)
_OWN: Final = str(Path(__file__).parent)
_COMPILED: Final = os.path.join("restate_reflect", "")
"""How files of compiled modules begin in a traceback."""
_INSTALLED: Final = re.compile(r"[/\\](?:site|dist)-packages[/\\](?P<name>[^/\\.]+)")
_STANDARD: Final = re.compile(r"[/\\]lib[/\\]python3\.\d+t?[/\\](?P<name>[^/\\.]+)", re.I)
"""Of another machine's Python, too: a journal tells of wherever the handler runs."""


class _Frame(NamedTuple):
    """One frame, with its source lines and marks."""

    margin: str
    file: str
    line: str
    name: str
    lines: tuple[str, ...]


def split(text: str) -> tuple[str, str]:
    """A failure's message, and the traceback behind it, which may be empty."""
    parts = _BEGINS.split(text, maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else ""


def folded(trace: str) -> str:
    """The traceback with one line in place of frames in a row that are no user's."""
    lines: list[str] = []
    for is_library, parts in itertools.groupby(_parts(trace), _is_library):
        if is_library:
            lines.append(_fold([part for part in parts if isinstance(part, _Frame)]))
        else:
            lines.extend(line for part in parts for line in (part.lines if isinstance(part, _Frame) else (part,)))
    return "\n".join(lines)


def user_frames(trace: str) -> list[tuple[str, str, str, str]]:
    """File, line, function and code of each of the user's frames, outermost first."""
    found = [part for part in _parts(trace) if isinstance(part, _Frame) and is_users(part.file)]
    return [(each.file, each.line, each.name, each.lines[1].strip() if len(each.lines) > 1 else "") for each in found]


def has_chain(trace: str) -> bool:
    """Whether it tells of more than one exception."""
    return _CHAINED.search(trace) is not None


def is_users(file: str) -> bool:
    """Neither this package's, nor Python's, nor an installed package's."""
    libraries = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), _OWN)
    if file.startswith(("<", _COMPILED, *(f"{place}{os.sep}" for place in libraries))):
        return False
    return _INSTALLED.search(file) is None and _STANDARD.search(file) is None


def _parts(trace: str) -> Iterator[_Frame | str]:
    """Frames with all their lines, and the lines between them."""
    lines = trace.splitlines()
    at = 0
    while at < len(lines):
        found = _FRAME.match(lines[at])
        if found is None:
            yield lines[at]
            at += 1
            continue
        end = at + 1
        while end < len(lines) and lines[end].startswith((f"{found['margin']}    ", f"{found['margin']}  [Previous")):
            end += 1
        yield _Frame(found["margin"], found["file"], found["line"], found["name"], tuple(lines[at:end]))
        at = end


def _is_library(part: _Frame | str) -> bool:
    return isinstance(part, _Frame) and not is_users(part.file)


def _fold(frames: list[_Frame]) -> str:
    places = ", ".join(dict.fromkeys(_package(frame.file) for frame in frames))
    return f"{frames[0].margin}  … {len(frames)} frame{'s' if len(frames) > 1 else ''} in {places}"


def _package(file: str) -> str:
    if file.startswith((_COMPILED, f"{_OWN}{os.sep}")):
        return "restate_reflect"
    found = _INSTALLED.search(file) or _STANDARD.search(file)
    return found["name"] if found else file
