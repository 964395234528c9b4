"""One exclusive invocation at a time for each key of a virtual object; the others queue."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

__all__ = ["Key", "KeyQueues"]


class Key(NamedTuple):
    """An object or a workflow: what has state, promises and a queue of its own."""

    service: str
    key: str
    scope: str = ""
    """``""`` outside of scopes; no scope is called so."""


class KeyQueues:
    """Who holds which key, and who waits for it, first come first served."""

    def __init__(self) -> None:
        self._holder: dict[Key, str] = {}
        self._waiting: dict[Key, deque[str]] = {}

    def acquire(self, key: Key, identifier: str) -> bool:
        """Takes the key, or queues for it; whether it was taken."""
        if self._holder.setdefault(key, identifier) == identifier:
            return True
        self._waiting.setdefault(key, deque()).append(identifier)
        return False

    def release(self, key: Key, identifier: str) -> str | None:
        """Gives the key up, or leaves the queue; who holds the key now, if that has changed."""
        if self._holder.get(key) != identifier:
            self._leave(key, identifier)
            return None
        waiting = self._waiting.get(key)
        if not waiting:
            del self._holder[key]
            return None
        following = waiting.popleft()
        if not waiting:
            del self._waiting[key]
        self._holder[key] = following
        return following

    def holder(self, key: Key) -> str | None:
        return self._holder.get(key)

    def waiting(self, key: Key) -> list[str]:
        return list(self._waiting.get(key, ()))

    def _leave(self, key: Key, identifier: str) -> None:
        waiting = self._waiting.get(key)
        if waiting is not None and identifier in waiting:
            waiting.remove(identifier)
            if not waiting:
                del self._waiting[key]
