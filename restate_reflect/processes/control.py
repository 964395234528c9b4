"""The line between a supervisor and its workers: a socket pair.

A worker writes one JSON object a line: ``{"files": [...]}`` names the user's files it has loaded,
``{"ready": PORT}`` says that it listens.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import sysconfig
import traceback
from typing import Any

__all__ = ["FD_VARIABLE", "WORKER_VARIABLE", "Control", "user_files"]

FD_VARIABLE = "RESTATE_REFLECT_CONTROL_FD"
WORKER_VARIABLE = "RESTATE_REFLECT_WORKER"
"""The worker's number, from 0; only worker 0 prints the table."""


class Control:
    """A worker's end of the line."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    @classmethod
    def from_environment(cls) -> Control | None:
        """``None`` in a process that has no supervisor."""
        number = os.environ.pop(FD_VARIABLE, None)
        return None if number is None else cls(socket.socket(fileno=int(number)))

    def tell(self, message: dict[str, Any]) -> None:
        """Writes one message; a supervisor that is gone is noticed elsewhere."""
        try:
            self._line.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass


def user_files(error: BaseException | None = None) -> list[str]:
    """Files of loaded modules, and of an error's traceback, that are neither Python's nor installed packages'."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    while error is not None:
        files |= {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
        files |= {error.filename} if isinstance(error, SyntaxError) else set()
        error = error.__cause__
    return sorted(file for file in files if file and os.path.isfile(file) and not _installed(file))


def _installed(file: str) -> bool:
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    places = [own, *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))]
    return file.startswith(tuple(place + os.sep for place in places))
