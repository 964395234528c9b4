"""Whether tasks of a handler are being cancelled because of an error that is not terminal: the attempt will be tried
again, and what unwinds must issue no commands."""

from __future__ import annotations

import asyncio
import asyncio.taskgroups
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final
from weakref import ref

from restate_reflect.durable.extending import running_loop
from restate_reflect.durable.locations import outer_frame
from restate_reflect.errors import TerminalError

__all__ = ["group_of", "is_retried", "is_unwound"]


def group_of(callback: Callable[..., object]) -> ref[asyncio.TaskGroup] | None:
    """The group that asks a task to be told of its end, as it does of each of its own."""
    owner = getattr(callback, "__self__", None)
    return ref(owner) if isinstance(owner, asyncio.TaskGroup) else None


def is_unwound() -> bool:
    """To be called by a task's ``cancel``: whether a ``TaskGroup`` does it because its body has raised what is not
    terminal."""
    return outer_frame().f_code.co_filename == _TASK_GROUPS and _is_passing(sys.exc_info()[1])


_TASK_GROUPS: Final = asyncio.taskgroups.__file__


def is_retried() -> bool:
    """Whether, in the handler that runs, a ``TaskGroup`` is ending its tasks for an error that is not terminal.

    Its body has failed, or one of its own while others go on: a group that is through has none that does.
    """
    tasks: Iterable[asyncio.Task[Any]] = getattr(running_loop(), "tasks", ())
    going_on = [task for task in tasks if not task.done()]
    if any(getattr(task, "is_unwound", False) for task in going_on):
        return True
    failed = [group for task in tasks if _has_failed(task) and (group := _group(task)) is not None]
    return bool(failed) and any(_group(task) is group for task in going_on for group in failed)


def _group(task: object) -> asyncio.TaskGroup | None:
    group: ref[asyncio.TaskGroup] | None = getattr(task, "group", None)
    return None if group is None else group()


def _has_failed(task: asyncio.Task[Any]) -> bool:
    # Who looks at an exception makes asyncio forget that nobody did; a group has looked at those of its own.
    return _group(task) is not None and task.done() and not task.cancelled() and _is_passing(task.exception())


def _is_passing(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_passing(each) for each in error.exceptions)
    return error is not None and not isinstance(error, (asyncio.CancelledError, TerminalError))
