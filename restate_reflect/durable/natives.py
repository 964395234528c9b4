"""Notices handler code that asks the machine for what no replay gets again: the time, random numbers, its environment.

A profile function (``sys.setprofile``) sees the calls of one turn of the handler, whoever makes them and however the
function was imported; nothing is patched, and nothing is installed between turns or while the guard is off. Costs about
0.2 µs per call in handler code. A profiler that is there already stays, and then nothing is seen.
"""

from __future__ import annotations

import gc
import os
import random
import secrets
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime
from types import FrameType
from typing import Any, Final

from restate_reflect.durable.guards import Guard, GuardWarning, current_guard
from restate_reflect.durable.locations import asked_by
from restate_reflect.errors import HandlerBugError

__all__ = ["watch"]

_TIME: Final = "await ctx.now() is the time, journaled; asyncio.get_running_loop().time() measures how long it took"
_CHANCE: Final = "ctx.random has the same functions, and draws the same numbers on every replay"
_UUID: Final = "ctx.uuid() makes one that is the same on every replay"
_SECRET: Final = 'what must not be guessed is made in a step: await ctx.run("token", secrets.token_hex)'
_SETTING: Final = "read settings where the service is made (__init__, the module), or in a step"


def _builtins() -> Iterator[tuple[Any, str, str]]:
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"):
        yield getattr(time, name), f"time.{name}()", _TIME
    for method in (datetime.now, datetime.utcnow, datetime.today):
        yield method, f"datetime.{method.__name__}()", _TIME
    yield date.today, "date.today()", _TIME
    yield random.random, "random.random()", _CHANCE
    yield random.getrandbits, "random.getrandbits()", _CHANCE
    yield os.urandom, "os.urandom()", _SECRET


def _functions() -> Iterator[tuple[Any, str, str]]:
    for name in ("uuid1", "uuid4", "uuid6", "uuid7"):
        if hasattr(uuid, name):
            yield getattr(uuid, name), f"uuid.{name}()", _UUID
    for name in ("token_bytes", "token_hex", "token_urlsafe", "randbelow"):
        yield getattr(secrets, name), f"secrets.{name}()", _SECRET
    yield random.SystemRandom.random, "random.SystemRandom", _SECRET
    yield random.SystemRandom.getrandbits, "random.SystemRandom", _SECRET
    yield type(os.environ).__getitem__, "os.environ", _SETTING


_BY_BUILTIN: Final = {function: (name, counterpart) for function, name, counterpart in _builtins()}
# By identity: the hash of a code object is computed from all that is in it.
_BY_CODE: Final = {id(function.__code__): (name, counterpart) for function, name, counterpart in _functions()}


def watch(turn: Callable[[], Any], told: set[tuple[str, int | None]]) -> None:
    """Runs one turn of the handler, and tells of each line once; ``told`` has the lines.

    Raises:
        HandlerBugError: in the handler, at the line that asks, if the guard is FAIL.
    """
    if sys.getprofile() is not None:
        turn()
        return

    def see(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            asked = _BY_BUILTIN.get(argument)
        elif event == "call":
            asked = _BY_CODE.get(id(frame.f_code))
        else:
            return
        if asked is not None:
            _tell(frame, *asked, told)

    sys.setprofile(see)
    try:
        turn()
    finally:
        sys.setprofile(None)


def _is_collecting(frame: FrameType | None) -> bool:
    """Whether a callback of the garbage collector asks, which runs whenever the collector does."""
    callbacks = {id(code) for each in gc.callbacks if (code := getattr(each, "__code__", None)) is not None}
    while frame is not None:
        if id(frame.f_code) in callbacks:
            return True
        frame = frame.f_back
    return False


def _tell(frame: FrameType, name: str, counterpart: str, told: set[tuple[str, int | None]]) -> None:
    guard = current_guard()
    place = None if guard is Guard.OFF or _is_collecting(frame) else asked_by(frame)
    if place is None or (place.code.co_filename, place.line) in told:
        return
    message = (
        f"handler code asks {name} at {place}: the answer is another one on every replay. Instead: {counterpart}."
        " What no step depends on may be asked: with ctx.unguarded(): …"
    )
    if guard is Guard.FAIL:
        raise HandlerBugError(message)
    told.add((place.code.co_filename, place.line))
    warnings.warn_explicit(GuardWarning(message), None, place.code.co_filename, place.line or 0)
