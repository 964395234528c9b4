"""What can be set on an embedded runtime; the defaults are those of restate-server 1.7."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from restate_reflect.options import LATEST, Duration, RetryPolicy, seconds
from restate_reflect.protocol.versions import MAXIMUM, ProtocolVersion

__all__ = ["DEFAULT_RETRY_POLICY", "RuntimeSettings"]

DEFAULT_RETRY_POLICY = RetryPolicy(
    initial_interval=0.5, factor=2.0, max_interval=60.0, max_attempts=70, on_max_attempts="pause"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """Defaults for what a manifest leaves open, and limits. Durations in seconds or ``timedelta``.

    Raises:
        ValueError: A duration is none, negative, or longer than there are dates.
    """

    inactivity_timeout: Duration = 60.0
    """An attempt that waits this long is asked to suspend; 0: every attempt gets its journal and
    nothing more, so each await suspends."""
    abort_timeout: Duration = 600.0
    """How long it may take to suspend."""
    retry_policy: RetryPolicy = field(default_factory=lambda: DEFAULT_RETRY_POLICY)
    retry_jitter: bool = False
    """Whether to add up to a third to each delay, as the server does; off, so that tests repeat."""
    journal_retention: Duration = 86_400.0
    idempotency_retention: Duration = 86_400.0
    workflow_retention: Duration = 86_400.0
    eager_state_limit: int = 32 * 1024 * 1024
    """Bytes of state sent along with an attempt; beyond them the rest is asked for key by key. 0: always lazy."""
    max_protocol_version: ProtocolVersion = MAXIMUM
    force_suspension: bool = False
    """As ``inactivity_timeout=0``, whatever the manifest says."""
    scopes: bool = False
    """Whether calls may name a scope; restate-server 1.7 counts them among its experiments. Limits are not enforced."""
    scoped_virtual_objects: bool = False
    """With ``scopes``: whether those of virtual objects may, too; for restate-server 1.7 an experiment of its own."""
    max_concurrent_attempts: int = 1000

    def __post_init__(self) -> None:
        for name in _DURATIONS:
            if not 0 <= seconds(getattr(self, name)) * 1000 <= LATEST:
                raise ValueError(f"{name} is {getattr(self, name)!r}. Use a duration of zero or more.")


_DURATIONS: Final = (
    "inactivity_timeout",
    "abort_timeout",
    "journal_retention",
    "idempotency_retention",
    "workflow_retention",
)
