"""A debugger that stops in the handler, at a step of its replay."""

from __future__ import annotations

import bdb
import pdb
import sys
from types import FrameType
from typing import Final

from restate_reflect.durable.locations import is_own_file

__all__ = ["SKIPPED", "Stop"]

SKIPPED: Final = ("restate_reflect", "restate_reflect.*", "asyncio", "asyncio.*", "contextlib", "functools")
"""Modules that a debugger does not step into: what lies between a handler and its journal."""


class Stop:
    """For ``Replayer(on_step=…)``: stops once, in the user's frame that issues a command.

    Args:
        step: The number or the name of a step, or empty for the first that the journal does not have: a new one, or
            the one that does not fit.
        failed: The number of the command that the last attempt failed with: stopped at, too, if no step is asked for.
        debugger: For tests; ``None`` makes one on stdin and stdout.
    """

    def __init__(self, step: str = "", failed: int | None = None, debugger: pdb.Pdb | None = None) -> None:
        self._step, self._failed = step, failed
        self._debugger = debugger
        self.has_stopped = False

    def __call__(self, number: int, name: str, is_new: bool) -> None:
        if self.has_stopped or not self._is_meant(number, name, is_new):
            return
        frame = _user_frame()
        if frame is None:
            return
        self.has_stopped = True
        _stop_in(frame, self._debugger or pdb.Pdb(skip=SKIPPED))

    def _is_meant(self, number: int, name: str, is_new: bool) -> bool:
        if self._step:
            return self._step in (str(number), name)
        return is_new or number == self._failed


def _stop_in(frame: FrameType, debugger: pdb.Pdb) -> None:
    """Asks for commands at the line that is in this frame now; ``set_trace`` would stop somewhere behind it."""
    debugger.reset()
    debugger.botframe = frame.f_back
    debugger.interaction(frame, None)
    if debugger.quitting:
        raise bdb.BdbQuit
    if debugger.stoplineno != -1 or debugger.get_all_breaks():  # -1: the command was to continue
        frame.f_trace = debugger.trace_dispatch
        sys.settrace(debugger.trace_dispatch)


def _user_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and not is_own_file(frame.f_code.co_filename):
        frame = frame.f_back
    return frame
