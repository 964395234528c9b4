"""The type of a step's result: what the function's annotation says."""

from __future__ import annotations

import asyncio
import functools
import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine
from types import CodeType, FunctionType
from typing import Any, Final
from weakref import WeakKeyDictionary

from restate_reflect.context import UNSET

__all__ = ["return_type"]


_return_types: WeakKeyDictionary[CodeType, tuple[Any, Any]] = WeakKeyDictionary()
# By code object, with the annotation as it is written: a function defined in a handler is a new one each time, and
# remembering it would keep alive whatever it closes over. (Resolving costs 10 µs, a look-up 0.5.)


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
    known = _return_types.get(code)
    if known is None or known[0] is not written:
        known = _return_types[code] = written, _resolve_return(function)
    return known[1]


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
