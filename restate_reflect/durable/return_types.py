"""The type of a step's result: what the function's annotation says."""

from __future__ import annotations

import asyncio
import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine
from types import CodeType, FunctionType
from typing import Any, Final, NamedTuple
from weakref import ReferenceType, ref

from restate_reflect.context import UNSET

__all__ = ["return_type"]


class _Known(NamedTuple):
    code: ReferenceType[CodeType]
    written: Any
    """The annotation, as it stands there."""
    type: Any


_return_types: dict[int, _Known] = {}
# By the code object's address: a function defined in a handler is a new one each time, and remembering it would keep
# alive whatever it closes over. (Resolving costs 10 µs, a look-up 0.3; a WeakKeyDictionary compares code objects by
# their content, for 1.)


def return_type(function: Callable[..., Any]) -> Any:
    """The return annotation, or ``UNSET``."""
    if type(function) is FunctionType and "__wrapped__" not in function.__dict__:
        return _return_type_of(function, function.__annotations__.get("return", UNSET), function.__code__)
    while isinstance(function, functools.partial):
        function = function.func
    if not hasattr(function, "__annotations__"):
        function = getattr(function, "__call__", function)  # noqa: B004
    written = getattr(function, "__annotations__", {}).get("return", UNSET)
    code = getattr(inspect.unwrap(function), "__code__", None)
    return _resolve_return(function) if code is None else _return_type_of(function, written, code)


def _return_type_of(function: Callable[..., Any], written: Any, code: CodeType) -> Any:
    known = _return_types.get(id(code))
    if known is None or known.code() is not code or known.written is not written:
        forget = functools.partial(_forget, id(code))
        known = _return_types[id(code)] = _Known(ref(code, forget), written, _resolve_return(function))
    return known.type


def _forget(address: int, _code: object) -> None:
    _return_types.pop(address, None)


def _resolve_return(function: Callable[..., Any]) -> Any:
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:
        return UNSET
    declared = hints.get("return", UNSET)
    if typing.get_origin(declared) in _AWAITABLE:
        # A plain function that makes a coroutine: the step awaits it.
        declared = typing.get_args(declared)[-1]
    return UNSET if declared is Any else declared


_AWAITABLE: Final = (Awaitable, Coroutine, asyncio.Future, asyncio.Task)
