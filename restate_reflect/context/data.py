"""Plain data: the request that a handler answers, and how another one is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from restate_reflect.context.headers import Headers
from restate_reflect.options import Duration

__all__ = ["NO_OPTIONS", "UNSET", "CallOptions", "Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """What started the invocation, and this attempt of it."""

    id: str
    """Invocation id."""
    headers: Mapping[str, str]
    """Headers of the invocation; the same in every attempt. Names are in lower case, and found by any spelling."""
    attempt_headers: Mapping[str, str]
    """HTTP headers of this attempt's request (``traceparent`` is here); names likewise."""
    body: bytes
    """The input as it came."""
    key: str | None = None
    scope: str | None = None
    limit_key: str | None = None
    idempotency_key: str | None = None
    """Known since service protocol V7."""
    retry_count: int = 0
    """Attempts since the last stored entry; best effort."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", Headers(self.headers))
        object.__setattr__(self, "attempt_headers", Headers(self.attempt_headers))


class CallOptions(NamedTuple):
    """How to call: everything but handler and arguments."""

    key: str | None = None
    idempotency_key: str | None = None
    headers: Mapping[str, str] | None = None
    delay: Duration | None = None
    scope: str | None = None
    limit_key: str | None = None


NO_OPTIONS: Final = CallOptions()


UNSET: Any = object()
"""Not given, as ``None`` is a type annotation too."""
