"""How an attempt ends, and what the server is told of one that fails."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from restate_reflect.engine.notifications import wire_code, wire_text
from restate_reflect.errors import RelatedCommand
from restate_reflect.protocol import pb
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["MAX_ERROR_TEXT", "AttemptError", "Ending", "error_message"]

_MAX_DELAY: Final = 365 * 86400.0
"""Seconds; a longer (or infinite) ``retry_after`` means "some day", and must fit the field."""

MAX_ERROR_TEXT: Final = 64_000
"""Characters of an error's message that are sent: one beyond the server's message limit would fail for ever."""


class Ending(Enum):
    """How the attempt ended."""

    COMPLETED = "completed"
    SUSPENDED = "suspended"
    FAILED = "failed"


class AttemptError(NamedTuple):
    """What goes into an ErrorMessage."""

    code: int
    message: str
    stacktrace: str = ""
    related: RelatedCommand | None = None
    retry_after: float | None = None
    """Seconds."""
    pause: bool = False
    bug: bool = False
    """Whether only a change of the code can mend it, not another attempt. Tests fail on it at once."""


def error_message(error: AttemptError, version: ProtocolVersion) -> pb.ErrorMessage:
    message = pb.ErrorMessage(
        code=wire_code(error.code), message=wire_text(error.message), stacktrace=wire_text(error.stacktrace)
    )
    if error.related is not None:
        message.related_command_index = max(error.related.index, 0)
        message.related_command_type = error.related.type
        if error.related.name:
            message.related_command_name = wire_text(error.related.name)
    if error.retry_after is not None:
        message.next_retry_delay = round(min(max(error.retry_after, 0.0), _MAX_DELAY) * 1000)
    if error.pause and version.has_error_behavior:
        message.behavior = pb.PAUSE
    return message
