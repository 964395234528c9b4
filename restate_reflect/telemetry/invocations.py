"""What this process remembers of invocations between their attempts. No attempt is told of those before it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

__all__ = ["Remembered"]

T = TypeVar("T")

MAX_REMEMBERED: Final = 10_000
"""Invocations; those that were seen longest ago are forgotten."""


class Remembered(Generic[T]):
    """By invocation id."""

    def __init__(self, limit: int = MAX_REMEMBERED) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, T] = OrderedDict()

    def keep(self, invocation: str, what: T) -> T:
        self._kept[invocation] = what
        self._kept.move_to_end(invocation)
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return what

    def get(self, invocation: str) -> T | None:
        return self._kept.get(invocation)

    def forget(self, invocation: str) -> T | None:
        return self._kept.pop(invocation, None)
