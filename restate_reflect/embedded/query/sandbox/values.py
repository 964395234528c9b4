"""Types of columns: how SQLite holds a value of each, and how restate-server writes it as JSON.

``text``, ``bool``, ``u32``, ``u64``, ``i64``, ``float``, ``bytes``; ``time``, ``naive`` (without a zone) and ``span``
are milliseconds; ``texts`` and ``numbers`` are lists, held as JSON. An unknown type is that of each value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

__all__ = ["ARROW_NAMES", "from_iso", "iso", "iso_span", "shown", "stores"]

ARROW_NAMES: Final = {
    "text": "LargeUtf8",
    "bool": "Boolean",
    "u32": "UInt32",
    "u64": "UInt64",
    "i64": "Int64",
    "float": "Float64",
    "bytes": "LargeBinary",
    "time": 'Timestamp(ms, "+00:00")',
    "naive": "Timestamp(ns)",
    "span": "Duration(ms)",
    "texts": "List(LargeUtf8)",
    "numbers": "List(UInt32)",
}
"""What ``information_schema`` calls them."""
_TOP: Final = 1 << 63


def stores(kinds: Iterable[str]) -> Callable[[list[Any]], list[Any]]:
    """Makes of a row of such columns what SQLite can hold: numbers of 64 bits have a sign there. In place."""
    converted = [(index, _STORED[kind]) for index, kind in enumerate(kinds) if kind in _STORED]

    def store(row: list[Any]) -> list[Any]:
        for index, convert in converted:
            if row[index] is not None:
                row[index] = convert(row[index])
        return row

    return store


def _signed(value: int) -> int:
    return value - 2 * _TOP if value >= _TOP else value


def shown(kind: str | None, value: Any) -> Any:
    """As JSON has it; what does not fit its type stays as it is."""
    if value is None:
        return None
    try:
        return _SHOWN.get(kind or "", _plain)(value)
    except (TypeError, ValueError, OverflowError, OSError):
        return _plain(value)


def iso(millis: int) -> str:
    """``2026-01-31T12:00:00.5Z`` with as many digits as there are: three, or none."""
    seconds, rest = divmod(int(millis), 1000)
    return f"{_second(seconds)}.{rest:03d}Z" if rest else f"{_second(seconds)}Z"


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    """Of which there are few: invocations come by the hundreds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def from_iso(text: str) -> int:
    """Milliseconds since the epoch of a moment, in UTC unless it says otherwise.

    Raises:
        ValueError: It is none.
    """
    moment = datetime.fromisoformat(text.strip())
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def iso_span(millis: int) -> str:
    """``PT86400S``, ``PT1.5S``, ``P0D``."""
    sign, rest = ("-", -millis) if millis < 0 else ("", millis)
    seconds, fraction = divmod(int(rest), 1000)
    if not rest:
        return "P0D"
    return f"{sign}PT{seconds}" + (f".{fraction:03d}".rstrip("0") if fraction else "") + "S"


def _plain(value: Any) -> Any:
    """Bytes as hexadecimal digits, and no infinity."""
    if isinstance(value, bytes):
        return value.hex()
    return None if isinstance(value, float) and value - value != 0 else value


def _naive(millis: int) -> str:
    return iso(millis)[:-1]


def _unsigned(value: Any) -> Any:
    return value + 2 * _TOP if isinstance(value, int) and value < 0 else value


_STORED: Final[dict[str, Callable[[Any], Any]]] = {"u64": _signed, "texts": json.dumps, "numbers": json.dumps}
_SHOWN: Final[dict[str, Callable[[Any], Any]]] = {
    "bool": bool,
    "u64": _unsigned,
    "time": iso,
    "naive": _naive,
    "span": iso_span,
    "texts": json.loads,
    "numbers": json.loads,
}
