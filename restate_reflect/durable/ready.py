"""The ready queue of a durable loop: first in, first out. Compiled, which the loop that is based on it is not."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, Final, Protocol

from restate_reflect.durable.extending import enter, leave
from restate_reflect.durable.futures import Waiter, WatchedFuture
from restate_reflect.durable.generators import ensure_hooks
from restate_reflect.errors import AttemptClosedError, HandlerBugError

if TYPE_CHECKING:
    import asyncio

__all__ = ["Owner", "ReadyHandle", "ReadyQueue"]

MAX_CALLBACKS: Final = 1_000_000
"""Callbacks in a row before a handler counts as spinning (``while not done: await asyncio.sleep(0)``): no result is
handed out before it waits, so it would spin for ever and block the process. Takes about a second."""


class Owner(Protocol):
    """The attempt that a loop belongs to."""

    @property
    def context(self) -> Any:
        """The handler's; None before and after."""

    def start_timer(self, timer: Waiter, delay: float) -> None:
        """Journals the timer (``delay`` in seconds) and remembers to settle it."""

    def cancel_invocation(self, invocation_id: str) -> None:
        """Asks an invocation to cancel itself."""

    def refuse(self, error: HandlerBugError, stacktrace: str) -> None:
        """Ends the attempt with it, whatever the handler catches."""

    def wake(self) -> None:
        """Called by another thread: the attempt looks at its loop, soon."""


class _Ended:
    """Owns the loop of an attempt that has ended."""

    context = None

    def start_timer(self, timer: Waiter, delay: float) -> None:
        raise AttemptClosedError("this attempt has ended; no timer can be set any more")

    def cancel_invocation(self, invocation_id: str) -> None:
        raise AttemptClosedError("this attempt has ended; its calls can't be cancelled any more")

    def refuse(self, error: HandlerBugError, stacktrace: str) -> None:
        """It has ended."""

    def wake(self) -> None:
        """It has ended."""


class _Ending(_Ended):
    """Owns a loop whose coroutines are being closed: one that waits again is to be closed again."""

    def start_timer(self, timer: Waiter, delay: float) -> None:
        """It never fires."""


_ENDED: Final = _Ended()
_ENDING: Final = _Ending()


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
        "unseen",
    )

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.turning = 0
        """The thread in which the attempt goes on just now; 0 while it does not."""
        self.handles: list[ReadyHandle] = []
        self.due: list[Any] | None = None
        """Timers of no or a negative delay, which need no notification, in the order in which they fire."""
        self.timers: dict[int, list[Any]] | None = None
        """Those that wait for a notification, as heaps, by epoch."""
        self.limit = MAX_CALLBACKS
        """Callbacks in a row after which a turn stops, about."""
        self.broken: BaseException | None = None
        """An exception that a bare callback raised; ends the attempt."""
        self.arrivals = 0
        """Notifications so far that are no timer's."""
        # As SerialLoop says; here, as this class is compiled.
        self.tasks: list[asyncio.Task[Any]] = []
        self.serial = self.task_count = 0
        self.making = self.making_task = False
        self.unseen: list[WatchedFuture[Any]] | None = None
        self.has_others = False
        """Whether something was made for this loop without asking it, perhaps a task."""

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> ReadyHandle:
        if self.turning != get_ident():
            self.refuse_foreign(callback)
        if not args and not self.making_task:
            self.look_at_step(callback)
        handle = ReadyHandle(callback, args, context if context is not None else contextvars.copy_context())
        self.handles.append(handle)
        return handle

    def begin_future(self) -> int:
        self.making = True
        self.serial += 1
        return self.serial

    def get_debug(self) -> bool:
        """Every new future asks for it, a gather's too.

        Our own futures say that they are none: looking at a frame is an audit event, which costs 0.4 to 1.7 µs once
        the guard's hook is installed.
        """
        if self.making:
            self.making = False
        else:
            self.look_at_maker()
        return False

    def look_at_maker(self) -> None:
        """The nearest frame outside makes a future which is none of our own."""
        raise NotImplementedError

    def refuse_foreign(self, callback: Callable[..., object]) -> None:
        """Something that does not run on this loop completes something of it."""
        raise NotImplementedError

    def look_at_step(self, callback: Callable[..., object]) -> None:
        """What a task does next: by that asyncio tells of futures that belong to another loop."""
        raise NotImplementedError

    def interrupt(self, raised: BaseException | None) -> None:
        """The queue came to no good end: a bare callback raised, or the handler spins."""
        raise NotImplementedError

    def has_ended(self) -> bool:
        """Whether the attempt has."""
        return isinstance(self.owner, _Ended)

    def discard(self) -> None:
        """Closes every coroutine that is still waiting; the attempt has ended.

        Their ``finally`` blocks run, and context calls made there raise. The loop counts as
        running meanwhile, as such blocks may look at it.
        """
        if self.has_others or not self.are_tasks_done():
            self.owner = _ENDING
            self.turning = get_ident()
            self.close_coroutines()
            self.turning = 0
        self.tasks, self.handles = [], []
        self.due = self.timers = self.unseen = None
        self.owner = _ENDED

    def are_tasks_done(self) -> bool:
        for task in self.tasks:  # noqa: SIM110  of each invocation; a generator would double its price
            if not task.done():
                return False
        return True

    def close_coroutines(self) -> None:
        """Closes those that wait, though none of them is known to."""
        raise NotImplementedError

    def run_until_idle(self) -> None:
        """Calls everything that is ready, and what becomes ready by it. This is the running loop meanwhile."""
        ensure_hooks(type(self))
        outer = enter(self)  # type: ignore[arg-type]  # DurableLoop, which is based on this, is one
        try:
            raised = self._run(self.limit)
        finally:
            leave(outer)
        if raised is not None or self.handles:
            self.interrupt(raised)

    def _run(self, limit: int) -> BaseException | None:
        """Returns what was raised first."""
        raised: BaseException | None = None
        while (self.handles or self.due) and limit > 0:
            if self.due:
                self.handles += self.due
                self.due = None
            batch, self.handles = self.handles, []
            limit -= len(batch)
            for handle in batch:
                if handle._cancelled:
                    continue
                try:
                    handle._context.run(handle._callback, *handle._args)
                except BaseException as error:
                    raised = raised or error
        return raised
