"""Lengths of time in SQL: read as restate-server reads them, and written in its words.

Months and days have no fixed length, so an interval is three numbers there. Here it is milliseconds as soon as it is
compared or added; months are added by the calendar.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final, NamedTuple

__all__ = ["IntervalError", "Lengths", "read_interval", "shift"]

_DAY: Final = 86_400_000
_MONTH: Final = 30
"""Days, where the calendar does not tell."""
_UNITS: Final[dict[str, tuple[str, Fraction]]] = {
    **{name: ("months", Fraction(count)) for name, count in (("century", 1200), ("decade", 120), ("year", 12))},
    **dict.fromkeys(("month", "mon"), ("months", Fraction(1))),
    **{name: ("days", Fraction(count)) for name, count in (("week", 7), ("day", 1))},
    **dict.fromkeys(("hour", "hr"), ("millis", Fraction(3_600_000))),
    **dict.fromkeys(("minute", "min"), ("millis", Fraction(60_000))),
    **dict.fromkeys(("second", "sec"), ("millis", Fraction(1000))),
    **dict.fromkeys(("millisecond", "msec"), ("millis", Fraction(1))),
    **dict.fromkeys(("microsecond", "usec"), ("millis", Fraction(1, 1000))),
    "nanosecond": ("millis", Fraction(1, 1_000_000)),
}
_PART: Final = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


class IntervalError(ValueError):
    """A text is no interval."""


class Lengths(NamedTuple):
    """One interval."""

    months: int = 0
    days: int = 0
    millis: Fraction = Fraction(0)

    @property
    def all_millis(self) -> int:
        return round(((self.months * _MONTH) + self.days) * _DAY + self.millis)

    def times(self, sign: int) -> Lengths:
        return Lengths(self.months * sign, self.days * sign, self.millis * sign)

    def plus(self, other: Lengths) -> Lengths:
        return Lengths(self.months + other.months, self.days + other.days, self.millis + other.millis)

    def __str__(self) -> str:
        """``14 mons 3 days 4 hours 5 mins 6.007000000 secs``; each part has its own sign."""
        sign = -1 if self.millis < 0 else 1
        minutes, rest = divmod(abs(self.millis), 60_000)
        hours, minutes = divmod(minutes, 60)
        parts = [(self.months, "mons"), (self.days, "days"), (hours * sign, "hours"), (minutes * sign, "mins")]
        words = [f"{count} {name}" for count, name in parts if count]
        if rest:
            words.append(f"{float(rest * sign / 1000):.9f} secs")
        return " ".join(words) or "0 secs"


def read_interval(text: str) -> Lengths:
    """``1 year 2 months``, ``1.5 days``, ``90 minutes``; a number alone is seconds.

    Raises:
        IntervalError: It is none.
    """
    found, at = Lengths(), 0
    while at < len(text) or not at:
        part = _PART.match(text, at)
        if part is None:
            raise IntervalError(text)
        found, at = found.plus(_read(part[1], part[2].lower() or "second", text)), part.end()
    return found


def _read(number: str, unit: str, text: str) -> Lengths:
    """Fractions of months are days, and those of days hours."""
    name, size = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s")) or _PLURALS.get(unit, ("", Fraction(0)))
    amount = Fraction(number) * size
    if name == "months":
        months = int(amount)
        return Lengths(months).plus(_days((amount - months) * _MONTH))
    if name == "days":
        return _days(amount)
    if name == "millis":
        return Lengths(millis=amount)
    raise IntervalError(text)


_PLURALS: Final = {"centuries": _UNITS["century"]}


def _days(amount: Fraction) -> Lengths:
    days = int(amount)
    return Lengths(days=days, millis=(amount - days) * _DAY)


def shift(at: int | None, months: int, millis: int) -> int | None:
    """A time so many months and milliseconds later; the last day of a month stays within it."""
    if at is None:
        return None
    moment = datetime.fromtimestamp(at // 1000, UTC) + timedelta(milliseconds=at % 1000)
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    moved = moment.replace(year=year, month=month + 1, day=day)
    return round(moved.timestamp() * 1000) + millis
