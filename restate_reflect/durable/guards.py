"""Notices I/O in handler code: it would not be replayed.

An audit hook (PEP 578) sees sockets, files and subprocesses; a context variable tells whether
the code that opens them is a handler or the body of a ``ctx.run``. Costs about 0.1 µs per audit
event once installed; nothing is installed while the guard is off.
"""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from typing import Any, Final

from restate_reflect.durable import answers
from restate_reflect.durable.extending import running_loop
from restate_reflect.durable.locations import caller, library_call, user_opened
from restate_reflect.errors import HandlerBugError

__all__ = ["Guard", "GuardWarning", "current_guard", "enter_handler", "install", "outside_handler", "unguarded"]


class Guard(Enum):
    """What happens when handler code does I/O outside of ``ctx.run``."""

    OFF = "off"
    WARN = "warn"
    FAIL = "fail"


class GuardWarning(UserWarning):
    """Handler code did I/O that will not be replayed."""


_current: ContextVar[Guard] = ContextVar("restate_reflect_guard", default=Guard.OFF)
_installed = threading.Lock()

_WATCHED: Final = {
    "open": "a file",
    "socket.connect": "a network connection",
    "socket.bind": "a socket",
    "socket.sendto": "a socket",
    "socket.getaddrinfo": "a name look-up",
    "subprocess.Popen": "a subprocess",
    "os.system": "a subprocess",
    "os.exec": "a subprocess",
    "os.posix_spawn": "a subprocess",
    "urllib.Request": "an HTTP request",
}


def enter_handler(guard: Guard) -> None:
    """Marks the current context as handler code."""
    if guard is not Guard.OFF:
        install()
    _current.set(guard)


def current_guard() -> Guard:
    """Of the code that runs now; OFF outside of handlers."""
    return _current.get()


def outside_handler() -> None:
    """Marks the current context as free to do I/O (bodies of ``ctx.run``)."""
    _current.set(Guard.OFF)
    answers.leave()


@contextmanager
def unguarded() -> Generator[None]:
    """Lets handler code do I/O that need not be journaled, such as reading a template file.

    What is read must not influence the steps the handler takes.
    """
    token = _current.set(Guard.OFF)
    try:
        yield
    finally:
        _current.reset(token)


def install() -> None:
    """Adds the audit hook, once per process (hooks can't be removed)."""
    if _installed.acquire(blocking=False):
        sys.addaudithook(_hook)


def _hook(
    event: str, args: tuple[Any, ...], watched: Mapping[str, str] = _WATCHED, current: ContextVar[Guard] = _current
) -> None:
    """Called until the interpreter has ended, when this module's own names are gone."""
    thing = watched.get(event)
    if thing is None:
        return
    guard = current.get()
    if guard is Guard.OFF or (event == "open" and not user_opened(args)):
        return
    token = _current.set(Guard.OFF)
    try:
        _report(guard, thing, args)
    finally:
        _current.reset(token)


IN_A_STEP: Final = (
    'Put it into a step: await ctx.run("name", function, …), or say that it need not be replayed:'
    " with ctx.unguarded(): …"
)


def _report(guard: Guard, thing: str, args: tuple[Any, ...]) -> None:
    called = library_call(sys._getframe())
    what = f"opens {thing} ({_first(args)})"
    said = f"{what} at {caller()}:" if called is None else f"calls {called[0]} at {called[1]}, which {what}:"
    message = f"handler code {said} this is not journaled and happens again on every replay. {IN_A_STEP}"
    if guard is Guard.FAIL:
        error, refuse = HandlerBugError(message), getattr(running_loop(), "refuse", None)
        if refuse is not None:
            refuse(error)  # ends the attempt, and raises
        raise error
    warnings.warn(GuardWarning(message), stacklevel=4)


def _first(args: tuple[Any, ...]) -> str:
    return repr(args[0])[:80] if args else "?"
