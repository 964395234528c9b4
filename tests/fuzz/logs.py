"""What must never be logged: exceptions that were caught where nobody expects one."""

from __future__ import annotations

import logging

__all__ = ["Unexpected", "listen"]


class Unexpected(AssertionError):
    """An exception reached a place that only keeps the process alive."""


class _Raise(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _seen.append(f"{record.getMessage()}\n{self.format(record)}")


_seen: list[str] = []


def listen() -> None:
    """From now on, ``check_silent`` fails once something was logged with a traceback."""
    handler = _Raise()
    handler.addFilter(lambda record: record.exc_info is not None)
    handler.setFormatter(logging.Formatter("%(message)s"))
    for name in ("restate_reflect", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False


def check_silent() -> None:
    """Raises ``Unexpected`` with what was logged since the last call."""
    if _seen:
        text = "\n".join(_seen)
        _seen.clear()
        raise Unexpected(text)
