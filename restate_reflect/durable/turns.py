"""Watches the turns of a handler while the guard is on: what comes in that no replay gets again.

A profile function (``sys.setprofile``) sees the calls of one turn; nothing is patched, and nothing is installed between
turns or while the guard is off. A profiler that is there already stays, and then nothing is seen.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import warnings
from collections.abc import Collection
from types import FrameType
from typing import Any, Final

from restate_reflect.durable import natives
from restate_reflect.durable.extending import LOOK_AT_LOOP, WAIT
from restate_reflect.durable.guards import IN_A_STEP, Guard, GuardWarning, current_guard
from restate_reflect.durable.locations import asked_by, library_call
from restate_reflect.durable.loop import DurableLoop
from restate_reflect.durable.primitives import CODES, Primitives, is_constructor, is_use, name_of
from restate_reflect.durable.refusals import filled_from_outside, outside
from restate_reflect.errors import HandlerBugError

__all__ = ["watch"]


_START: Final = threading.Thread.start.__code__
_LOOKED_AT: Final = frozenset((*natives.CODES, *CODES, id(WAIT), id(_START)))
"""Functions, by the addresses of their code: the hash of a code object is computed from all that is in it."""


def watch(loop: DurableLoop, told: set[tuple[str, int | None]]) -> None:
    """Runs one turn of the handler, and tells of each line once; ``told`` has the lines.

    Raises:
        HandlerBugError: in the handler, at the line that asks, if the guard is FAIL.
    """
    if loop.primitives is None:
        loop.primitives = Primitives()
    changed = loop.primitives.changed()
    if changed is not None:
        primitive, where = changed
        loop.owner.refuse(filled_from_outside(name_of(primitive), where), "")
        return
    if sys.getprofile() is not None:
        loop.run_until_idle()
    else:
        _profile(_Turn(loop, loop.primitives, told))
    loop.primitives.remember()


def _profile(turn: _Turn) -> None:
    sys.setprofile(turn.see)
    try:
        turn.loop.run_until_idle()
    finally:
        sys.setprofile(None)


class _Turn:
    """What a profile function is told in one turn."""

    def __init__(self, loop: DurableLoop, primitives: Primitives, told: set[tuple[str, int | None]]) -> None:
        self.loop = loop
        self._primitives = primitives
        self._told = told

    def see(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            if id(frame.f_code) in _LOOKED_AT:
                self._see_call(frame)
        elif event == "c_call":
            if argument in natives.BUILTINS:
                self._see_native(frame, event, argument)
        elif event == "return" and argument is None and frame.f_code is LOOK_AT_LOOP:
            self._refuse_other_loop(frame)

    def _see_call(self, frame: FrameType) -> None:
        if is_constructor(frame):
            self._primitives.add(frame.f_locals["self"], asked_by(frame))
        elif is_use(frame):
            self._see_use(frame, frame.f_locals["self"])
        elif frame.f_code is WAIT:
            self._see_wait(frame, frame.f_locals["fs"])
        elif frame.f_code is _START:
            self._tell(frame, "starts a thread", "nothing that it does is journaled, and every replay starts another")
        else:
            self._see_native(frame, "call", None)

    def _see_native(self, frame: FrameType, event: str, argument: object) -> None:
        asked = natives.asked(event, frame, argument)
        if asked is not None:
            name, counterpart = asked
            self._tell(frame, f"asks {name}", f"the answer is another one on every replay. Instead: {counterpart}")

    def _see_use(self, frame: FrameType, primitive: object) -> None:
        if not self._primitives.has(primitive):
            self._tell(
                frame,
                f"uses {name_of(primitive)} that it has not made",
                "each process has another one, and no replay finds it as it was. What invocations share goes through"
                " the context (state, a promise, a signal, an awakeable)",
            )

    def _see_wait(self, frame: FrameType, waited_for: object) -> None:
        """A plain future is of a C class, made without asking the loop: nothing can give it another hash."""
        if not isinstance(waited_for, Collection) or sum(type(each) is asyncio.Future for each in waited_for) < 2:
            return
        self._tell(
            frame,
            "waits for futures that asyncio.Future() has made",
            "they hash by their addresses, and asyncio.wait hands them out in another order on every replay. Ask the"
            " loop for them: asyncio.get_running_loop().create_future()",
        )

    def _refuse_other_loop(self, frame: FrameType) -> None:
        """Something that is bound to another loop raises RuntimeError, which anybody may catch."""
        place = asked_by(frame)
        thing = f"{name_of(frame.f_locals['self'])} of another event loop"
        error = outside(thing, "; it is bound to a different event loop", str(place or "unknown place"))
        self.loop.owner.refuse(error, "")

    def _tell(self, frame: FrameType, does: str, why: str) -> None:
        guard = current_guard()
        place = None if guard is Guard.OFF else asked_by(frame)
        if place is None:
            return
        called = library_call(frame)
        place = place if called is None else called[1]
        if (place.code.co_filename, place.line) in self._told:
            return
        if called is None:
            said = f"{does} at {place}: {why}. What no step depends on may be asked: with ctx.unguarded(): …"
        else:
            said = f"calls {called[0]} at {place}, which {does}: no replay gets that again. {IN_A_STEP}"
        message = f"handler code {said}"
        if guard is Guard.FAIL:
            self.loop.refuse(HandlerBugError(message))
        self._told.add((place.code.co_filename, place.line))
        warnings.warn_explicit(GuardWarning(message), None, place.code.co_filename, place.line or 0)
