"""Notices handler code that asks the machine for what no replay gets again: the time, random numbers, its environment.

Whoever asks and however the function was imported: ``turns`` sees the calls of a handler's turns.
"""

from __future__ import annotations

import gc
import os
import random
import secrets
import time
import uuid
from collections.abc import Iterator
from datetime import date, datetime
from types import FrameType
from typing import Any, Final

__all__ = ["BUILTINS", "CODES", "asked"]

_TIME: Final = "await ctx.now() is the time, journaled; asyncio.get_running_loop().time() measures how long it took"
_CHANCE: Final = "ctx.random has the same functions, and draws the same numbers on every replay"
_SEED: Final = "give it one, random.Random(5), or take ctx.random"
_UUID: Final = "ctx.uuid() makes one that is the same on every replay"
_SECRET: Final = 'what must not be guessed is made in a step: await ctx.run("token", secrets.token_hex)'
_SETTING: Final = "read settings where the service is made (__init__, the module), or in a step"


def _builtins() -> Iterator[tuple[Any, str, str]]:
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime"):
        for each in (name, f"{name}_ns"):
            if hasattr(time, each):  # not everywhere
                yield getattr(time, each), f"time.{each}()", _TIME
    for method in (datetime.now, datetime.utcnow, datetime.today):
        yield method, f"datetime.{method.__name__}()", _TIME
    yield date.today, "date.today()", _TIME
    yield random.random, "random.random()", _CHANCE
    yield random.getrandbits, "random.getrandbits()", _CHANCE
    for name in ("urandom", "getrandom"):
        if hasattr(os, name):
            yield getattr(os, name), f"os.{name}()", _SECRET


def _functions() -> Iterator[tuple[Any, str, str]]:
    for name in ("uuid1", "uuid4", "uuid6", "uuid7"):
        if hasattr(uuid, name):
            yield getattr(uuid, name), f"uuid.{name}()", _UUID
    for name in ("token_bytes", "token_hex", "token_urlsafe", "randbelow"):
        yield getattr(secrets, name), f"secrets.{name}()", _SECRET
    yield random.SystemRandom.random, "random.SystemRandom", _SECRET
    yield random.SystemRandom.getrandbits, "random.SystemRandom", _SECRET
    yield random.Random.seed, "random.Random() without a seed", _SEED
    for method in (type(os.environ).__getitem__, type(os.environ).__iter__):
        yield method, "os.environ", _SETTING


BUILTINS: Final = {function: (name, counterpart) for function, name, counterpart in _builtins()}
# By identity: the hash of a code object is computed from all that is in it.
CODES: Final = {id(function.__code__): (name, counterpart) for function, name, counterpart in _functions()}


def asked(event: str, frame: FrameType, argument: object) -> tuple[str, str] | None:
    """What the call that a profile function is told of asks, and what to ask instead; None for any other call."""
    found = BUILTINS.get(argument) if event == "c_call" else CODES.get(id(frame.f_code))
    return None if found is None or _is_seeded(frame) or _is_collecting(frame) else found


def _is_seeded(frame: FrameType) -> bool:
    """Whether it begins to give a generator a seed: what is drawn then is the same on every replay."""
    return frame.f_code is random.Random.seed.__code__ and frame.f_locals["a"] is not None


def _is_collecting(frame: FrameType | None) -> bool:
    """Whether a callback of the garbage collector asks, which runs whenever the collector does."""
    callbacks = {id(code) for each in gc.callbacks if (code := getattr(each, "__code__", None)) is not None}
    while frame is not None:
        if id(frame.f_code) in callbacks:
            return True
        frame = frame.f_back
    return False
