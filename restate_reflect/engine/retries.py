"""What happens after a ``run`` failed with an error that is not terminal."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from restate_reflect.options import RetryPolicy, seconds

__all__ = ["FAIL", "FOREVER", "PAUSE", "Fail", "Pause", "Retry", "RetryInfo", "next_step"]


class RetryInfo(NamedTuple):
    """How often and how long this run was tried, the failure at hand included."""

    attempts: int
    duration: float
    """Seconds."""


class Retry(NamedTuple):
    """End the attempt; try again after ``delay`` seconds (``None``: the server decides)."""

    delay: float | None


class Pause:
    """End the attempt and wait for an operator (V7)."""


class Fail:
    """Record the failure: the run fails terminally."""


PAUSE: Final = Pause()
FAIL: Final = Fail()
FOREVER: Final = RetryPolicy()
"""The default: the server's invocation retry policy decides when, without end."""

_DEFAULT_FACTOR: Final = 2.0


def next_step(policy: RetryPolicy, info: RetryInfo) -> Retry | Pause | Fail:
    """What the policy says."""
    if _exhausted(policy, info):
        return PAUSE if policy.on_max_attempts == "pause" else FAIL
    return Retry(_delay(policy, info.attempts))


def _exhausted(policy: RetryPolicy, info: RetryInfo) -> bool:
    if policy.max_attempts is not None and info.attempts >= policy.max_attempts:
        return True
    return policy.max_duration is not None and info.duration >= seconds(policy.max_duration)


def _delay(policy: RetryPolicy, attempts: int) -> float | None:
    """Seconds before the next attempt: initial * factor ** (attempts - 1), capped."""
    if policy.initial_interval is None:
        return None
    factor = _DEFAULT_FACTOR if policy.factor is None else policy.factor
    try:
        delay = seconds(policy.initial_interval) * factor ** (attempts - 1)
    except OverflowError:
        delay = math.inf
    return delay if policy.max_interval is None else min(delay, seconds(policy.max_interval))
