"""JSON text to data, as strictly as protobuf-JSON wants it.

``json_format.Parse`` lets in what can't be written again: the literals NaN and Infinity, which are no JSON, and
numbers too large for a float, both of which a ``google.protobuf.Value`` would hold.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

__all__ = ["loads"]


def loads(data: bytes) -> Any:
    """Raises ``ValueError`` for what is no JSON, ``RecursionError`` for what is nested too deeply."""
    return json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"duplicate key {next(name for name in names if names.count(name) > 1)!r}")
    return made


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON; write it as a string")


def _finite(text: str) -> float:
    if math.isfinite(value := float(text)):
        return value
    raise ValueError(f"{text} is out of range")
