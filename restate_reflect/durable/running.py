"""Which loop is the running one of this thread.

CPython 3.11 asks the operating system for the number of the process whenever the running loop is set or asked for, so
that a forked child does not take its parent's loop for its own. That system call takes 240 ns on a virtual machine, and
a turn of a handler needed four: 7 % of a call to another handler, and 4 % of an invocation that has one turn. Compiled
code reads and sets the loop where C keeps it, if that looks as expected, and learns of a fork when it happens.
"""

from __future__ import annotations

import os
import sys
from asyncio.events import _get_running_loop, _set_running_loop
from typing import Any, Final

from restate_reflect.durable.locations import IS_INTERPRETED

__all__ = ["exchange", "running_loop"]

_PLACE: Final = "__asyncio_running_event_loop__"
"""In the thread's dict; what is there holds the loop, and the process that has set it."""

_holder_type: Any = None
"""None while it is not known, so that asyncio is asked."""
_process = 0


def running_loop() -> Any:
    """As ``asyncio._get_running_loop``: None if there is none."""
    holder = None if _holder_type is None else _holder()
    return _get_running_loop() if holder is None else loop_in(holder)  # type: ignore[name-defined]  # noqa: F821


def exchange(loop: Any) -> Any:
    """Makes this the running loop and returns the one that was: None, here as there, is none."""
    holder = None if _holder_type is None else _holder()
    if holder is not None:
        return exchanged(holder, loop)  # type: ignore[name-defined]  # noqa: F821
    outer = _get_running_loop()
    _set_running_loop(loop)
    return outer


def _holder() -> Any:
    """What holds the running loop; None if there is no such loop, or if asyncio must be asked."""
    found = thread_dict().get(_PLACE)  # type: ignore[name-defined]  # noqa: F821
    if type(found) is not _holder_type or process_in(found) != _process or loop_in(found) is None:  # type: ignore[name-defined]  # noqa: F821
        return None
    return found


def _learn() -> None:
    """Looks whether asyncio keeps the loop as 3.11.0 to 3.11.15 do."""
    global _holder_type
    probe = object()
    outer = _get_running_loop()
    _set_running_loop(probe)  # type: ignore[arg-type]
    try:
        found = thread_dict().get(_PLACE)  # type: ignore[name-defined]  # noqa: F821
        if type(found).__name__ == "_RunningLoopHolder" and is_running(found, probe, _process):  # type: ignore[name-defined]  # noqa: F821
            _holder_type = type(found)
    finally:
        _set_running_loop(outer)


def _note_process() -> None:
    global _process
    _process = os.getpid()


if not IS_INTERPRETED and sys.version_info < (3, 12) and hasattr(os, "fork"):
    _note_process()
    os.register_at_fork(after_in_child=_note_process)
    _learn()
