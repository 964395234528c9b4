"""Futures and tasks of the durable loop.

They hash by a serial number, not by address: CPython's ``wait``, ``as_completed`` and
``TaskGroup`` walk sets, and with address hashes the order of completion and cancellation varies
from process to process (measured on 3.11: 6 orders in 10 runs), which breaks replay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context as ContextVars
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from weakref import ref

from restate_reflect.durable.closing import close
from restate_reflect.durable.extending import (
    as_current_task,
    children,
    forget_callbacks,
    forget_waiter,
    has_callbacks,
    is_wait,
    silence,
    silence_task,
    waits_for,
)
from restate_reflect.durable.locations import IS_INTERPRETED, Spot, caller, spot
from restate_reflect.durable.unwinding import group_of, is_unwound
from restate_reflect.engine.notifications import Notification
from restate_reflect.errors import HandlerBugError

if TYPE_CHECKING:
    from restate_reflect.durable.loop import DurableLoop

__all__ = [
    "DurableFuture",
    "DurableTask",
    "LoopFuture",
    "PlainFuture",
    "RunFuture",
    "Waiter",
    "WatchedFuture",
    "discard",
    "durable_future",
    "durable_task",
    "let_go",
    "loop_future",
    "settle",
    "watched_future",
]

T = TypeVar("T")


class Waiter(Protocol):
    """Something a notification can be handed to."""

    def settle(self, notification: Notification) -> None:
        """Takes the result; called at most once."""

    @property
    def is_awaited(self) -> bool:
        """Whether the handler could go on if the result came."""
        ...

    @property
    def is_wanted(self) -> bool:
        """Whether the result can still be taken: false after a local cancellation."""
        ...

    @property
    def awaited_future(self) -> LoopFuture[Any] | None:
        """The future that somebody awaits for this result, if anybody does."""
        ...


class LoopFuture(asyncio.Future[T]):
    """A future of the durable loop that is not bound to the journal (``loop.create_future()``)."""

    __slots__ = ("_serial",)
    _serial: int
    # In every class of which there are futures: a task that goes on asks for it by a new string, for which Python looks
    # into each class's own dict in turn (C's task_wakeup). 1,200 instructions fewer for a call.
    result = asyncio.Future.result

    def __hash__(self) -> int:
        return self._serial

    def fail(self, error: Exception) -> None:
        """Sets the exception, unless the future is done; an unretrieved one is not logged."""
        if not self.done():
            self.set_exception(error)
            silence(self)


class PlainFuture(LoopFuture[T]):
    """One that the handler or a library asked the loop for, to complete it by itself."""

    __slots__ = ("where",)
    where: Spot | None
    """The line of the user's that led to it."""
    result = asyncio.Future.result


class DurableFuture(LoopFuture[T]):
    """A result that comes from the journal. Await it, gather it, race it like any asyncio future."""

    __slots__ = ("_decode", "_label")
    _decode: Callable[[Any], T]
    _label: object
    """For errors, by ``str``: ``run 'charge'``."""
    result = asyncio.Future.result

    @property
    def label(self) -> str:
        """What is awaited, for errors."""
        return str(self._label)

    def settle(self, notification: Notification) -> None:
        settle(self, self._decode, notification, notification)

    def __format__(self, spec: str) -> str:
        """An f-string shows what a value is, and this is none yet: without ``await`` it would be sent or stored."""
        if spec:
            return super().__format__(spec)
        raise HandlerBugError(f"'await' is missing at {caller()}: {self.label} is put into a text before it is there.")

    @property
    def is_awaited(self) -> bool:
        return not self.done() and has_callbacks(self)

    @property
    def is_wanted(self) -> bool:
        return not self.done()

    @property
    def awaited_future(self) -> LoopFuture[Any] | None:
        return self if self.is_awaited else None


def settle(
    future: DurableFuture[Any], decode: Callable[[Any], Any], notification: Notification, result: Notification | bytes
) -> None:
    """Hands a notification to its future; ``decode`` reads the notification itself or a value that was in it."""
    if future.done():
        return
    if notification.failure is not None:
        future.fail(notification.failure)
        return
    try:
        value = decode(result)
    except BaseException as error:
        future.fail(HandlerBugError(f"the result of {future.label} does not fit its declared type: {error}"))
    else:
        future.set_result(value)


class WatchedFuture(DurableFuture[T]):
    """A future that is pointless unless somebody awaits it (run, sleep): remembers whether anybody did."""

    __slots__ = ("observed", "where")
    hint = ""
    """What else there is to do than to await it."""
    is_known = False
    """Whether somebody else may complete it, for reasons of its own."""
    observed: bool
    where: Spot | None
    result = asyncio.Future.result

    def add_done_callback(self, fn: Callable[[Any], object], /, *, context: ContextVars | None = None) -> None:
        self.observed = True
        _add_done_callback(self, fn, context=context)


_new_task: Final = asyncio.Task.__new__
_init_task: Final = asyncio.Task.__init__
_cancel_task: Final = asyncio.Task.cancel
_add_done_callback: Final = asyncio.Future.add_done_callback


class RunFuture(WatchedFuture[T]):
    """The result of a step. Cancelling it (``asyncio.timeout``) cancels a body that is running."""

    __slots__ = ("body",)
    body: asyncio.Future[Any] | None
    """The body while it runs. (A reference to the whole ``Run`` would be a cycle, and keep what it closes over.)"""
    result = asyncio.Future.result

    def settle(self, notification: Notification) -> None:
        settle(self, self._decode, notification, notification.value or b"")

    @property
    def label(self) -> str:
        return f"run {self._label!r}"

    def cancel(self, msg: Any | None = None) -> bool:
        cancelled = super().cancel(msg)
        self.cancel_body()
        return cancelled

    def cancel_body(self) -> None:
        if self.body is not None:
            self.body.cancel()


class DurableTask(asyncio.Task[T]):
    """A task of the durable loop."""

    __slots__ = ("_serial", "_variables", "group", "is_expected", "is_unwound", "where")
    group: ref[asyncio.TaskGroup] | None
    """Of which it is one; only of tasks that somebody waits for by a callback."""
    is_unwound: bool
    """Whether its group has cancelled it for what the group's body raised; only of tasks that were cancelled."""
    _serial: int
    _variables: ContextVars
    """The context that its coroutine runs in. (From 3.12 on ``get_context()`` tells it, too.)"""

    is_expected: bool
    """Whether the handler has waited for it: then it may be left behind, as the loser of a race."""
    where: Spot | None
    """Where it was made; None for the handler's own."""

    def __hash__(self) -> int:
        return self._serial

    def add_done_callback(self, fn: Callable[[Any], object], /, *, context: ContextVars | None = None) -> None:
        if not self.is_expected:
            self.is_expected = is_wait(fn)
            self.group = group_of(fn)
        _add_done_callback(self, fn, context=context)

    def cancel(self, msg: Any | None = None) -> bool:
        self.is_unwound = is_unwound()
        return _cancel_task(self, msg)


def discard(task: asyncio.Task[Any]) -> None:
    """Closes the coroutine of a task that will never run again. Its loop is the running one; never raises."""
    if task.done():
        return
    silence_task(task)
    coroutine = task.get_coro()
    if coroutine is not None:
        with as_current_task(task):
            close(coroutine, task._variables if isinstance(task, DurableTask) else copy_context())


def let_go(task: asyncio.Task[Any]) -> None:
    """Cuts the cycles of a task that never goes on with who waits for it, and with what would wake it."""
    forget_callbacks(task)
    awaited = waits_for(task)
    if awaited is not None:
        _cut(awaited, task)


def _cut(future: asyncio.Future[Any], task: asyncio.Task[Any]) -> None:
    forget_callbacks(future)
    forget_waiter(future, task)
    for child in children(future) or ():  # a gather's are known to wait for it, and for the task, too
        forget_waiter(child, future)
        _cut(child, task)


# ------------------------------------------------------------ making them
#
# By functions, and not by constructors of these classes: Python's way to a constructor of a class whose base is
# asyncio's costs 0.3 µs each time.

F = TypeVar("F", bound=LoopFuture[Any])
W = TypeVar("W", bound=WatchedFuture[Any])

_OWN_FRAMES: Final = 3 if IS_INTERPRETED else 1
"""Between ``watched_future`` and the user's code: itself, ``Operations`` and the context's method."""


def loop_future(cls: type[F], loop: DurableLoop) -> F:
    loop.making = True
    future = cls(loop=loop)
    loop.serial += 1
    future._serial = loop.serial
    return future


def durable_task(
    coro: Coroutine[Any, Any, T], loop: DurableLoop, name: str | None, context: ContextVars | None
) -> DurableTask[T]:
    """``None`` for ``context`` copies the current one."""
    task: DurableTask[T] = _new_task(DurableTask)
    task._variables = copy_context() if context is None else context
    # Task's constructor puts the task into asyncio's process-wide WeakSet, which keeps the hash
    # of that moment. Serials of different loops are equal, and equal hashes made that set a
    # list (285 µs a task with some thousands alive, 3 µs this way).
    task._serial = id(task)
    task.is_expected = False
    task.where = None
    loop.making = True
    loop.making_task = True
    loop.task_count += 1
    _init_task(task, coro, loop=loop, name=name or f"Task-{loop.task_count}", context=task._variables)
    loop.making_task = False
    loop.serial += 1
    task._serial = loop.serial
    loop.tasks.append(task)
    return task


def durable_future(decode: Callable[[Notification], Any], label: object, loop: DurableLoop) -> DurableFuture[Any]:
    """``decode`` reads the notification."""
    future = loop_future(DurableFuture, loop)
    future._decode = decode
    future._label = label
    return future


def watched_future(cls: type[W], decode: Callable[[Any], Any], label: object, loop: DurableLoop) -> W:
    """``decode`` is given the journaled value, if it is a step's."""
    future = loop_future(cls, loop)
    future._decode = decode
    future._label = label
    future.observed = False
    future.where = spot(_OWN_FRAMES)
    return future
