"""The ready queue of a durable loop: first in, first out. Compiled, which the loop that is based on it is not."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, Protocol

from restate_reflect.durable.extending import enter, leave
from restate_reflect.durable.generators import Finalizer, ensure_hooks
from restate_reflect.durable.locations import IS_INTERPRETED
from restate_reflect.errors import AttemptClosedError, HandlerBugError

if TYPE_CHECKING:
    import asyncio
    from types import FrameType

    from restate_reflect.durable.loop import Timer

__all__ = ["Owner", "ReadyHandle", "ReadyQueue"]

MAX_CALLBACKS: Final = 1_000_000
"""Callbacks in a row before a handler counts as spinning (``while not done: await asyncio.sleep(0)``): no result is
handed out before it waits, so it would spin for ever and block the process. Takes about a second."""

_get_hooks: Final = sys.get_asyncgen_hooks


class Owner(Protocol):
    """The attempt that a loop belongs to."""

    @property
    def context(self) -> Any:
        """The handler's; None before and after."""

    def start_timer(self, timer: Timer, delay: float) -> None:
        """Journals the timer (``delay`` in seconds) and remembers to settle it."""

    def refuse(self, error: HandlerBugError, stacktrace: str) -> None:
        """Ends the attempt with it, whatever the handler catches."""

    def wake(self) -> None:
        """Called by another thread: the attempt looks at its loop, soon."""


class _Ended:
    """Owns the loop of an attempt that has ended."""

    context = None

    def start_timer(self, timer: Timer, delay: float) -> None:
        raise AttemptClosedError("this attempt has ended; no timer can be set any more")

    def refuse(self, error: HandlerBugError, stacktrace: str) -> None:
        """It has ended."""

    def wake(self) -> None:
        """It has ended."""


_ENDED: Final = _Ended()


class _Ending(_Ended):
    """Owns a loop whose coroutines are being closed: one that waits again is to be closed again."""

    def start_timer(self, timer: Timer, delay: float) -> None:
        """It never fires."""


_ENDING: Final = _Ending()


class ReadyHandle:
    """An ``asyncio.Handle`` with nothing but the necessary (0.2 µs instead of 0.9 µs to make)."""

    __slots__ = ("_args", "_callback", "_cancelled", "_context")

    _callback: Callable[..., object]
    _args: tuple[Any, ...]
    _context: contextvars.Context
    _cancelled: bool

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled


def _made(callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context) -> ReadyHandle:
    """For compiled code a third of what a constructor takes."""
    handle = ReadyHandle.__new__(ReadyHandle)
    handle._callback = callback
    handle._args = args
    handle._context = context
    handle._cancelled = False
    return handle


class ReadyQueue:
    """What is to be called, in its order."""

    __slots__ = (
        "arrivals",
        "broken",
        "due",
        "handles",
        "has_others",
        "limit",
        "making",
        "making_task",
        "owner",
        "serial",
        "task_count",
        "tasks",
        "timers",
        "turning",
    )

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.turning = 0
        """The thread in which the attempt goes on just now; 0 while it does not."""
        self.handles: list[ReadyHandle] = []
        self.tasks: list[asyncio.Task[Any]] = []
        """Of the loop, oldest first; now and then those that are done are forgotten."""
        self.limit = MAX_CALLBACKS
        """Callbacks in a row after which a turn stops, about."""
        self.broken: BaseException | None = None
        """An exception that a bare callback raised; ends the attempt."""
        self.serial = 0
        """Of the newest task or future of the loop; here, and not there, as this class is compiled."""
        self.task_count = 0
        self.arrivals = 0
        """Notifications so far that are no timer's."""
        self.due: list[Timer] | None = None
        """Timers of no or a negative delay, which need no notification."""
        self.timers: dict[int, list[Timer]] | None = None
        """Those that wait for one, as heaps, by epoch."""
        self.has_others = False
        """Whether something was made for this loop without asking it, perhaps a task."""
        self.making_task = False
        """Whether the next callback is a new task's first step."""
        self.making = False
        """Whether the next question for the debug mode comes from one of our own futures."""

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> ReadyHandle:
        if self.turning != get_ident():
            self.refuse_foreign(callback)
        if not args and not self.making_task:
            self.look_at_step(callback)
        handle = _made(callback, args, context if context is not None else contextvars.copy_context())
        self.handles.append(handle)
        return handle

    def refuse_foreign(self, callback: Callable[..., object]) -> None:
        """Something that does not run on this loop completes something of it."""
        raise NotImplementedError

    def look_at_step(self, callback: Callable[..., object]) -> None:
        """What a task does next: by that asyncio tells of futures that belong to another loop."""
        raise NotImplementedError

    def get_debug(self) -> bool:
        """Every new future asks for it, a gather's too.

        Our own futures say that they are none: looking at a frame is an audit event, which costs 0.4 to 1.7 µs once
        the guard's hook is installed.
        """
        if self.making:
            self.making = False
        else:
            self.look_at_maker(sys._getframe(IS_INTERPRETED))
        return False

    def look_at_maker(self, frame: FrameType) -> None:
        """A frame that makes a future which is none of our own."""
        raise NotImplementedError

    def is_through(self) -> bool:
        """Whether there is nothing but the handler's own task, and that is done: the usual end."""
        return len(self.tasks) == 1 and self.tasks[0].done() and not self.has_others

    def is_broken(self) -> bool:
        """Whether the attempt is to end with ``broken``."""
        return self.broken is not None

    def has_ended(self) -> bool:
        """Whether the attempt has."""
        return isinstance(self.owner, _Ended)

    def clear(self) -> None:
        """The attempt has ended, and all coroutines have."""
        self.tasks, self.handles = [], []
        self.due = self.timers = None
        self.owner = _ENDED

    def begin_to_end(self) -> None:
        """The attempt has ended, and its coroutines are about to be closed."""
        self.owner = _ENDING

    def take_turn(self) -> BaseException | None:
        """Calls everything, and what is added meanwhile, up to the limit; returns what was raised first.

        This is the running loop meanwhile.
        """
        if type(_get_hooks().finalizer) is not Finalizer:
            ensure_hooks(type(self))
        outer = enter(self)  # type: ignore[arg-type]  # DurableLoop, which is based on this, is one
        try:
            return self._run(self.limit)
        finally:
            leave(outer)

    def run(self) -> BaseException | None:
        """``take_turn``, for code that is not compiled."""
        return self.take_turn()

    def forget_all(self) -> None:
        """``clear``, for code that is not compiled."""
        self.clear()

    def _run(self, limit: int) -> BaseException | None:
        raised: BaseException | None = None
        while (self.handles or self.due) and limit > 0:
            if self.due:
                self.handles += sorted(self.due)
                self.due = None
            batch, self.handles = self.handles, []
            limit -= len(batch)
            for handle in batch:
                if handle._cancelled:
                    continue
                try:
                    args = handle._args
                    if not args:  # a task's first step
                        handle._context.run(handle._callback)
                    elif len(args) == 1:  # one that goes on with a result; 600 instructions fewer than by *args
                        handle._context.run(handle._callback, args[0])
                    else:
                        handle._context.run(handle._callback, *args)
                except BaseException as error:
                    raised = raised or error
        return raised
