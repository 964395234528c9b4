"""Errors of agents that end an invocation: what will be the same on every replay is not to be tried again."""

from __future__ import annotations

import functools
from typing import Any

from restate_reflect.errors import TerminalError

__all__ = ["final"]


def final(error: Any, *, also: Any = TerminalError) -> Any:
    """The same exception, which is an ``also`` as well: ``except`` finds it by either class."""
    if isinstance(error, also):
        return error
    kind = _both(error.__class__, also)
    made = kind.__new__(kind, *error.args)
    made.__dict__.update(error.__dict__)
    return made


@functools.cache
def _both(kind: Any, also: Any) -> Any:
    return type(kind.__name__, (kind, also), {"__module__": kind.__module__, "__doc__": kind.__doc__})
