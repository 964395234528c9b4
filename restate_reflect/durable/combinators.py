"""Combinators that keep the order given; asyncio's own walk sets or start bare coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import Any, TypeVar

__all__ = ["as_completed", "first_success"]

T = TypeVar("T")


async def as_completed(awaitables: Iterable[Awaitable[T]]) -> AsyncIterator[T]:
    """Results in the order in which they come; a failure is raised when its turn comes."""
    done: asyncio.Queue[asyncio.Future[T]] = asyncio.Queue()
    futures = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    for future in futures:
        future.add_done_callback(done.put_nowait)
    for _ in futures:
        finished = await done.get()
        yield finished.result()


async def first_success(awaitables: Iterable[Awaitable[T]]) -> T:
    """The first result that is no failure; the others are no longer waited for.

    Raises:
        ValueError: Nothing was given.
        Exception: The last failure, if all fail.
    """
    done: asyncio.Queue[asyncio.Future[Any]] = asyncio.Queue()
    futures = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    for future in futures:
        future.add_done_callback(done.put_nowait)
    failure: BaseException = ValueError("first_success() needs at least one awaitable")
    for _ in futures:
        finished = await done.get()
        if finished.cancelled():
            failure = asyncio.CancelledError()
        elif (raised := finished.exception()) is None:
            for future in futures:
                future.remove_done_callback(done.put_nowait)
            return finished.result()  # type: ignore[no-any-return]
        else:
            failure = raised
    raise failure
