"""Where ``dev`` listens in on an endpoint: attempts, ``ctx.log``, and what the guards warn of."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from aiohttp import web

from restate_reflect.dev.tap import Tap, target_of
from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.environment import Environment
from restate_reflect.durable.guards import Guard, GuardWarning
from restate_reflect.endpoint import CORE

__all__ = ["watch"]

News = Callable[[dict[str, Any]], None]


def watch(app: web.Application, guard: Guard, news: News) -> None:
    """Tells ``news`` of everything from now on. To be called on the loop that serves."""
    environment = app[CORE].environment
    environment.error_details = "full"  # to the developer alone
    if environment.guard is Guard.OFF:
        environment.guard = guard
    environment.strict = True
    environment.wrap_sink = lambda attempt, sink: Tap(attempt, sink, news)
    logging.getLogger("restate_reflect").addFilter(_not_shown_anyway)
    if not logging.getLogger().handlers:  # else the user's own configuration decides
        _show_log_lines(environment, news)
    _show_warnings(news)


def _not_shown_anyway(record: logging.LogRecord) -> bool:
    """Failed attempts have their place in the log of ``dev``, once each."""
    return "attempt failed" not in str(record.msg)


def _show_log_lines(environment: Environment[Attempt], news: News) -> None:
    handlers = logging.getLogger("restate_reflect.handlers")
    handlers.setLevel(logging.INFO)
    handlers.propagate = False
    handlers.addHandler(_Lines(environment, news))


class _Lines(logging.Handler):
    """What handlers log with ``ctx.log``, beside their steps."""

    def __init__(self, environment: Environment[Attempt], news: News) -> None:
        super().__init__()
        self._environment, self._news = environment, news

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.levelname.lower()}: {self.format(record)}"
        identifier = getattr(record, "invocation_id", "")
        target = next((name for name in self._targets(identifier)), record.name.rpartition(".")[2])
        self._news({"style": "log", "text": text, "ms": None, "target": target, "id": identifier})

    def _targets(self, identifier: str) -> Iterator[str]:
        for attempt in self._environment.attempts:
            if attempt.engine.has_started and attempt.engine.started.debug_id == identifier:
                yield target_of(attempt, attempt.engine.started.key)


def _show_warnings(news: News) -> None:
    others = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, GuardWarning):
            news({"warning": str(message)})  # which names the place; the caller's is our own loop
        else:
            others(message, category, filename, lineno, file, line)

    warnings.showwarning = show
