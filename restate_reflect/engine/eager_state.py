"""The state that came with the start message, kept up to date with the handler's own writes."""

from __future__ import annotations

from typing import Final

__all__ = ["UNKNOWN", "EagerState", "Unknown"]


class Unknown:
    """Only the server can tell."""


UNKNOWN: Final = Unknown()


class EagerState:
    """What is known of the state without asking.

    A partial map says nothing about keys that are not in it; after ``clear_all`` it is complete.
    """

    __slots__ = ("_partial", "_values")

    def __init__(self, values: dict[str, bytes | None] | None = None, partial: bool = True) -> None:
        self._values = values if values is not None else {}
        self._partial = partial

    def get(self, key: str) -> bytes | Unknown | None:
        """The value, ``None`` for a key that is not set, or ``UNKNOWN``."""
        return self._values.get(key, UNKNOWN if self._partial else None)

    def keys(self) -> list[str] | Unknown:
        """Set keys in sorted order, or ``UNKNOWN``."""
        if self._partial:
            return UNKNOWN
        return sorted(key for key, value in self._values.items() if value is not None)

    def set(self, key: str, value: bytes) -> None:
        self._values[key] = value

    def clear(self, key: str) -> None:
        self._values[key] = None

    def clear_all(self) -> None:
        self._values.clear()
        self._partial = False
