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
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def give_up(self, error: BaseException) -> None:
        """Makes every waiting and future request raise; the first error counts."""
        if not self._broken.done():
            self._broken.set_exception(error)
            self._broken.exception()  # looked at: a test that waits for nothing hears of it at the end

    @property
    def failure(self) -> BaseException | None:
        """What ``give_up`` was told."""
        return self._broken.exception() if self._broken.done() else None

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """The result of the awaitable."""
        task = asyncio.ensure_future(awaitable)
        waiting: list[asyncio.Future[Any]] = [task, self._broken]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            task.cancel()
            raise
        if task.done():
            return task.result()
        task.cancel()
        await self._broken
        raise AssertionError("unreachable: the future only ever fails")
