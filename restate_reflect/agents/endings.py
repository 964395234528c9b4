"""Errors of agents that end an invocation: what will be the same on every replay is not to be tried again."""

from __future__ import annotations

import functools
from typing import Any

from restate_reflect.errors import TerminalError

__all__ = ["final"]


def final(error: Any) -> TerminalError:
    """The same exception, which is a ``TerminalError`` as well: ``except`` finds it by either class."""
    if isinstance(error, TerminalError):
        return error
    kind: Any = _final_class(error.__class__)
    made: TerminalError = kind.__new__(kind, *error.args)
    made.__dict__.update(error.__dict__)
    made.__cause__ = error
    return made


@functools.cache
def _final_class(kind: Any) -> Any:
    return type(kind.__name__, (kind, TerminalError), {"__module__": kind.__module__, "__doc__": kind.__doc__})
