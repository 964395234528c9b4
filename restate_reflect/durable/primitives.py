"""Locks, events and queues, as far as they let something in from outside of a handler: seen while the guard is on.

One that the handler has made itself is compared before and after its turns: whoever has filled it between two of them
was no task of the handler. One that it has not made (kept on ``self``, or by a module) is another one in each process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import FrameType, FunctionType
from typing import Any, Final
from weakref import ref

from restate_reflect.durable.locations import Spot
from restate_reflect.errors import InvocationCancelledError

__all__ = ["CODES", "Primitives", "is_constructor", "is_use", "name_of"]

_STATES: Final[dict[type[Any], Callable[[Any], object]]] = {
    asyncio.Event: asyncio.Event.is_set,
    asyncio.Lock: asyncio.Lock.locked,
    asyncio.Semaphore: asyncio.Semaphore.locked,
    asyncio.Queue: asyncio.Queue.qsize,
    asyncio.Condition: lambda condition: condition.locked(),
    asyncio.Barrier: lambda barrier: barrier.n_waiting,
}
"""What can be asked of each without changing it."""

_METHODS: Final = (
    *("set", "clear", "is_set", "wait"),
    *("acquire", "release", "locked", "notify"),
    *("put_nowait", "get_nowait", "empty", "full", "qsize"),
)


def _codes(names: tuple[str, ...]) -> Iterator[int]:
    for cls in _STATES:
        for function in (vars(cls).get(name) for name in names):
            if isinstance(function, FunctionType):
                yield id(function.__code__)


# By identity: the hash of a code object is computed from all that is in it.
_CONSTRUCTORS: Final = frozenset(_codes(("__init__",)))
_USES: Final = frozenset(_codes(_METHODS))


CODES: Final = _CONSTRUCTORS | _USES


def is_constructor(frame: FrameType) -> bool:
    """Whether the function that begins makes one."""
    return id(frame.f_code) in _CONSTRUCTORS


def is_use(frame: FrameType) -> bool:
    """Whether the function that begins looks at one, or changes it."""
    return id(frame.f_code) in _USES


def name_of(primitive: object) -> str:
    """``an asyncio.Event``."""
    return f"an asyncio.{next((cls.__name__ for cls in _STATES if isinstance(primitive, cls)), 'Future')}"


def _state(primitive: Any) -> object:
    if not isinstance(primitive, asyncio.Future):
        return next(state(primitive) for cls, state in _STATES.items() if isinstance(primitive, cls))
    if not primitive.done() or primitive.cancelled():
        return primitive.done()
    # A cancelled invocation ends, between two turns, what its handler waits for.
    return not isinstance(primitive.exception(), InvocationCancelledError)


class Primitives:
    """Those that one attempt has made."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[ref[Any], Spot | None]] = {}
        self._states: dict[int, object] = {}

    def add(self, primitive: Any, where: Spot | None) -> None:
        """It was made in a turn, at that line."""
        number = id(primitive)
        self._made[number] = (ref(primitive, lambda _: self._forget(number)), where)

    def _forget(self, number: int) -> None:
        self._made.pop(number, None)
        self._states.pop(number, None)

    def has(self, primitive: object) -> bool:
        """Whether this attempt has made it."""
        made = self._made.get(id(primitive))
        return made is not None and made[0]() is primitive

    def remember(self) -> None:
        """A turn has ended."""
        self._states = {number: _state(primitive) for number, primitive, _ in self._alive()}

    def changed(self) -> tuple[Any, Spot | None] | None:
        """The first one that is another than when the last turn ended, and where it was made."""
        for number, primitive, where in self._alive():
            if number in self._states and _state(primitive) != self._states[number]:
                return primitive, where
        return None

    def _alive(self) -> Iterator[tuple[int, Any, Spot | None]]:
        for number, (made, where) in list(self._made.items()):
            primitive = made()
            if primitive is not None:
                yield number, primitive, where
