"""A thread that acts once the supervisor of this process is gone, however that ended and whatever happens here.

A task of the event loop that reads the line to the supervisor is told at once, but does not suffice: a handler that
blocks the loop blocks it, too, an error on the line ends it, and user code may close descriptors that it does not know.
The id of the parent needs nothing but a look, on every system that has processes with parents.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

__all__ = ["when_orphaned"]

_INTERVAL: Final = 0.25
"""Seconds between looks; one costs less than a microsecond."""


def when_orphaned(act: Callable[[], object]) -> None:
    """Calls ``act``, in a thread of its own, once the process that has started this one is gone."""
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent, act), name="restate-reflect-lifeline", daemon=True).start()


def _watch(parent: int, act: Callable[[], object]) -> None:
    while os.getppid() == parent:
        time.sleep(_INTERVAL)
    act()
