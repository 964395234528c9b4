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
_MILLIS: Final = {name: factor for factor, names in _UNITS.values() for name in names}
_NUMBER: Final = r"[0-9]+(?:[.,][0-9]+)?"
_LONGEST: Final = 100
"""Characters. What is longer is no duration that anybody means, and Python itself refuses numbers of 4,300 digits."""
_FRIENDLY: Final = re.compile(rf"\s*({_NUMBER})\s*([a-zµ]+)\s*,?")
_ISO: Final = re.compile(
    rf"P(?:({_NUMBER})W)?(?:({_NUMBER})D)?(?:T(?:({_NUMBER})H)?(?:({_NUMBER})M)?(?:({_NUMBER})S)?)?", re.IGNORECASE
)
_ISO_MILLIS: Final = (604_800_000, 86_400_000, 3_600_000, 60_000, 1000)
_NO_NUMBER: Final = (
    'failed to parse input in the "friendly" duration format: expected duration to start with a unit value'
    " (a decimal integer) after an optional sign, but no integer was found"
)


class DurationError(ValueError):
    """A text is no duration."""


def parse_duration(text: str) -> int:
    """Whole milliseconds.

    Raises:
        DurationError: The text is none, or has years or months.
    """
    if len(text) > _LONGEST:
        raise DurationError(f"a duration has at most {_LONGEST} characters, this one {len(text)}")
    if text == "0":
        return 0
    if text[:1] in ("P", "p"):
        return _parse_iso(text)
    return _parse_friendly(text)


def _parse_iso(text: str) -> int:
    found = _ISO.fullmatch(text)
    if found is None or not any(found.groups()):
        raise DurationError(f"failed to parse {text!r} as an ISO 8601 duration, such as PT1H30M")
    parts = zip(found.groups(), _ISO_MILLIS, strict=True)
    return int(sum((_fraction(number) * factor for number, factor in parts if number), Fraction(0)))


def _parse_friendly(text: str) -> int:
    position, total = 0, Fraction(0)
    while position < len(text):
        found = _FRIENDLY.match(text, position)
        if found is None or found[2] not in _MILLIS:
            raise DurationError(_NO_NUMBER if position == 0 and found is None else _unit_error(text))
        total += _fraction(found[1]) * _MILLIS[found[2]]
        position = found.end()
    if not text.strip():
        raise DurationError(_NO_NUMBER)
    return int(total)


def _unit_error(text: str) -> str:
    return f'failed to parse {text!r} in the "friendly" duration format: units are {", ".join(_UNITS)}'


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
