"""Chunks of a model's answer, told while they come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.runnables.config import ensure_config, merge_configs, set_config_context

__all__ = ["EventCallback", "Listening", "heard"]

T = TypeVar("T")

EventCallback: TypeAlias = Callable[[Any], Awaitable[None]]
"""Gets each chunk, an ``AIMessageChunk``, on the process's event loop."""


class Listening(AsyncCallbackHandler):
    """Among the callbacks of a model that streams: gives its chunks away."""

    raise_error = True  # the library would log what fails, and go on

    def __init__(self, on_event: EventCallback) -> None:
        self._on_event = on_event

    async def on_llm_new_token(self, token: Any, *, chunk: Any = None, **others: Any) -> None:
        if chunk is not None:
            await self._on_event(chunk.message)


async def heard(on_event: EventCallback, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Asks, with a listener among the callbacks of whatever runs in there."""
    config = merge_configs(ensure_config(), {"callbacks": [Listening(on_event)]})
    with set_config_context(config) as context:
        return await asyncio.create_task(ask(), context=context)
