"""Ways to name an invocation: its id, or what was asked for."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = [
    "IdempotentRequest",
    "InvocationTarget",
    "WorkflowRun",
    "invocation_bytes",
    "is_awakeable_id",
    "is_invocation_id",
]


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """The run of a workflow, by its key."""

    workflow: str
    key: str
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request, by its idempotency key."""

    service: str
    handler: str
    idempotency_key: str
    key: str | None = None
    scope: str | None = None


InvocationTarget: TypeAlias = str | WorkflowRun | IdempotentRequest
"""An invocation id, a workflow run, or a request with an idempotency key."""

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_INVOCATION_ID: Final = re.compile("inv_1([0-9A-Za-z]{11})([0-9A-Za-z]{22})")
_AWAKEABLE_ID: Final = re.compile("(?:sign|prom)_1([0-9A-Za-z_-]+)")
_AWAKEABLE_BYTES: Final = 28


def is_invocation_id(text: str) -> bool:
    """Whether a server could have given out this text: two numbers, of 64 and of 128 bits, in base 62."""
    found = _INVOCATION_ID.fullmatch(text)
    return found is not None and not (_number(found[1]) >> 64 or _number(found[2]) >> 128)


def invocation_bytes(text: str) -> bytes:
    """The 24 bytes that an invocation id stands for.

    Raises:
        ValueError: It is none.
    """
    found = _INVOCATION_ID.fullmatch(text)
    if found is None or not is_invocation_id(text):
        raise ValueError(f"{text!r} is no invocation id")
    return _number(found[1]).to_bytes(8, "little") + _number(found[2]).to_bytes(16, "little")


def is_awakeable_id(text: str) -> bool:
    """Whether it is the id of an awakeable: an invocation's 24 bytes and a number of 4, in base 64."""
    found = _AWAKEABLE_ID.fullmatch(text)
    if found is None or len(found[1]) % 4 == 1:
        return False
    return len(base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))) == _AWAKEABLE_BYTES


def _number(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * 62 + _DIGITS.index(digit)
    return value
