"""What is to be known of a step's function: whether it is async, and what it is declared to return."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, Final

from restate_reflect.codecs import codec_for
from restate_reflect.codecs._base import Codec
from restate_reflect.context import UNSET
from restate_reflect.durable.return_types import return_type
from restate_reflect.errors import UnsupportedTypeError

__all__ = ["StepFunction", "step_function"]


class StepFunction:
    """Of one function."""

    __slots__ = ("codec", "is_async", "returns")

    def __init__(self, is_async: bool, returns: Any, codec: Codec[Any] | None) -> None:
        """Args:
        returns: The return annotation, or ``UNSET``.
        codec: Of what it returns (anything, if it does not say); ``None`` if nothing can carry that.
        """
        self.is_async = is_async
        self.returns = returns
        self.codec = codec


_MOST_KNOWN: Final = 4096
_known: dict[FunctionType, StepFunction] = {}


def step_function(function: Callable[..., Any]) -> StepFunction:
    """A look-up (0.1 µs) for functions of modules and classes, which stay."""
    plain = function
    if type(function) is not FunctionType and isinstance(function, MethodType):
        plain = function.__func__
    if type(plain) is FunctionType:
        found = _known.get(plain)
        return _remembered(plain) if found is None else found
    return _read(function)


def _remembered(function: FunctionType) -> StepFunction:
    """One that was made in a handler is another one each time: remembering it would keep alive what it closes over."""
    found = _read(function)
    if "<locals>" not in function.__qualname__:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[function] = found
    return found


def _read(function: Callable[..., Any]) -> StepFunction:
    returns = return_type(function)
    try:
        codec = codec_for(Any if returns is UNSET else returns)
    except UnsupportedTypeError:
        codec = None  # an error only if the step is not given another type
    return StepFunction(_is_async(function), returns, codec)


def _is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine; sees through partials and callable objects."""
    while isinstance(function, functools.partial):
        function = function.func
    if type(function) is FunctionType and function.__code__.co_flags & inspect.CO_COROUTINE:
        return True  # the usual one, at a tenth of the price
    if inspect.iscoroutinefunction(function):
        return True
    return not inspect.isroutine(function) and inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
