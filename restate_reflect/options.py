"""Options of services, handlers and retries: each one is spelled here, once.

Durations are ``timedelta`` or seconds; ``None`` leaves the server's default in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "DEFAULT_MAX_INPUT_BYTES",
    "LATEST",
    "Duration",
    "ErrorDetails",
    "HandlerOptions",
    "OnMaxAttempts",
    "RetryPolicy",
    "ServiceOptions",
    "merge",
    "millis",
    "seconds",
]

DEFAULT_MAX_INPUT_BYTES: Final = 4 << 20
"""4 MiB, as gRPC servers take by default. An input is stored in the journal, sent again with each attempt, and read on
the event loop: the costliest valid ones (``[{}, {}, …]`` for a list of models) take 2 s and 150 times their size a
megabyte. What is larger is better kept elsewhere, and its address sent."""

Duration: TypeAlias = timedelta | float
"""``timedelta`` or seconds."""

LATEST: Final = 253_402_300_799_999
"""Milliseconds since the epoch: the last moment of the year 9999, beyond which Python, and what shows times elsewhere,
has no dates. What ends later is refused where it is asked for."""

OnMaxAttempts: TypeAlias = Literal["pause", "kill", "fail"]
"""``pause`` waits for an operator; ``kill`` ends an invocation; ``fail`` makes a ``run`` fail terminally."""


ErrorDetails: TypeAlias = Literal["full", "message", "reference"]
"""What of an unexpected exception leaves the process: all with its stack trace; its text; or where the log has it."""


def seconds(duration: Duration) -> float:
    """The duration in seconds. Raises ``TypeError`` for what is none."""
    try:
        return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    except ValueError:
        raise TypeError(f"{duration!r} is no duration: write seconds (5, 0.5) or a timedelta") from None


def millis(duration: Duration | None) -> int | None:
    """The duration in whole milliseconds, as every wire format of Restate wants it."""
    return None if duration is None else round(seconds(duration) * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and how fast to try again.

    For an invocation (``@service``/``@handler``/``reflect``) the server applies it; there
    ``on_max_attempts`` is ``"pause"`` or ``"kill"`` and ``max_duration`` is not available.
    For one ``ctx.run`` it is applied to that step: ``"fail"`` (default) or ``"pause"`` (V7).
    """

    initial_interval: Duration | None = None
    factor: float | None = None
    max_interval: Duration | None = None
    max_attempts: int | None = None
    """Attempts in all, the first one included."""
    max_duration: Duration | None = None
    on_max_attempts: OnMaxAttempts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerOptions:
    """Options of one handler; unset ones are inherited from the service, then the server."""

    inactivity_timeout: Duration | None = None
    abort_timeout: Duration | None = None
    journal_retention: Duration | None = None
    idempotency_retention: Duration | None = None
    workflow_retention: Duration | None = None
    """Only for the run handler of a workflow."""
    lazy_state: bool | None = None
    ingress_private: bool | None = None
    retry_policy: RetryPolicy | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_input_bytes: int | None = None
    """Longest input that is read; a longer one ends the invocation with 413, before it is parsed."""
    error_details: ErrorDetails | None = None
    input_codec: Any = None
    """A ``Codec`` for the input, in place of the one chosen by type."""
    output_codec: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """Options of a service; they hold for all of its handlers."""

    inactivity_timeout: Duration | None = None
    abort_timeout: Duration | None = None
    journal_retention: Duration | None = None
    idempotency_retention: Duration | None = None
    workflow_retention: Duration | None = None
    """Only for workflows; applied to the run handler."""
    lazy_state: bool | None = None
    ingress_private: bool | None = None
    retry_policy: RetryPolicy | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    max_input_bytes: int | None = None
    error_details: ErrorDetails | None = None
    input_codec: Any = None
    output_codec: Any = None
    durable_natives: bool | None = None
    """Whether ``time``, ``random`` and ``uuid`` of the standard library are answered by the journal in its handlers."""
    interceptors: Sequence[object] | None = None
    """Objects with hooks around handlers, steps, calls and attempts, outermost first; within those of the endpoint."""


def merge(base: Any, over: Mapping[str, Any]) -> Any:
    """``base`` with every given (not ``None``) value of ``over``; unknown names raise ``TypeError``."""
    known = {f.name for f in fields(base)}
    unknown = sorted(set(over) - known)
    if unknown:
        raise TypeError(
            f"unknown option{'s'[: len(unknown) - 1]} {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    return replace(base, **{name: value for name, value in over.items() if value is not None})
