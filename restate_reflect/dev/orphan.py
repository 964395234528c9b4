"""A restate-server that a killed ``dev`` has left behind: it holds the data directory and the ports."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

__all__ = ["end_orphan", "remember"]

_WAIT: Final = 15.0
"""Seconds until it is killed."""


def remember(folder: Path, pid: int) -> None:
    """Notes which process serves the data in this folder."""
    _file(folder).write_text(str(pid))


def end_orphan(folder: Path) -> int | None:
    """Ends the process that was noted, if it is still that server; returns its id."""
    try:
        pid = int(_file(folder).read_text())
    except (OSError, ValueError):
        return None
    if not _serves(pid, folder):
        return None
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _WAIT
    while _serves(pid, folder):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return pid


def _serves(pid: int, folder: Path) -> bool:
    """Ids are used again, and files may be forged: the command line of the process must name the server's folder."""
    shown = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return str(folder / "restate-server") in shown.stdout


def _file(folder: Path) -> Path:
    return folder / "restate-server.pid"
