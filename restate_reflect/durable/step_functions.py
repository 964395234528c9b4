"""What is to be known of a step's function: whether it is async, and what it is declared to return."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from restate_reflect.codecs import codec_for
from restate_reflect.codecs._base import Codec
from restate_reflect.context import UNSET
from restate_reflect.durable.return_types import return_type
from restate_reflect.errors import UnsupportedTypeError

__all__ = ["StepFunction", "step_function"]


class StepFunction(NamedTuple):
    """Of one function."""

    is_async: bool
    returns: Any
    """The return annotation, or ``UNSET``."""
    codec: Codec[Any] | None
    """Of what it returns (anything, if it does not say); ``None`` if nothing can carry that."""


def step_function(function: Callable[..., Any]) -> StepFunction:
    """A look-up (0.2 µs) for functions of modules and classes, which stay.

    One that was made in a handler is another one each time: remembering it would keep alive what it closes over.
    """
    plain = function.__func__ if isinstance(function, MethodType) else function
    if type(plain) is FunctionType and "<locals>" not in plain.__qualname__:
        return _known(plain)
    return _read(function)


def _read(function: Callable[..., Any]) -> StepFunction:
    returns = return_type(function)
    try:
        codec = codec_for(Any if returns is UNSET else returns)
    except UnsupportedTypeError:
        codec = None  # an error only if the step is not given another type
    return StepFunction(_is_async(function), returns, codec)


_known = functools.lru_cache(maxsize=4096)(_read)


def _is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine; sees through partials and callable objects."""
    while isinstance(function, functools.partial):
        function = function.func
    if type(function) is FunctionType and function.__code__.co_flags & inspect.CO_COROUTINE:
        return True  # the usual one, at a tenth of the price
    if inspect.iscoroutinefunction(function):
        return True
    return not inspect.isroutine(function) and inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
