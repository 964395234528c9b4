"""Waiting for a result, but not longer than the environment works."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

__all__ = ["Watch"]

T = TypeVar("T")


class Watch:
    """Turns an error that happens elsewhere (in an attempt, say) into one of requests."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        """What ``give_up`` was told first."""
        self.raised: dict[str, BaseException] = {}
        """What handlers have raised, by the id of the invocation that failed for it, or of one that waited for it."""
        self._unmet: list[BaseException] = []
        self._waiting: set[asyncio.Future[Any]] = set()
        self._reasons: dict[asyncio.Future[Any], BaseException] = {}

    def give_up(self, error: BaseException) -> None:
        """Makes every waiting and future request raise; the first error counts."""
        if self.failure is None:
            self.failure = error
            for waiting in self._waiting:
                waiting.cancel()

    def interrupt(self, error: BaseException) -> None:
        """Makes every waiting request raise; if there is none, the next one."""
        hit = [waiting for waiting in self._waiting if waiting.cancel()]
        self._reasons.update((waiting, error) for waiting in hit)
        if not hit:
            self._unmet.append(error)

    def reraise(self, invocation: str) -> None:
        """Raises what an invocation has failed for, if a handler has raised it."""
        error = self.raised.get(invocation)
        if error is not None:
            self._unmet = [each for each in self._unmet if each is not error]
            raise error

    def finish(self) -> None:
        """At the end: raises what no request has met."""
        if self.failure is not None:
            raise self.failure
        if self._unmet:
            raise self._unmet.pop(0)

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """The result of the awaitable."""
        task = asyncio.ensure_future(awaitable)
        if self.failure is not None:
            task.cancel()
        elif self._unmet:
            self._reasons[task] = self._unmet.pop(0)
            task.cancel()
        self._waiting.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            # Only this class cancels a request and not who waits for it.
            reason = self._reasons.get(task, self.failure)
            if reason is None or _is_cancelled():
                raise
        finally:
            self._waiting.discard(task)
            self._reasons.pop(task, None)
        raise reason  # here, where it gets no context: it keeps the one that it was raised in


def _is_cancelled() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
