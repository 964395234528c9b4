"""The ready queue of a durable loop: first in, first out."""

from __future__ import annotations

import contextvars
import sys
from asyncio.events import AbstractEventLoop, _get_running_loop, _set_running_loop
from collections.abc import Callable
from typing import Any, Final

from restate_reflect.durable.gathering import order_gather
from restate_reflect.durable.generators import Finalizer, ensure_hooks
from restate_reflect.durable.locations import IS_INTERPRETED

__all__ = ["ReadyHandle", "ReadyQueue"]

_get_hooks: Final = sys.get_asyncgen_hooks


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

    __slots__ = ("handles", "making")

    def __init__(self) -> None:
        self.handles: list[ReadyHandle] = []
        self.making = False
        """Whether the next question for the debug mode comes from one of our own futures."""

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> ReadyHandle:
        """The loop's method of this name."""
        handle = ReadyHandle(callback, args, context if context is not None else contextvars.copy_context())
        self.handles.append(handle)
        return handle

    def get_debug(self) -> bool:
        """The loop's method of this name: every new future asks for it, a gather's too.

        Our own futures say that they are none: looking at a frame is an audit event, which costs 0.4 to 1.7 µs once
        the guard's hook is installed.
        """
        if self.making:
            self.making = False
        else:
            order_gather(sys._getframe(IS_INTERPRETED))
        return False

    def run(self, loop: AbstractEventLoop, limit: int) -> BaseException | None:
        """Calls everything, and what is added meanwhile, until about ``limit`` calls; returns what was raised first.

        ``loop`` is the running one meanwhile.
        """
        if type(_get_hooks().finalizer) is not Finalizer:
            ensure_hooks(type(loop))
        outer = _get_running_loop()
        _set_running_loop(loop)
        try:
            return self._run(limit)
        finally:
            _set_running_loop(outer)

    def _run(self, limit: int) -> BaseException | None:
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
