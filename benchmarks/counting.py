"""Counting calls."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

__all__ = ["CountedCalls"]


class CountedCalls:
    """A context manager that counts calls of Python and of C functions in this thread, a constant few of its own too.

    Take the difference of two counts: the constant is gone then.
    """

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> CountedCalls:
        sys.setprofile(self._on_event)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)

    def _on_event(self, _frame: FrameType, event: str, _argument: Any) -> None:
        if event in ("call", "c_call"):
            self.count += 1
