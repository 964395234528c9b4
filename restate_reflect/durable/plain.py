"""Coroutines that stand for handlers which are none. Never compiled: errors name the place where a coroutine waits."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["call_plain", "nothing"]


async def call_plain(function: Callable[..., Any], context: Any, /, *args: Any, **kwargs: Any) -> Any:
    """A plain function may return one of the context's futures; it is awaited."""
    result = function(context, *args, **kwargs)
    return await result if inspect.isawaitable(result) else result


async def nothing() -> None:
    """For a handler whose input could not be read."""
