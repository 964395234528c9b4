"""Steps: ``run``, plain and with options, typed by the function that it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, ParamSpec, TypeVar, overload

from restate_reflect.context.data import UNSET
from restate_reflect.context.operations import Operations
from restate_reflect.options import RetryPolicy

__all__ = ["Runner", "Steps", "TypedSteps"]

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741
P = ParamSpec("P")


class Runner:
    """``run``, with its parameters typed by the function's."""

    __slots__ = ()
    _operations: Operations
    _retry: RetryPolicy | None

    @overload
    def run(
        self, name: str, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]: ...
    @overload
    def run(self, name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]: ...
    def run(self, name: str, function: Callable[..., Any] = UNSET, /, *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
        """Executes a side effect once and journals its result.

        ``async def`` functions run on the process's event loop, plain ones in a worker thread;
        both start when the handler next waits. The result has the function's return annotation
        as its type, or the one given by ``options(type=…)``.

        Raises (when awaited):
            TerminalError: The function raised one, or its retry policy gave up.
        """
        return self._operations.run(name, function, args, kwargs, self._retry, UNSET)


class Steps(Runner):
    """``run`` with options: ``ctx.options(retry=RetryPolicy(max_attempts=3)).run("charge", charge, order)``."""

    __slots__ = ("_operations", "_retry")

    def __init__(self, operations: Operations, retry: RetryPolicy | None) -> None:
        self._operations = operations
        self._retry = retry


class TypedSteps(Generic[O]):
    """``run`` with a declared result type, for functions without a return annotation."""

    __slots__ = ("_operations", "_retry", "_type")

    def __init__(self, operations: Operations, retry: RetryPolicy | None, type_: Any) -> None:
        self._operations = operations
        self._retry = retry
        self._type = type_

    def run(
        self, name: str, function: Callable[P, Any] = UNSET, /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[O]:
        """As ``Context.run``; the result is journaled as the declared type."""
        return self._operations.run(name, function, args, kwargs, self._retry, self._type)
