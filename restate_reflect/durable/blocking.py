"""Tells while an event loop is blocked: by whom, and at which line it stands.

A handler that waits without ``await`` stops every other invocation of its process. Nothing on the loop can tell that,
so a thread asks the loop for an answer now and then, and looks at the stack of the loop's thread if none comes.
"""

from __future__ import annotations

import asyncio
import linecache
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from restate_reflect.durable.locations import Spot, is_own_file

if TYPE_CHECKING:
    from restate_reflect.durable.attempt import Attempt

__all__ = ["BlockedLoopWarning", "is_in_debugger", "watching_for_blocks"]

_PAUSE: Final = 0.2
"""Seconds between an answer and the next question, which costs the loop one turn."""
_DEBUGGERS: Final = ("bdb.py", "pdb.py")
_DEBUGGER_PACKAGES: Final = ("pydevd", "_pydevd_bundle", "debugpy")


class BlockedLoopWarning(UserWarning):
    """A handler has blocked the event loop."""


@contextmanager
def watching_for_blocks(
    threshold: float,
    attempts: Iterable[Attempt],
    tell: Callable[[str], object],
    *,
    on_debugging: Callable[[bool], object] = bool,
) -> Iterator[None]:
    """Calls ``tell``, in a thread, once for each time that the running loop gives no answer for so many seconds.

    Args:
        threshold: Seconds.
        attempts: Those in progress on this loop.
        tell: Given a sentence; where no code of the user's stands, nothing is told.
        on_debugging: Told, in that thread, when a debugger is seen to hold the loop, and when it has let go.
    """
    watch = _Watch(asyncio.get_running_loop(), threshold, attempts, tell, on_debugging)
    threading.Thread(target=watch.run, name="restate-reflect-blocks", daemon=True).start()
    try:
        yield
    finally:
        watch.stopped.set()  # it may be waiting for the loop, so the loop does not wait for it


class _Watch:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        threshold: float,
        attempts: Iterable[Attempt],
        tell: Callable[[str], object],
        on_debugging: Callable[[bool], object],
    ) -> None:
        self.stopped = threading.Event()
        self._loop, self._threshold, self._attempts, self._tell = loop, threshold, attempts, tell
        self._thread = threading.get_ident()
        self._on_debugging, self._is_debugged = on_debugging, False

    def run(self) -> None:
        while not self.stopped.wait(_PAUSE):
            answered, asked = threading.Event(), time.monotonic()
            try:
                self._loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # the loop is closed
                return
            told = False
            while not self._comes(answered, asked):
                if self.stopped.is_set():
                    return
                told = told or self._look(time.monotonic() - asked)
            self._debugged(False)

    def _comes(self, answered: threading.Event, asked: float) -> bool:
        left = asked + self._threshold - time.monotonic()
        return answered.wait(left if left > 0 else _PAUSE)

    def _look(self, seconds: float) -> bool:
        """Whether somebody was named."""
        frames = list(_stack(sys._current_frames().get(self._thread)))
        found = next((frame for frame in frames if is_own_file(frame.f_code.co_filename)), None)
        if is_in_debugger(frames):
            self._debugged(True)
            return False
        if found is None or self._is_debugged:
            return False
        self._tell(_sentence(found, self._who(), seconds))
        return True

    def _debugged(self, is_debugged: bool) -> None:
        if is_debugged is not self._is_debugged:
            self._is_debugged = is_debugged
            self._on_debugging(is_debugged)

    def _who(self) -> str | None:
        """The attempt whose handler has the turn."""
        for attempt in list(self._attempts):
            if attempt.loop.turning == self._thread:
                return f"{attempt.service.name}/{attempt.handler.name}"
        return None


def is_in_debugger(frames: Iterable[FrameType]) -> bool:
    """Whether somebody looks at the program step by step: that takes its time."""
    return any(
        frame.f_trace is not None
        or frame.f_code.co_filename.endswith(_DEBUGGERS)
        or str(frame.f_globals.get("__name__", "")).partition(".")[0] in _DEBUGGER_PACKAGES
        for frame in frames
    )


_LOOP: Final = (f"asyncio{os.sep}base_events.py", f"asyncio{os.sep}runners.py")


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    """Innermost first, down to the loop: who runs that blocks nothing."""
    while frame is not None and not frame.f_code.co_filename.endswith(_LOOP):
        yield frame
        frame = frame.f_back


def _sentence(frame: FrameType, handler: str | None, seconds: float) -> str:
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
    place = f"{Spot(frame.f_code, frame.f_lasti)}{f': {line}' if line else ''}"
    who = "a step or a callback" if handler is None else f"the handler {handler}"
    fix = (
        "Wait by await (asyncio.sleep …), or make it a plain function, which runs in a thread."
        if handler is None
        else 'Put it into a step, where plain functions run in a thread: await ctx.run("name", function, …);'
        " to wait, await asyncio.sleep(…)."
    )
    return (
        f"{who} blocks the event loop for {seconds:.1f} s by now, and with it all other invocations, at {place}\n{fix}"
    )
