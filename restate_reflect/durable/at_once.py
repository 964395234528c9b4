"""A pool of threads that is none in a handler: libraries that take an executor run plain functions at once there."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import cache
from typing import Final, ParamSpec, TypeVar

__all__ = ["AT_ONCE", "AtOnce"]

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
