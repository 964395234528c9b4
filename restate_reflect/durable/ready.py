"""The ready queue of a durable loop: first in, first out."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

__all__ = ["ReadyHandle", "ReadyQueue"]


class ReadyHandle:
    """An ``asyncio.Handle`` with nothing but the necessary (0.2 µs instead of 0.9 µs to make)."""

    __slots__ = ("_args", "_callback", "_cancelled", "_context")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled


class ReadyQueue:
    """What is to be called, in its order."""

    __slots__ = ("handles",)

    def __init__(self) -> None:
        self.handles: list[ReadyHandle] = []

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> ReadyHandle:
        """The loop's method of this name."""
        handle = ReadyHandle(callback, args, context if context is not None else contextvars.copy_context())
        self.handles.append(handle)
        return handle

    def run(self, limit: int) -> BaseException | None:
        """Calls everything, and what is added meanwhile, until about ``limit`` calls; returns what was raised first."""
        raised: BaseException | None = None
        while self.handles and limit > 0:
            batch, self.handles = self.handles, []
            limit -= len(batch)
            for handle in batch:
                if handle._cancelled:
                    continue
                try:
                    handle._context.run(handle._callback, *handle._args)
                except (Exception, SystemExit) as error:
                    raised = raised or error
        return raised
