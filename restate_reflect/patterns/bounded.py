"""Many things, a few at a time, with results in order."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from collections.abc import Set as AnySet
from typing import Any, Final, TypeVar, overload

from restate_reflect.context import (
    BaseContext,
    Context,
    ObjectContext,
    ObjectSharedContext,
    WorkflowContext,
    WorkflowSharedContext,
)
from restate_reflect.errors import HandlerBugError, InvocationCancelledError, TerminalError
from restate_reflect.options import RetryPolicy

__all__ = ["map_bounded"]

C = TypeVar("C", bound=BaseContext)
T = TypeVar("T")
R = TypeVar("R")
One = Callable[[int, Any], Awaitable[Any]]
"""What is done for an item, given its index."""


@overload
def map_bounded(
    ctx: BaseContext, function: Callable[[T], Awaitable[R]], items: Iterable[T], *,
    limit: int, name: str | None = None, retry: RetryPolicy | None = None,
) -> Coroutine[Any, Any, list[R]]: ...  # fmt: skip
@overload
def map_bounded(
    ctx: C, function: Callable[[C, T], Awaitable[R]], items: Iterable[T], *, limit: int
) -> Coroutine[Any, Any, list[R]]: ...
@overload
def map_bounded(
    ctx: BaseContext, function: Callable[[T], R], items: Iterable[T], *,
    limit: int, name: str | None = None, retry: RetryPolicy | None = None,
) -> Coroutine[Any, Any, list[R]]: ...  # fmt: skip
@overload
def map_bounded(
    ctx: BaseContext, function: Callable[[T], Awaitable[R]], items: Iterable[T], *,
    limit: int, tolerate: int, name: str | None = None, retry: RetryPolicy | None = None,
) -> Coroutine[Any, Any, list[R | TerminalError]]: ...  # fmt: skip
@overload
def map_bounded(
    ctx: C, function: Callable[[C, T], Awaitable[R]], items: Iterable[T], *, limit: int, tolerate: int
) -> Coroutine[Any, Any, list[R | TerminalError]]: ...
@overload
def map_bounded(
    ctx: BaseContext, function: Callable[[T], R], items: Iterable[T], *,
    limit: int, tolerate: int, name: str | None = None, retry: RetryPolicy | None = None,
) -> Coroutine[Any, Any, list[R | TerminalError]]: ...  # fmt: skip
def map_bounded(
    ctx: Any,
    function: Callable[..., Any],
    items: Iterable[Any],
    *,
    limit: int,
    tolerate: int = 0,
    name: str | None = None,
    retry: RetryPolicy | None = None,
) -> Coroutine[Any, Any, list[Any]]:
    """Calls ``function`` for each item, at most ``limit`` at once: ``await map_bounded(ctx, fetch, urls, limit=5)``.

    Args:
        ctx: Of the handler.
        function: Of ``(item)``: each call is a step. Of ``(ctx, item)``: durable code, with steps of its own.
        items: In an order that is the same on every replay.
        limit: Items in progress at most.
        tolerate: How many items may fail terminally; the error stands in the place of the result.
        name: Of the steps, which are told apart by the item's index: ``fetch[0]``; the function's if not given.
        retry: For the steps; without it they are tried until they succeed.

    Returns:
        Results in the order of the items.

    Raises:
        TerminalError: More than ``tolerate`` items failed; it is the failure of the one too many, and the others are
            cancelled.
        HandlerBugError: What is given does not fit; the message says what to write.
    """
    where = _caller()
    chosen = _in_order(items, where)
    _check_number("limit", limit, 1, where)
    _check_number("tolerate", tolerate, 0, where)
    if _takes_context(function, where):
        if name is not None or retry is not None:
            raise HandlerBugError(f"name and retry are for steps ({where}); a function of (ctx, item) has its own.")
        return _mapped(_coded(ctx, function), chosen, limit, tolerate)
    return _mapped(_stepped(ctx, function, name, retry), chosen, limit, tolerate)


def _stepped(ctx: BaseContext, function: Callable[..., Any], name: str | None, retry: RetryPolicy | None) -> One:
    steps = ctx.options(retry=retry)
    named = name or getattr(function, "__name__", "item")
    return lambda index, item: steps.run(f"{named}[{index}]", function, item)


def _coded(ctx: BaseContext, function: Callable[..., Any]) -> One:
    async def code(index: int, item: Any) -> Any:
        result = function(ctx, item)
        return await result if inspect.isawaitable(result) else result

    return code


async def _mapped(one: One, items: list[Any], limit: int, tolerate: int) -> list[Any]:
    mapping = _Mapping(one, items, tolerate)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(limit, len(items))):
                group.create_task(mapping.work())
    except BaseExceptionGroup as failed:
        raise _cause(failed) from None
    return mapping.results


class _Mapping:
    """What the workers share."""

    def __init__(self, one: One, items: list[Any], tolerate: int) -> None:
        self.results: list[Any] = [None] * len(items)
        self._one = one
        self._items: Iterator[tuple[int, Any]] = iter(enumerate(items))
        self._tolerated = tolerate

    async def work(self) -> None:
        """Takes items until none is left."""
        for index, item in self._items:
            try:
                self.results[index] = await self._one(index, item)
            except InvocationCancelledError:
                raise
            except TerminalError as error:
                if self._tolerated == 0:
                    raise
                self._tolerated -= 1
                self.results[index] = error


def _cause(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure; a cancellation of the invocation, which reaches all of them, counts before any other."""
    cancelled = (each for each in failed.exceptions if isinstance(each, InvocationCancelledError))
    return next(cancelled, failed.exceptions[0])


# ------------------------------------------------------------ what is given


def _in_order(items: Any, where: str) -> list[Any]:
    if isinstance(items, AnySet) and not isinstance(items, type({}.keys())):
        raise HandlerBugError(
            f"a {type(items).__name__} has another order on every replay ({where}). Write sorted(…), or keep a list."
        )
    if not isinstance(items, Iterable):
        raise HandlerBugError(
            f"the items are a {type(items).__name__}, which can't be walked through ({where}). Give a list."
        )
    return list(items)


def _check_number(name: str, given: Any, least: int, where: str) -> None:
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise HandlerBugError(f"{name}={given!r} ({where}). Give a whole number of at least {least}.")


_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _takes_context(function: Any, where: str) -> bool:
    """Whether it is a function of ``(ctx, item)``, and not of ``(item)``."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise _unfit(function, "does not tell its parameters", where) from None
    needed = [each for each in parameters if each.default is each.empty and each.kind in _POSITIONAL]
    keywords = [each.name for each in parameters if each.default is each.empty and each.kind is each.KEYWORD_ONLY]
    if keywords:
        raise _unfit(function, f"needs {', '.join(keywords)}", where)
    if len(needed) not in (1, 2):
        names = ", ".join(each.name for each in needed)
        raise _unfit(function, f"takes ({names})", where)
    if len(needed) == 1 and _is_context(needed[0]):
        raise _unfit(function, "takes a context and no item", where)
    return len(needed) == 2


def _is_context(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        return annotation.rpartition(".")[2] in _CONTEXT_NAMES
    return isinstance(annotation, type) and issubclass(annotation, BaseContext)


_CONTEXTS: Final[tuple[type[BaseContext], ...]] = (
    BaseContext, Context, ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext,
)  # fmt: skip
_CONTEXT_NAMES: Final = {each.__name__ for each in _CONTEXTS}


def _unfit(function: Any, why: str, where: str) -> HandlerBugError:
    name = getattr(function, "__qualname__", repr(function))
    return HandlerBugError(
        f"{name} {why} ({where}). Give a function of (item), which is a step, or of (ctx, item), which is durable code;"
        " functools.partial or a lambda binds what else it needs."
    )


def _caller() -> str:
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
