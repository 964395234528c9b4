"""Types that are refused with a better reason than "pydantic knows no schema"."""

from __future__ import annotations

import asyncio
import collections.abc
import io
import os
from collections.abc import Callable
from concurrent.futures import Future as ConcurrentFuture
from typing import IO, Any, TypeVar, get_origin

from restate_reflect.codecs._names import parts
from restate_reflect.codecs._protobuf import is_json_mark, is_message
from restate_reflect.errors import UnsupportedTypeError

__all__ = ["refuse"]

_AWAITABLES = (collections.abc.Awaitable, collections.abc.Coroutine, asyncio.Future, asyncio.Task, ConcurrentFuture)
_STREAMS = (collections.abc.AsyncIterator, collections.abc.AsyncIterable, collections.abc.AsyncGenerator)
_ITERATORS = (collections.abc.Iterator, collections.abc.Generator)


def refuse(annotation: Any, plain: Any, metadata: tuple[Any, ...]) -> None:
    """Raises ``UnsupportedTypeError`` for a known hopeless case, and returns otherwise."""
    origin = get_origin(plain) or plain
    for applies, why, fix in _CASES:
        if applies(origin):
            raise UnsupportedTypeError(annotation, why, fix)
    for mark in metadata:
        if isinstance(mark, type) and hasattr(mark, "encode") and hasattr(mark, "decode"):
            why = f"the codec {mark.__name__} is a class."
            raise UnsupportedTypeError(annotation, why, f"Annotate with an instance: {mark.__name__}().")
    if any(map(is_json_mark, metadata)):
        raise UnsupportedTypeError(annotation, "ProtobufJson marks a type that is no message.", "Remove the marker.")
    if any(is_message(part) for part in parts(annotation)):
        why = "a protobuf message can't stand inside another type."
        raise UnsupportedTypeError(annotation, why, "Use the message alone, or define a message that holds it.")


def _subclass(*bases: type) -> Callable[[Any], bool]:
    return lambda tp: isinstance(tp, type) and any(base in tp.__mro__ for base in bases)


def _is_context(tp: Any) -> bool:
    return isinstance(tp, type) and any(
        base.__module__.startswith("restate_reflect.context.") for base in tp.__mro__[:-1]
    )


def _is_file(tp: Any) -> bool:
    # Classes of io written in C are registered with IOBase, not derived from it.
    return isinstance(tp, type) and (issubclass(tp, io.IOBase) or IO in tp.__mro__)


_CASES: tuple[tuple[Callable[[Any], bool], str, str], ...] = (
    (
        _is_context,
        "what a context is or gives belongs to one attempt and can't be sent.",
        "Pass the data that is needed.",
    ),
    (
        _subclass(bytearray, memoryview),
        "a mutable view of bytes has no codec.",
        "Use bytes, and convert with bytes(...).",
    ),
    (_subclass(*_AWAITABLES), "an awaitable can't be sent.", "Use the type of what it gives when awaited."),
    (_subclass(*_STREAMS), "a stream can't be sent in one piece.", "Return a list, or call a handler per item."),
    (
        _subclass(*_ITERATORS),
        "an iterator can be read only once, so it would not survive a replay.",
        "Use list[...] instead.",
    ),
    (_is_file, "an open file belongs to this process.", "Send its content as bytes, or its path."),
    (
        lambda tp: tp is collections.abc.Callable,
        "functions can't be sent.",
        "Pass data, and choose the function by it.",
    ),
    (
        lambda tp: isinstance(tp, TypeVar),
        "the type variable is not bound to a type.",
        "Bind it in a subclass: class Users(Repository[User]).",
    ),
    (
        _subclass(BaseException),
        "an exception is not data.",
        "Raise TerminalError(...), or send its message as a str.",
    ),
    (_subclass(os.DirEntry), "a directory entry belongs to this process.", "Send its path as a str."),
)
