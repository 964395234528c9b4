"""The numbers of a manifest, as its schema has them: what a deployment says is not what this runtime has made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["check_numbers"]

_WHOLE: Final = (
    "inactivityTimeout",
    "abortTimeout",
    "journalRetention",
    "idempotencyRetention",
    "workflowCompletionRetention",
    "retryPolicyInitialInterval",
    "retryPolicyMaxInterval",
    "retryPolicyMaxAttempts",
)
"""Durations in milliseconds, and one count; 64 bits on restate-server."""
_FACTOR: Final = "retryPolicyExponentiationFactor"


def check_numbers(described: Mapping[str, Any]) -> None:
    """Of a service or a handler.

    Raises:
        ValueError: One of them is none, negative, infinite or too large.
    """
    for name in _WHOLE:
        value = described.get(name)
        if value is not None and not (type(value) is int and 0 <= value < 1 << 64):
            raise ValueError(f"{name} is {value!r:.50}, no whole number of 64 bits")
    factor = described.get(_FACTOR)
    if factor is not None and not (type(factor) in (int, float) and 0 <= factor < math.inf):
        raise ValueError(f"{_FACTOR} is {factor!r:.50}, no positive number")
