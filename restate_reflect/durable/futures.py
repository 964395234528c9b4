"""Futures and tasks of the durable loop.

They hash by a serial number, not by address: CPython's ``wait``, ``as_completed`` and
``TaskGroup`` walk sets, and with address hashes the order of completion and cancellation varies
from process to process (measured on 3.11: 6 orders in 10 runs), which breaks replay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context as ContextVars
from contextvars import copy_context
from inspect import CO_ITERABLE_COROUTINE, isawaitable
from typing import Any, Protocol, TypeVar
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
from restate_reflect.durable.locations import Spot, caller, outer_frame
from restate_reflect.durable.unwinding import group_of, is_unwound
from restate_reflect.engine.notifications import Notification
from restate_reflect.errors import HandlerBugError

__all__ = [
    "DurableFuture",
    "DurableTask",
    "LoopFuture",
    "PlainFuture",
    "RunFuture",
    "SerialLoop",
    "Waiter",
    "WatchedFuture",
    "discard",
    "let_go",
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


class SerialLoop(asyncio.AbstractEventLoop):
    """What futures and tasks need of their loop."""

    tasks: list[asyncio.Task[Any]]
    """Of the loop, oldest first."""
    serial: int
    """Of the newest task or future of the loop."""
    task_count: int
    unseen: list[WatchedFuture[Any]] | None
    """Results that came while nobody had asked for them yet, oldest first."""
    making: bool
    """Whether the next question for the debug mode comes from one of our own futures."""
    making_task: bool
    """Whether the next callback is a new task's first step."""

    def begin_future(self) -> int:
        """One of our own is about to be made; returns its serial."""
        raise NotImplementedError


class LoopFuture(asyncio.Future[T]):
    """A future of the durable loop that is not bound to the journal (``loop.create_future()``)."""

    __slots__ = ("_serial",)

    def __init__(self, loop: SerialLoop) -> None:
        self._serial = loop.begin_future()
        asyncio.Future.__init__(self, loop=loop)

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

    def __init__(self, loop: SerialLoop, where: Spot | None) -> None:
        """``where``: the line of the user's that led to it."""
        super().__init__(loop)
        self.where = where


class DurableFuture(LoopFuture[T]):
    """A result that comes from the journal. Await it, gather it, race it like any asyncio future."""

    __slots__ = ("_decode", "_label")
    observed = True
    """Whether anybody has asked for the result; where that makes no difference, nothing is remembered."""

    def __init__(self, decode: Callable[[Any], T], label: str, loop: SerialLoop) -> None:
        """``decode`` reads the notification; ``label`` is for errors: ``state 'count'``."""
        LoopFuture.__init__(self, loop)
        self._decode = decode
        self._label = label

    # What is there at once (state) would be taken for its value without a word: true, equal to nothing, empty.

    def __format__(self, spec: str) -> str:
        """An f-string shows what a value is, and this is none yet: without ``await`` it would be sent or stored."""
        if spec:
            return super().__format__(spec)
        raise self._unawaited("is put into a text before it is there.")

    def __str__(self) -> str:
        raise self._unawaited("is put into a text before it is there. (Its repr() is always there.)")

    def __bool__(self) -> bool:
        raise self._unawaited(
            "is asked whether it is true before it is there. (Whether there is a future tells 'is not None'.)"
        )

    def __eq__(self, other: object) -> bool:
        if self is other or isawaitable(other):
            return self is other
        raise self._unawaited("is compared before it is there.")

    __hash__ = LoopFuture.__hash__

    def __contains__(self, item: object) -> bool:
        raise self._unawaited("is searched before it is there.")

    def __iter__(self) -> Generator[Any, None, T]:
        if outer_frame().f_code.co_flags & CO_ITERABLE_COROUTINE:  # yield from, in types.coroutine
            return self.__await__()
        raise self._unawaited("is looped over before it is there.")

    def _unawaited(self, what: str) -> HandlerBugError:
        return HandlerBugError(f"'await' is missing at {caller()}: {self.label} {what}")

    @property
    def label(self) -> str:
        """What is awaited, for errors."""
        return self._label

    def settle(self, notification: Notification) -> None:
        self._settle(notification, notification)

    def _settle(self, notification: Notification, result: Notification | bytes) -> None:
        """``result`` is what the decoder reads."""
        if self.done():
            return
        if not self.observed:
            self._note_unseen()
        if notification.failure is not None:
            self.fail(notification.failure)
            return
        try:
            value = self._decode(result)
        except BaseException as error:
            self.fail(HandlerBugError(f"the result of {self.label} does not fit its declared type: {error}"))
        else:
            self.set_result(value)

    def _note_unseen(self) -> None:
        """The result comes before anybody has asked for it."""

    @property
    def is_awaited(self) -> bool:
        return not self.done() and has_callbacks(self)

    @property
    def is_wanted(self) -> bool:
        return not self.done()

    @property
    def awaited_future(self) -> LoopFuture[Any] | None:
        return self if self.is_awaited else None


class WatchedFuture(DurableFuture[T]):
    """A future that is pointless unless somebody awaits it (run, sleep): remembers whether anybody did."""

    __slots__ = ("observed", "where")
    hint = ""
    """What else there is to do than to await it."""
    is_known = False
    """Whether somebody else may complete it, for reasons of its own."""

    def __init__(self, decode: Callable[[Any], T], label: str, loop: SerialLoop, where: Spot | None) -> None:
        """``where``: the user's line that asked for it."""
        LoopFuture.__init__(self, loop)  # and not DurableFuture's, which costs a call more for each step and call
        self._decode = decode
        self._label = label
        self.observed = False
        self.where = where

    def _note_unseen(self) -> None:
        loop: Any = self.get_loop()
        if loop.unseen is None:
            loop.unseen = []
        loop.unseen.append(self)

    # Whoever looks at a result that is there already asks for no callback.

    def __await__(self) -> Generator[Any, None, T]:
        self.observed = True
        return asyncio.Future.__await__(self)

    def result(self) -> T:
        self.observed = True
        return asyncio.Future.result(self)

    def exception(self) -> BaseException | None:
        self.observed = True
        return asyncio.Future.exception(self)

    def add_done_callback(self, fn: Callable[[Any], object], /, *, context: ContextVars | None = None) -> None:
        self.observed = True
        asyncio.Future.add_done_callback(self, fn, context=context)


class RunFuture(WatchedFuture[T]):
    """The result of a step. Cancelling it (``asyncio.timeout``) cancels a body that is running."""

    __slots__ = ("body",)

    def __init__(self, decode: Callable[[bytes], T], name: str, loop: SerialLoop, where: Spot | None) -> None:
        """``decode`` reads the journaled value."""
        WatchedFuture.__init__(self, decode, name, loop, where)
        self.body: asyncio.Future[Any] | None = None
        """The body while it runs. (A reference to the whole ``Run`` would be a cycle, and keep what it closes over.)"""

    def settle(self, notification: Notification) -> None:
        self._settle(notification, notification.value or b"")

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

    def __init__(
        self,
        coro: Coroutine[Any, Any, T],
        loop: SerialLoop,
        name: str | None = None,
        context: ContextVars | None = None,
        where: Spot | None = None,
    ) -> None:
        """Args:
        context: ``None`` copies the current one.
        where: Where it was made; ``None`` for the handler's own.
        """
        self._variables = copy_context() if context is None else context
        """The context that its coroutine runs in. (From 3.12 on ``get_context()`` tells it, too.)"""
        # Task's constructor puts the task into asyncio's process-wide WeakSet, which keeps the hash
        # of that moment. Serials of different loops are equal, and equal hashes made that set a
        # list (285 µs a task with some thousands alive, 3 µs this way).
        self._serial = id(self)
        self.is_expected = False
        """Whether the handler has waited for it: then it may be left behind, as the loser of a race."""
        self.group: ref[asyncio.TaskGroup] | None = None
        """Of which it is one."""
        self.is_unwound = False
        """Whether its group has cancelled it for what the group's body raised."""
        self.where = where
        loop.making = loop.making_task = True
        loop.task_count += 1
        super().__init__(coro, loop=loop, name=name or f"Task-{loop.task_count}", context=self._variables)
        loop.making_task = False
        loop.serial += 1
        self._serial = loop.serial
        loop.tasks.append(self)

    def __hash__(self) -> int:
        return self._serial

    def add_done_callback(self, fn: Callable[[Any], object], /, *, context: ContextVars | None = None) -> None:
        if not self.is_expected:
            self.is_expected = is_wait(fn)
            self.group = group_of(fn)
        super().add_done_callback(fn, context=context)

    def cancel(self, msg: Any | None = None) -> bool:
        self.is_unwound = is_unwound()
        return super().cancel(msg)


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
