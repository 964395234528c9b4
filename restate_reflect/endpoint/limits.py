"""What an endpoint accepts; each limit can be changed, and says what it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from restate_reflect.protocol.framing import MAX_MESSAGE_BYTES

__all__ = ["DEFAULT_LIMITS", "EndpointLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLimits:
    """Limits of an endpoint."""

    max_message_bytes: int = MAX_MESSAGE_BYTES
    """Longest protocol message, hence longest input, state value or result."""
    shutdown_timeout: float = 10.0
    """Seconds that attempts get to finish or suspend after a stop was asked for."""


DEFAULT_LIMITS: Final = EndpointLimits()
