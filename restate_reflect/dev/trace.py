"""The user's line in the text of a traceback."""

from __future__ import annotations

import os
import re
import sysconfig
from pathlib import Path
from typing import Final

__all__ = ["place_in", "shortened"]

_FRAME: Final = re.compile(
    r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>.+)(?:\n\s+(?P<code>.+))?', re.M
)
_OWN: Final = str(Path(__file__).parent.parent)
_COMPILED: Final = os.path.join("restate_reflect", "")
"""How files of compiled modules begin in a traceback."""


def place_in(trace: str) -> str | None:
    """``shop.py:14 in add: raise ValueError("x")``: the innermost frame that is not a library's, if there is one."""
    found = [match for match in _FRAME.finditer(trace) if _is_users(match["file"])]
    if not found:
        return None
    last = found[-1]
    code = f": {last['code'].strip()}" if last["code"] else ""
    return f"{_relative(last['file'])}:{last['line']} in {last['name']}{code}"


def _is_users(file: str) -> bool:
    libraries = (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), _OWN)
    return not file.startswith(("<", _COMPILED, *(f"{place}{os.sep}" for place in libraries)))


def _relative(file: str) -> str:
    shown = os.path.relpath(file)
    return file if shown.startswith(os.pardir) else shown


def shortened(text: str, longest: int = 120) -> str:
    """At most that many characters."""
    return text if len(text) <= longest else f"{text[:longest]}…"
