"""Functions of restate-server's SQL that SQLite lacks, or has otherwise. Times are milliseconds, spans too."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from restate_reflect.embedded.query.sandbox import documents, lists, numbers, texts
from restate_reflect.embedded.query.sandbox.aggregates import AGGREGATES
from restate_reflect.embedded.query.sandbox.intervals import shift
from restate_reflect.embedded.query.sandbox.values import from_iso, iso

__all__ = ["add_functions"]


def _date_bin(span: int | None, at: int | None, origin: int = 0) -> int | None:
    return None if span is None or at is None else at - (at - origin) % span


_FIELDS: Final = ("year", "month", "day", "hour", "minute", "second")
_EARLIEST: Final = (1970, 1, 1, 0, 0, 0)
_PARTS: Final[dict[str, Callable[[datetime], float]]] = {
    "epoch": lambda moment: moment.timestamp(),
    "quarter": lambda moment: (moment.month + 2) // 3,
    "week": lambda moment: moment.isocalendar().week,
    "dow": lambda moment: moment.isoweekday() % 7,
    "doy": lambda moment: moment.timetuple().tm_yday,
    "millisecond": lambda moment: moment.second * 1000 + moment.microsecond // 1000,
    **{field: attrgetter(field) for field in _FIELDS},
}


def _datetime(at: int) -> datetime:
    return datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)


def _date_trunc(unit: str | None, at: int | None) -> int | None:
    if unit is None or at is None:
        return None
    moment, name = _datetime(at), unit.lower()
    if name == "millisecond":
        return at
    if name == "week":
        moment, name = moment - timedelta(days=moment.weekday()), "day"
    elif name == "quarter":
        moment, name = moment.replace(month=(moment.month - 1) // 3 * 3 + 1, day=1), "day"
    kept = _FIELDS.index(name) + 1
    year, month, day, hour, minute, second = (*moment.timetuple()[:kept], *_EARLIEST[kept:])
    return round(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000)


def _date_part(unit: str | None, at: int | None) -> float | int | None:
    return None if unit is None or at is None else _PARTS[unit.lower()](_datetime(at))


def _to_char(at: int | None, form: str | None) -> str | None:
    return None if at is None or form is None else _datetime(at).strftime(form)


def _from_seconds(at: float | str | None) -> int | None:
    if at is None:
        return None
    return from_iso(at) if isinstance(at, str) else round(at * 1000)


def _try_number(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        return None


def _to_unixtime(at: int | str | None) -> int | None:
    return None if at is None else (from_iso(at) if isinstance(at, str) else at) // 1000


def _to_millis(text: str | int | None) -> int | None:
    return from_iso(text) if isinstance(text, str) else text


def _to_text(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _span_text(millis: int | None) -> str | None:
    """With all parts, as lengths are there that have no months."""
    if millis is None:
        return None
    sign, seconds = (-1 if millis < 0 else 1), abs(millis) // 1000
    days, hours, minutes = seconds // 86_400 * sign, seconds // 3600 % 24 * sign, seconds // 60 % 60 * sign
    return f"{days} days {hours} hours {minutes} mins {(abs(millis) % 60_000) * sign / 1000:.3f} secs"


def _unsigned_text(number: int | None) -> str | None:
    return None if number is None else str(number % (1 << 64))


def _last_of(text: str | None, length: int | None) -> str | None:
    return None if text is None or length is None else text[-length:] if length else ""


def _first_of(text: str | None, length: int | None) -> str | None:
    return None if text is None or length is None else text[:length]


def _concat(*parts: Any) -> str:
    return "".join(str(part) for part in parts if part is not None)


def _concat_ws(separator: str | None, *parts: Any) -> str | None:
    return None if separator is None else separator.join(str(part) for part in parts if part is not None)


def _starts_with(text: str | None, start: str | None) -> int | None:
    return None if text is None or start is None else text.startswith(start)


def _ends_with(text: str | None, end: str | None) -> int | None:
    return None if text is None or end is None else text.endswith(end)


def _split_part(text: str | None, separator: str | None, number: int | None) -> str | None:
    if text is None or separator is None or number is None:
        return None
    parts = text.split(separator) if separator else [text]
    index = number - 1 if number > 0 else number + len(parts)
    return parts[index] if number and 0 <= index < len(parts) else ""


def _date_shift(date: str | None, months: int, millis: int) -> str | None:
    return None if date is None else iso(shift(from_iso(date), months, millis) or 0)[:10]


def _days_between(later: str | None, earlier: str | None) -> int | None:
    return None if later is None or earlier is None else (from_iso(later) - from_iso(earlier)) // 86_400_000


_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "true", "y", "yes", "on"), True),
    **dict.fromkeys(("0", "f", "false", "n", "no", "off"), False),
}


def _to_bool(text: str | None) -> bool | None:
    if text is None:
        return None
    if text.lower() not in _BOOLS:
        raise ValueError(f"Cast error: Cannot cast value '{text}' to value of Boolean type")
    return _BOOLS[text.lower()]


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "concat": _concat,
    "concat_ws": _concat_ws,
    "date_bin": _date_bin,
    "date_part": _date_part,
    "date_trunc": _date_trunc,
    "ends_with": _ends_with,
    "date_of": lambda at: None if at is None else iso(at)[:10],
    "date_shift": _date_shift,
    "days_between": _days_between,
    "first_of": _first_of,
    "last_of": _last_of,
    "to_bool": _to_bool,
    "split_part": _split_part,
    "starts_with": _starts_with,
    "from_unixtime": _from_seconds,
    "random": random.random,
    "span_text": _span_text,
    "time_shift": shift,
    "time_text": _to_text,
    "to_char": _to_char,
    "to_timestamp": _from_seconds,
    "to_timestamp_millis": _to_millis,
    "to_timestamp_seconds": _from_seconds,
    "try_number": _try_number,
    "to_millis": _to_millis,
    "to_unixtime": _to_unixtime,
    "unsigned_text": _unsigned_text,
    **texts.FUNCTIONS,
    **documents.FUNCTIONS,
    **lists.FUNCTIONS,
    **numbers.FUNCTIONS,
}


def add_functions(database: sqlite3.Connection) -> None:
    """Makes them known."""
    for name, function in _FUNCTIONS.items():
        database.create_function(name, -1, function, deterministic=name not in ("random", "today", "uuid"))
    database.execute("SELECT value FROM json_each('[]')")  # which makes its table, while that is allowed
    for name, (count, aggregate) in AGGREGATES.items():
        database.create_aggregate(name, count, aggregate)
