"""Where in the user's code a call stands; for error messages."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

import restate_reflect

__all__ = ["Spot", "caller", "spot"]

_OWN: Final = (str(Path(restate_reflect.__file__).parent), str(Path(asyncio.__file__).parent), "<frozen")


class Spot:
    """A place in code that is cheap to remember (0.1 µs) and turned into text only when needed."""

    __slots__ = ("_code", "_line")

    def __init__(self, code: CodeType, line: int) -> None:
        self._code = code
        self._line = line

    def __str__(self) -> str:
        return f"{_short(self._code.co_filename)}:{self._line} in {self._code.co_qualname}"


def spot() -> Spot | None:
    """The nearest frame that is neither ours nor asyncio's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_OWN):
            return Spot(frame.f_code, frame.f_lineno)
        frame = frame.f_back
    return None


def caller() -> str:
    """``shop.py:14 in Checkout.submit``, or ``unknown place``."""
    found = spot()
    return str(found) if found else "unknown place"


def _short(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def user_opened(args: tuple[object, ...]) -> bool:
    """Whether an ``open`` audit event comes from the user's own statement.

    Imports, tracebacks (linecache) and the like read files too; those are not the handler's doing.
    """
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(("<frozen importlib", "<frozen zipimport")) or name.endswith(_READERS):
            return False
        frame = frame.f_back
    return bool(args)


_READERS: Final = ("linecache.py", "tokenize.py", "traceback.py", "warnings.py", "inspect.py", "pdb.py")
