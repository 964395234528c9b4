"""Waiting for what a server does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

T = TypeVar("T")

_POLL = 0.03


def eventually(probe: Callable[[], T], timeout: float = 30.0) -> T:
    """Asks until the answer is true-ish, and returns it. Fails with the last answer after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {timeout:g} s")
        time.sleep(_POLL)
    return answer


def milliseconds(timestamp: Any) -> float:
    """A timestamp of the server's SQL tables, in milliseconds since the epoch."""
    return datetime.fromisoformat(str(timestamp)).timestamp() * 1000
