"""When an invocation is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from restate_reflect.options import LATEST, RetryPolicy, seconds

__all__ = ["InvocationRetryPolicy", "merge_policies"]


@dataclass(frozen=True, slots=True)
class InvocationRetryPolicy:
    """A policy with nothing left open; milliseconds."""

    initial_interval: int
    factor: float
    max_interval: int | None
    max_attempts: int | None
    on_max_attempts: Literal["pause", "kill"]

    def delay(self, retries: int, *, jitter: bool = False) -> int | None:
        """Milliseconds before the next attempt after ``retries`` retries; ``None`` when there is none left."""
        if self.max_attempts is not None and retries + 1 >= self.max_attempts:
            return None
        delay = min(self._wanted(retries), LATEST if self.max_interval is None else self.max_interval)
        if jitter:
            delay += delay * random.random() / 3
        return round(delay)

    def _wanted(self, retries: int) -> float:
        try:
            return self.initial_interval * self.factor**retries
        except OverflowError:
            return LATEST


def merge_policies(*policies: RetryPolicy) -> InvocationRetryPolicy:
    """The first policy that says something decides, field by field; the last one must be complete."""

    def first(name: str) -> object:
        return next((value for policy in policies if (value := getattr(policy, name)) is not None), None)

    initial, factor, longest, attempts = (
        first(name) for name in ("initial_interval", "factor", "max_interval", "max_attempts")
    )
    return InvocationRetryPolicy(
        round(seconds(initial) * 1000),  # type: ignore[arg-type]
        float(factor),  # type: ignore[arg-type]
        None if longest is None else round(seconds(longest) * 1000),  # type: ignore[arg-type]
        attempts,  # type: ignore[arg-type]
        "kill" if first("on_max_attempts") == "kill" else "pause",
    )
