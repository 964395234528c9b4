"""Functions of restate-server's SQL about numbers, and digests."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

__all__ = ["FUNCTIONS", "KINDS"]


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Null where an argument is."""
    return lambda *given: None if None in given else function(*given)


def _digest(value: Any, name: str) -> str:
    data = value if isinstance(value, bytes) else str(value).encode()
    return hashlib.new(name, data, usedforsecurity=False).hexdigest()


def _sha(name: str) -> Callable[..., Any]:
    return lambda value: _digest(value, name)


_STRICT: Final[dict[str, Callable[..., Any]]] = {
    "cbrt": lambda number: math.copysign(abs(number) ** (1 / 3), number),
    "cot": lambda number: 1 / math.tan(number),
    "digest": _digest,
    "factorial": math.factorial,
    "gcd": math.gcd,
    "isnan": lambda number: number != number,
    "iszero": lambda number: number == 0,
    "lcm": math.lcm,
    "md5": _sha("md5"),
    "nanvl": lambda number, other: other if number != number else number,
    "to_hex": lambda number: f"{number % (1 << 64):x}",
    **{name: _sha(name) for name in ("sha224", "sha256", "sha384", "sha512")},
}
FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **{name: _strict(function) for name, function in _STRICT.items()},
    "today": lambda: datetime.now(UTC).strftime("%Y-%m-%d"),
}
KINDS: Final = {"isnan": "bool", "iszero": "bool"}
"""Types of what they give; the others' are those of each value."""
