"""A pool of threads that is none in a handler: libraries that take an executor run plain functions at once there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Final, ParamSpec, TypeVar

__all__ = ["AT_ONCE", "AtOnce", "at_once", "is_at_once"]

P = ParamSpec("P")
T = TypeVar("T")


class AtOnce(Executor):
    """A handler's loop calls what it is given at once, as plain handler code. Elsewhere there are threads."""

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return _threads().submit(function, *args, **kwargs)


@cache
def _threads() -> Executor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(thread_name_prefix="restate_reflect")


AT_ONCE: Final = AtOnce()

_wanted: Final[ContextVar[bool]] = ContextVar("restate_reflect_at_once", default=False)


@contextmanager
def at_once(wanted: bool = True) -> Iterator[None]:
    """Within it this executor is the handler's default one: ``run_in_executor(None, …)`` of libraries."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def is_at_once(executor: object) -> bool:
    """Whether a handler's loop calls at once what it is given for this executor."""
    return isinstance(executor, AtOnce) or (executor is None and _wanted.get())
