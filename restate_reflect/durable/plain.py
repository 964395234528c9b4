"""Coroutines that stand for handlers which are none, and for steps. Never compiled: errors name the place where a
coroutine waits, and of a compiled function it can't be told whether it is async."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

__all__ = ["call_plain", "nothing", "utc"]


async def call_plain(function: Callable[..., Any], context: Any, /, *args: Any, **kwargs: Any) -> Any:
    """A plain function may return one of the context's futures; it is awaited."""
    result = function(context, *args, **kwargs)
    return await result if inspect.isawaitable(result) else result


async def nothing() -> None:
    """For a handler whose input could not be read."""


async def utc(wall_clock: Callable[[], float]) -> datetime:
    """The step of ``ctx.now()``: async, as that needs no thread."""
    return datetime.fromtimestamp(wall_clock(), UTC)
