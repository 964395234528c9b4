"""What asyncio offers to those who write an event loop of their own; all of it that this package uses is named here.

Python documents these names for implementers ("Extending asyncio", and the docstrings of ``asyncio.events``), or shows
them in what it prints of tasks and futures; none is for applications. ``tests/durable/test_extending.py`` tries each
on the Python that runs it.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import AbstractEventLoop, Future, Queue, Task, current_task, events, futures, tasks
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from gc import get_referents
from types import CodeType
from typing import Any, Final, TypeAlias

__all__ = [
    "AS_COMPLETED",
    "END_OF_SLEEP",
    "ENSURE_FUTURE",
    "HAS_EAGER_TASKS",
    "LOOK_AT_LOOP",
    "WAIT",
    "WRAP_FUTURE",
    "GatheringFuture",
    "Outer",
    "as_current_task",
    "children",
    "enter",
    "forget_callbacks",
    "forget_waiter",
    "has_callbacks",
    "has_one_callback",
    "is_lost",
    "is_wait",
    "leave",
    "raised_by",
    "running_loop",
    "silence",
    "silence_task",
    "waits_for",
]

HAS_EAGER_TASKS: Final = sys.version_info >= (3, 12)

Outer: TypeAlias = "AbstractEventLoop | tuple[AbstractEventLoop | None, Task[Any] | None] | None"
"""The loop, and from 3.14 on the task, inside which another loop runs for a while."""

running_loop: Final[Callable[[], AbstractEventLoop | None]] = events._get_running_loop
"""As ``asyncio.get_running_loop``, with None if there is none."""

_set_running_loop: Final = events._set_running_loop
_enter_task: Final = tasks._enter_task
_leave_task: Final = tasks._leave_task


def _enter_with_task(loop: AbstractEventLoop) -> Outer:
    outer = running_loop()
    task = None if outer is None else current_task(outer)
    if outer is not None and task is not None:
        _leave_task(outer, task)
    _set_running_loop(loop)
    return outer, task


def _leave_with_task(left: Any) -> None:
    outer, task = left
    _set_running_loop(outer)
    if outer is not None and task is not None:
        _enter_task(outer, task)


def _enter(loop: AbstractEventLoop) -> Outer:
    outer = running_loop()
    _set_running_loop(loop)
    return outer


# From 3.14 on a thread has one current task, before that each loop had one.
_HAS_TASK_PER_THREAD: Final = sys.version_info >= (3, 14)
enter: Final[Callable[[AbstractEventLoop], Outer]] = _enter_with_task if _HAS_TASK_PER_THREAD else _enter
"""Makes this the running loop, in which no task runs yet; returns what ``leave`` needs."""
leave: Final[Callable[[Any], None]] = _leave_with_task if _HAS_TASK_PER_THREAD else _set_running_loop
"""Goes back to where ``enter`` was called."""


@contextmanager
def as_current_task(task: Task[Any]) -> Generator[None]:
    """Lets code of the task run outside of its steps. Its loop is the running one, and no task is the current one."""
    loop = task.get_loop()
    _enter_task(loop, task)
    try:
        yield
    finally:
        _leave_task(loop, task)


# ------------------------------------------------------------ tasks and futures


def waits_for(task: Task[Any]) -> Future[Any] | None:
    """The future that a task awaits; None if it is ready to go on, or done."""
    return getattr(task, "_fut_waiter", None)


def forget_callbacks(future: Future[Any]) -> None:
    """Nobody is told of its end."""
    for callback, _ in list(future._callbacks or ()):
        future.remove_done_callback(callback)


def forget_waiter(future: Future[Any], waiter: Future[Any]) -> None:
    """The waiter (a task, a gather) will never go on: from 3.14 on what it awaits knows it, for ``asyncio ps``."""
    if _discard_from_awaited_by is not None:
        _discard_from_awaited_by(future, waiter)


_discard_from_awaited_by: Final[Callable[[Any, Any], None] | None] = getattr(
    asyncio, "future_discard_from_awaited_by", None
)


def has_callbacks(future: Future[Any]) -> bool:
    """Whether anybody wants to know of its end."""
    return bool(future._callbacks)


def has_one_callback(future: Future[Any]) -> bool:
    """Whether exactly one does."""
    return len(future._callbacks or ()) == 1


def is_lost(future: Future[Any]) -> bool:
    """Whether it has failed, and nobody has looked at its exception."""
    return future._log_traceback


def silence(future: Future[Any]) -> None:
    """Its exception is no loss, if nobody looks at it."""
    future._log_traceback = False


def silence_task(task: Task[Any]) -> None:
    """It is no loss if it never ends."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def raised_by(step: object) -> object:
    """Given what a task asks its loop to call next: the exception that will be raised in its coroutine, if any."""
    if type(step).__name__ != "TaskStepMethWrapper":
        return None
    return next((each for each in get_referents(step) if isinstance(each, BaseException)), None)


def is_wait(callback: object) -> bool:
    """Whether it is how somebody waits for a future: a task, or what asyncio is made of (queues: our combinators)."""
    owner = getattr(callback, "__self__", None)
    return isinstance(owner, Task | Queue) or str(getattr(callback, "__module__", "")).startswith("asyncio.")


# ------------------------------------------------------------ what the standard combinators are made of

GatheringFuture: Final[type[Any]] = tasks._GatheringFuture  # type: ignore[attr-defined]
"""What ``asyncio.gather`` returns."""

END_OF_SLEEP: Final[Callable[..., object]] = futures._set_result_unless_cancelled  # type: ignore[attr-defined]
"""The callback with which ``asyncio.sleep`` ends."""


def children(future: object) -> Sequence[Future[Any]] | None:
    """The futures of a ``gather``; None for anything else."""
    return getattr(future, "_children", None)


LOOK_AT_LOOP: Final[CodeType] = asyncio.Event._get_loop.__code__  # type: ignore[attr-defined]
"""With that locks, events and queues compare the running loop with their own; raises RuntimeError."""

WAIT: Final[CodeType] = asyncio.wait.__code__
WRAP_FUTURE: Final[CodeType] = asyncio.wrap_future.__code__
ENSURE_FUTURE: Final[CodeType] = getattr(tasks, "_ensure_future", asyncio.ensure_future).__code__
# Up to 3.12 a generator function; from 3.13 on a function that makes an iterator object.
_ITERATOR: Final = getattr(tasks, "_AsCompletedIterator", None)
AS_COMPLETED: Final[frozenset[CodeType]] = frozenset(
    (asyncio.as_completed.__code__, *([_ITERATOR.__init__.__code__] if _ITERATOR else ()))
)
