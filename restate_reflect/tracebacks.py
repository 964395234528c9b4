"""Tracebacks of errors that Python itself can't write.

Of a missing ``package.module`` Python 3.15 looks for a build for another Python: it imports ``package`` again, and lets
out what that raises, which may be the very same error.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from traceback import TracebackException

__all__ = ["traceback_of"]


def traceback_of(error: BaseException) -> TracebackException:
    """With its causes; without Python's guess at what a missing module was meant to be, if that is what fails."""
    try:
        return TracebackException.from_exception(error)
    except (Exception, SystemExit):
        with _without_names_of_modules(error):
            return TracebackException.from_exception(error)


@contextmanager
def _without_names_of_modules(error: BaseException) -> Generator[None]:
    names = [(each, each.name) for each in _all(error, set()) if isinstance(each, ModuleNotFoundError)]
    for each, _ in names:
        each.name = None
    try:
        yield
    finally:
        for each, name in names:
            each.name = name


def _all(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """The error, its causes and contexts, and those that it is a group of."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    grouped = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for each in (error.__cause__, error.__context__, *grouped):
        yield from _all(each, seen)
