"""Durations as the server reads and writes them: ``1h 30m``, ``PT1H30M``; a day has 24 hours.

The server's parser is that of the jiff library ("friendly" and ISO 8601); years and months are refused.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

__all__ = ["DurationError", "format_duration", "parse_duration"]

_UNITS: Final[dict[str, tuple[Fraction, tuple[str, ...]]]] = {
    "w": (Fraction(604_800_000), ("weeks", "week", "wks", "wk", "w")),
    "d": (Fraction(86_400_000), ("days", "day", "d")),
    "h": (Fraction(3_600_000), ("hours", "hour", "hrs", "hr", "h")),
    "m": (Fraction(60_000), ("minutes", "minute", "mins", "min", "m")),
    "s": (Fraction(1000), ("seconds", "second", "secs", "sec", "s")),
    "ms": (Fraction(1), ("milliseconds", "millisecond", "millis", "milli", "msecs", "msec", "ms")),
    "us": (Fraction(1, 1000), ("microseconds", "microsecond", "micros", "micro", "usecs", "µsecs", "usec", "us", "µs")),
    "ns": (Fraction(1, 1_000_000), ("nanoseconds", "nanosecond", "nanos", "nano", "nsecs", "nsec", "ns")),
}
_CALENDAR: Final = ("years", "year", "yrs", "yr", "y", "months", "month", "mos", "mo")
_MOST: Final = {"weeks": 1_043_497, "days": 7_304_484, "hours": 175_307_616, "minutes": 10_518_456_960}
"""Of each unit, as the server's parser has them; all of it is beyond the year 9999, so that others need no limit."""
_MILLIS: Final = {name: factor for factor, names in _UNITS.values() for name in names}
_NUMBER: Final = r"[0-9]+(?:[.,][0-9]+)?"
_LONGEST: Final = 100
"""Characters. What is longer is no duration that anybody means, and Python itself refuses numbers of 4,300 digits."""
_FRIENDLY: Final = re.compile(rf"\s*({_NUMBER})\s*([a-zµ]+)\s*,?")
_CLOCK: Final = re.compile(r"\s*([0-9]+):([0-5][0-9]):([0-5][0-9])(?:[.,]([0-9]{1,9}))?\s*")
_AGO: Final = re.compile(r"\s+ago\s*$")
_ISO: Final = re.compile(
    rf"P(?:({_NUMBER})Y)?(?:({_NUMBER})M)?(?:({_NUMBER})W)?(?:({_NUMBER})D)?(?:T(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?",
    re.IGNORECASE,
)
_ISO_MILLIS: Final = (604_800_000, 86_400_000, 3_600_000, 60_000, 1000)
_NONE: Final = 'not a valid duration in either the ISO 8601 format or Jiff\'s "friendly" format'
_FAILED: Final = 'failed to parse input in the "friendly" duration format: '
_CALENDAR_UNIT: Final = "please use units of days or smaller"
_NO_NUMBER: Final = (
    "expected duration to start with a unit value (a decimal integer) after an optional sign, but no integer was found"
)
_NO_UNIT: Final = "expected to find unit designator suffix (e.g., `years` or `secs`) after parsing integer"


class DurationError(ValueError):
    """A text is no duration."""


def parse_duration(text: str) -> int:
    """Whole milliseconds.

    Raises:
        DurationError: The text is none, or has years or months.
    """
    if len(text) > _LONGEST:
        raise DurationError(f"a duration has at most {_LONGEST} characters, this one {len(text)}")
    if not text:
        raise DurationError(f"an empty string is {_NONE}")
    sign = text[0] if text[0] in "+-" else ""
    unsigned = text.removeprefix(sign)
    if not unsigned:
        raise DurationError(f"found nothing after sign `{sign}`, which is {_NONE}")
    past = _AGO.search(unsigned)
    millis = _parse_unsigned(unsigned if past is None else unsigned[: past.start()])
    if (sign == "-" or past is not None) and millis:
        raise DurationError("negative signed durations cannot be converted to an unsigned duration")
    return millis


def _parse_unsigned(text: str) -> int:
    if text == "0":
        return 0
    return _parse_iso(text) if text[0] in "Pp" else _parse_friendly(text)


def _parse_iso(text: str) -> int:
    if text[1:2] in ("T", "t") and not text[2:3].isdigit():
        raise DurationError(
            "found a time designator (`T` or `t`) in an ISO 8601 duration string, but did not find any time units"
        )
    found = _ISO.fullmatch(text)
    if found is None:
        raise DurationError(f"failed to parse {text!r} as an ISO 8601 duration, such as PT1H30M")
    if not any(found.groups()):
        raise DurationError("no parsed duration components")
    years, months, *smaller = found.groups()
    if years or months:
        raise DurationError(_CALENDAR_UNIT)
    parts = zip(smaller, _ISO_MILLIS, strict=True)
    return int(sum((_fraction(number) * factor for number, factor in parts if number), Fraction(0)))


def _parse_friendly(text: str) -> int:
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, seconds, fraction = clock.groups()
        return (int(hours) * 60 + int(minutes)) * 60_000 + int(_fraction(f"{seconds}.{fraction or 0}") * 1000)
    position, total = 0, Fraction(0)
    while position < len(text):
        found = _FRIENDLY.match(text, position)
        if found is not None and found[2] in _CALENDAR:
            raise DurationError(_CALENDAR_UNIT)
        if found is None or found[2] not in _MILLIS:
            begins = found is not None or text[position:].lstrip()[:1].isdigit()
            raise DurationError(_FAILED + (_NO_UNIT if begins else _NO_NUMBER))
        if not found[1].isdigit() and _MILLIS[found[2]] > _MILLIS["h"]:
            unit = "days" if _MILLIS[found[2]] == _MILLIS["d"] else "weeks"
            raise DurationError(f"{_FAILED}fractional {unit} are not supported")
        _check_size(found[1], found[2])
        total += _fraction(found[1]) * _MILLIS[found[2]]
        position = found.end()
    return int(total)


def _check_size(number: str, unit: str) -> None:
    names = next(names for _, names in _UNITS.values() if unit in names)
    whole, most = int(re.split("[.,]", number)[0]), _MOST.get(names[0])
    if whole >= 1 << 63:
        raise DurationError(f"{_FAILED}number too big to parse into 64-bit integer")
    if most is not None and whole > most:
        raise DurationError(
            f"{_FAILED}failed to set value for {names[1]} unit on span: parameter '{names[0]}' is not in the required"
            f" range of -{most}..={most}"
        )


def _fraction(number: str) -> Fraction:
    return Fraction(number.replace(",", "."))


def format_duration(millis: int) -> str:
    """The compact form: ``1d``, ``1m 30s``, ``500ms``, ``0s``."""
    parts: list[str] = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, millis = divmod(millis, int(_UNITS[unit][0]))
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
