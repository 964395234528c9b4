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

from restate_reflect.annotations import annotations_of, evaluate
from restate_reflect.context import UNSET

__all__ = ["return_type"]


_return_types: WeakKeyDictionary[CodeType, tuple[Any, Any]] = WeakKeyDictionary()
# By code object, with the annotation as it is written: a function defined in a handler is a new one each time, and
# remembering it would keep alive whatever it closes over. (Resolving costs 10 µs, a look-up 0.5.)


def return_type(function: Callable[..., Any]) -> Any:
    """The return annotation, or ``UNSET``."""
    if type(function) is FunctionType and "__wrapped__" not in function.__dict__:
        return _return_type_of(function, _written(function), function.__code__)
    while isinstance(function, functools.partial):
        function = function.func
    if not (inspect.isroutine(function) or isinstance(function, type)):
        function = getattr(function, "__call__", function)  # noqa: B004
    code = getattr(inspect.unwrap(function), "__code__", None)
    written = _written(function)
    return _resolve_return(function, written) if code is None else _return_type_of(function, written, code)


def _written(function: Callable[..., Any]) -> Any:
    try:
        return annotations_of(function).get("return", UNSET)
    except Exception:  # the user's expressions, which may raise anything
        return UNSET


def _return_type_of(function: Callable[..., Any], written: Any, code: CodeType) -> Any:
    known = _return_types.get(code)
    if known is None or known[0] is not written:
        known = _return_types[code] = written, _resolve_return(function, written)
    return known[1]


def _resolve_return(function: Callable[..., Any], written: Any) -> Any:
    if written is UNSET:
        return UNSET
    innermost = inspect.unwrap(function)
    own = {parameter.__name__: parameter for parameter in getattr(innermost, "__type_params__", ())}
    try:
        declared = evaluate(written, getattr(innermost, "__globals__", {}), own)
    except Exception:  # a name for type checkers only, say: the result goes by what it is
        return UNSET
    if typing.get_origin(declared) in _AWAITABLE:
        # A plain function that makes a coroutine: the step awaits it.
        declared = typing.get_args(declared)[-1]
    return UNSET if declared is Any else declared


_AWAITABLE: Final = (Awaitable, Coroutine, asyncio.Future, asyncio.Task)
