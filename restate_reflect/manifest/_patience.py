"""What is told of services that somebody debugs: nobody aborts their attempts for being silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from restate_reflect.definitions import ServiceDefinition

__all__ = ["PATIENCE", "patient"]

PATIENCE: Final = timedelta(days=1)
"""Longer than anybody stands at a breakpoint."""


def patient(service: ServiceDefinition, *, debugged: bool = False) -> ServiceDefinition:
    """The same with an abort timeout of a day, whatever was set.

    Args:
        debugged: Whether a debugger is there already: then nobody asks an attempt to suspend, either, which would meet
            its breakpoints again.
    """
    changed: dict[str, Any] = {"abort_timeout": PATIENCE} | ({"inactivity_timeout": PATIENCE} if debugged else {})
    unset: dict[str, Any] = dict.fromkeys(changed)
    handlers = {
        name: replace(handler, options=replace(handler.options, **unset)) for name, handler in service.handlers.items()
    }
    return replace(service, options=replace(service.options, **changed), handlers=handlers)
