"""Log records of an endpoint: which handler and invocation they belong to, as text for people and as JSON for machines.

What a record says may come from callers: control characters are shown, not sent to a terminal, and only the first line
of a record looks like one.
"""

from __future__ import annotations

import json
import logging
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.blocking import watching_for_blocks
from restate_reflect.durable.environment import Environment, Sink
from restate_reflect.durable.extending import running_loop
from restate_reflect.engine.ending import Ending
from restate_reflect.escaping import terminal_text

__all__ = ["InvocationFilter", "JsonFormatter", "TextFormatter", "log_access", "log_answer", "logging_blocks"]

_logger = logging.getLogger("restate_reflect")
_access = logging.getLogger("restate_reflect.access")

_FIELDS: Final = ("service", "handler", "key", "invocation_id")


class InvocationFilter(logging.Filter):
    """Lets all records through, and marks those that handler code makes, by whatever logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        attempt = getattr(running_loop(), "owner", None)
        if isinstance(attempt, Attempt):
            for name, value in _of(attempt).items():
                if not hasattr(record, name):
                    setattr(record, name, value)
        return True


def _of(attempt: Attempt) -> dict[str, str]:
    started = attempt.engine.started if attempt.engine.has_started else None
    return {
        "service": attempt.service.name,
        "handler": attempt.handler.name,
        "key": "" if started is None else started.key,
        "invocation_id": "" if started is None else started.debug_id,
    }


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


class TextFormatter(logging.Formatter):
    """``2026-11-29 12:14:03.120 INFO    Counter/add inv_1… doubled to 8``; times are local."""

    def format(self, record: logging.LogRecord) -> str:
        at = _time(record).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        message = super().format(record)  # with the traceback, if there is one
        where = [part for part in (_target(record), getattr(record, "invocation_id", "")) if part not in message]
        lines = terminal_text(" ".join([*where, message])).splitlines() or [""]
        return "\n    ".join([f"{at} {record.levelname:7} {lines[0]}", *lines[1:]])


def _target(record: logging.LogRecord) -> str:
    service = getattr(record, "service", "")
    return f"{service}/{getattr(record, 'handler', '')}" if service else record.name


class JsonFormatter(logging.Formatter):
    """One object a line: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``, of which handler, and extras."""

    def format(self, record: logging.LogRecord) -> str:
        data: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name in _FIELDS if (value := getattr(record, name, ""))},
            **{name: value for name, value in vars(record).items() if name not in _KNOWN},
        }
        if record.exc_info:
            data["exception"] = self.formatException(record.exc_info)
        return terminal_text(json.dumps(data, ensure_ascii=False, default=str), lines=False)


_KNOWN: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", *_FIELDS}


def logging_blocks(environment: Environment[Attempt], seconds: float) -> AbstractContextManager[None]:
    """Logs who blocks the running loop for that long; never for 0."""
    if not seconds:
        return nullcontext()
    return watching_for_blocks(seconds, environment.attempts, partial(_logger.warning, "%s"))


# ------------------------------------------------------------ the access log

_ENDINGS: Final = {Ending.FAILED: "failed", Ending.SUSPENDED: "suspended"}


def log_access(attempt: Attempt, sink: Sink) -> Sink:
    """For ``Environment.wrap_sink``: one record for each attempt, when it has ended."""
    return _AccessLog(attempt, sink)


class _AccessLog:
    def __init__(self, attempt: Attempt, sink: Sink) -> None:
        self._attempt, self._sink = attempt, sink
        self._began = attempt.environment.loop.time()

    def write(self, data: bytes, *, end: bool) -> None:
        if end:
            self._log()
        self._sink.write(data, end=end)

    def _log(self) -> None:
        attempt = self._attempt
        took = (attempt.environment.loop.time() - self._began) * 1000
        how = "ended" if attempt.engine.ending is None else _ENDINGS.get(attempt.engine.ending, "ended")
        _access.info("attempt %s in %.1f ms", how, took, extra=_of(attempt))


def log_answer(method: str, path: str, status: int) -> None:
    """For ``Core.on_answer``: every other request."""
    _access.info("%s %s %d", method, path, status)
