"""Waiting for a result, but not longer than the environment works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

__all__ = ["Watch"]

T = TypeVar("T")


class Watch:
    """Turns an error that happens elsewhere (in an attempt, say) into one of every waiting and future request."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        """What ``give_up`` was told first."""
        self._waiting: set[asyncio.Future[Any]] = set()

    def give_up(self, error: BaseException) -> None:
        """Makes every waiting and future request raise; the first error counts."""
        if self.failure is None:
            self.failure = error
            for waiting in self._waiting:
                waiting.cancel()

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """The result of the awaitable."""
        task = asyncio.ensure_future(awaitable)
        if self.failure is not None:
            task.cancel()
        self._waiting.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            # Only give_up cancels a request and not who waits for it.
            if self.failure is None or _is_cancelled():
                raise
            raise self.failure from None
        finally:
            self._waiting.discard(task)


def _is_cancelled() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
