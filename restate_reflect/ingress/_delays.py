"""How long to wait before a request is sent again."""

from __future__ import annotations

import random
from dataclasses import fields

from restate_reflect.options import RetryPolicy, merge, seconds

__all__ = ["DEFAULT_RETRY", "Delays"]

DEFAULT_RETRY = RetryPolicy(max_attempts=5, initial_interval=0.05, factor=2.0, max_interval=2.0)
"""Four repetitions within at most 0.75 s of waiting: enough for a restart behind a load balancer, not for an outage."""


class Delays:
    """Seconds before each repetition: growing, and spread so that clients don't come back all at once."""

    def __init__(self, policy: RetryPolicy) -> None:
        filled: RetryPolicy = merge(DEFAULT_RETRY, {f.name: getattr(policy, f.name) for f in fields(policy)})
        self._left = (filled.max_attempts or 1) - 1
        self._next = seconds(filled.initial_interval or 0)
        self._factor = filled.factor or 1.0
        self._max = seconds(filled.max_interval or 0)
        self._budget = None if filled.max_duration is None else seconds(filled.max_duration)

    def next(self) -> float | None:
        """``None`` when it is time to give up."""
        if self._left <= 0:
            return None
        self._left -= 1
        delay = min(self._next, self._max)
        self._next = delay * self._factor
        delay *= random.uniform(0.5, 1.0)
        if self._budget is not None:
            self._budget -= delay
            if self._budget < 0:
                return None
        return delay
