"""Too many open files: told once, and once more with the count when it is over.

asyncio reports each of a listening socket's hundred tries, every second anew; a load test filled a log with tens of
thousands of tracebacks.
"""

from __future__ import annotations

import asyncio
import errno
from typing import Any, Final

import click

resource: Any
try:
    import resource  # now: an import opens files
except ImportError:  # Windows
    resource = None

__all__ = ["tell_exhaustion_once"]

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_QUIET: Final = 5.0
"""Seconds without another failure after which it is over; asyncio tries again each second."""


def tell_exhaustion_once(loop: asyncio.AbstractEventLoop) -> None:
    """From now on; everything else that the loop reports is reported as before."""
    loop.set_exception_handler(_Reports())


class _Reports:
    """The exception handler of a loop."""

    def __init__(self) -> None:
        self._count = self._looked_at = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _EXHAUSTED:
            loop.default_exception_handler(context)
            return
        if not self._count:
            click.echo(f"{_reason(error)}; connections wait until others have ended.{_limit()}", err=True)
            loop.call_later(_QUIET, self._look, loop)
        self._count += 1

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._count != self._looked_at:
            self._looked_at = self._count
            loop.call_later(_QUIET, self._look, loop)
            return
        click.echo(f"connections are accepted again; that had failed {self._count:,} times", err=True)
        self._count = self._looked_at = 0


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _limit() -> str:
    if resource is None:
        return ""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return f" This process may have {soft:,} files and sockets open; `ulimit -n` allows up to {hard:,}."
