"""The garbage collector: hardly at work while a command starts, and seldom while one serves.

Thresholds that somebody else has set, and a collector that somebody has disabled, are left alone.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ["put_off", "relieve", "resume"]

_OWN: Final = gc.get_threshold()
"""The interpreter's: nothing of the user has been imported yet."""

_PUT_OFF: Final = (1_000_000, *_OWN[1:])
"""Allocations, less deallocations, that start-up may make; a number, so that a module which disables the collector, or
enables it again, has its way."""

_SERVING: Final = (5_000, *_OWN[1:])
"""The same while serving, instead of 700. Fifty attempts at once hold thousands of objects for milliseconds; looking at
them again and again took 25 µs of the 236 of an invocation of ten steps, and attempts leave no cycles."""

_SETTLED: Final = 1.0
"""Seconds after which what start-up has made is taken to stay."""


@contextmanager
def put_off() -> Iterator[None]:
    """No collections until one of the others is called, or the end: what imports make stays.

    Looking through it a hundred times took 18 of the 290 ms that ``serve`` needs to start.
    """
    if gc.get_threshold() == _OWN:
        gc.set_threshold(*_PUT_OFF)
    try:
        yield
    finally:
        _change((_PUT_OFF, _SERVING), _OWN)


def resume() -> None:
    """As it was before it was put off."""
    _change((_PUT_OFF,), _OWN)


def relieve(loop: AbstractEventLoop) -> None:
    """Fewer collections, and none of what was imported."""
    if not gc.isenabled():
        resume()
    elif _change((_PUT_OFF, _OWN), _SERVING):
        gc.freeze()  # at once: else the next allocation would look through all of it, before the first request
        loop.call_later(_SETTLED, _freeze)


def _change(known: tuple[tuple[int, int, int], ...], wanted: tuple[int, int, int]) -> bool:
    """Whether the thresholds were known ones, and are the wanted ones now."""
    if gc.get_threshold() not in known:
        return False
    gc.set_threshold(*wanted)
    return True


def _freeze() -> None:
    gc.unfreeze()
    gc.collect()
    gc.freeze()
