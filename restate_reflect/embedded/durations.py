"""Durations as the server reads and writes them: ``1h 30m``, ``PT1H30M``; a day has 24 hours.

The server's parser is that of the jiff library ("friendly" and ISO 8601): units go from the largest to the smallest, a
fraction ends it, and what follows is an error that shows what was understood. Years and months are refused.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, NoReturn

__all__ = ["DurationError", "format_duration", "parse_duration"]

_UNITS: Final[dict[str, tuple[Fraction | None, str]]] = {
    "year": (None, "years year yrs yr y"),
    "month": (None, "months month mos mo"),
    "week": (Fraction(604_800_000), "weeks week wks wk w"),
    "day": (Fraction(86_400_000), "days day d"),
    "hour": (Fraction(3_600_000), "hours hour hrs hr h"),
    "minute": (Fraction(60_000), "minutes minute mins min m"),
    "second": (Fraction(1000), "seconds second secs sec s"),
    "millisecond": (Fraction(1), "milliseconds millisecond millis milli msecs msec ms"),
    "microsecond": (Fraction(1, 1000), "microseconds microsecond micros micro usecs µsecs usec us µs"),
    "nanosecond": (Fraction(1, 1_000_000), "nanoseconds nanosecond nanos nano nsecs nsec ns"),
}
"""Milliseconds of each, and its names; from the largest to the smallest."""
_ORDER: Final = list(_UNITS)
_NAMES: Final = {name: unit for unit, (_, names) in _UNITS.items() for name in names.split()}
_MOST: Final = {"week": 1_043_497, "day": 7_304_484, "hour": 175_307_616, "minute": 10_518_456_960}
"""Of each unit, as the server's parser has them; all of it is beyond the year 9999, so that others need no limit."""
_ISO_DATE: Final = {"Y": "year", "M": "month", "W": "week", "D": "day"}
_ISO_TIME: Final = {"H": "hour", "M": "minute", "S": "second"}
_LONGEST: Final = 100
"""Characters. What is longer is no duration that anybody means, and Python itself refuses numbers of 4,300 digits."""
_BLANK: Final = r"[ \t\n\r\f]"
_VALUE: Final = re.compile(r"[0-9]+")
_FRACTION: Final = re.compile(r"[.,]([0-9]{0,9})")
_NAME: Final = re.compile(f"{_BLANK}*({'|'.join(sorted(_NAMES, key=len, reverse=True))})")
_BLANKS: Final = re.compile(f"{_BLANK}*")
_AGO: Final = re.compile(f"{_BLANK}+ago")
_NONE: Final = 'not a valid duration in either the ISO 8601 format or Jiff\'s "friendly" format'
_FAILED: Final = 'failed to parse input in the "friendly" duration format: '
_CALENDAR_UNIT: Final = "please use units of days or smaller"
_NO_NUMBER: Final = (
    "expected duration to start with a unit value (a decimal integer) after an optional sign, but no integer was found"
)
_NO_UNIT: Final = "expected to find unit designator suffix (e.g., `years` or `secs`) after parsing integer"
_NO_TIME: Final = "found a time designator (`T` or `t`) in an ISO 8601 duration string, but did not find any time units"


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
    if text == sign:
        raise DurationError(f"found nothing after sign `{sign}`, which is {_NONE}")
    if text[len(sign)] in "Pp":
        span = _Iso(text, len(sign)).read(sign)
    else:
        try:
            span = _Friendly(text, len(sign)).read(sign)
        except DurationError as error:
            raise DurationError(f"{_FAILED}{error}") from None
    return span.millis()


def _shown(character: str) -> str:
    """As Rust shows it in a text."""
    if character.isprintable() and character not in '"\\':
        return character
    known = {"\0": "\\0", "\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    return known.get(character, f"\\u{{{ord(character):x}}}")


class _Span:
    """Units of a duration, and where in the text its reader stands."""

    def __init__(self, text: str, position: int) -> None:
        self._text, self._position = text, position
        self._parts: dict[str, Fraction] = {}
        self._is_negative = False

    def millis(self) -> int:
        if any(value for unit, value in self._parts.items() if _UNITS[unit][0] is None):
            raise DurationError(_CALENDAR_UNIT)
        millis = sum(((_UNITS[unit][0] or 0) * value for unit, value in self._parts.items()), Fraction(0))
        if self._is_negative and millis:
            raise DurationError("negative signed durations cannot be converted to an unsigned duration")
        return int(millis)

    def __str__(self) -> str:
        """In ISO 8601."""
        parts = {unit: value for unit, value in self._parts.items() if value}
        date = "".join(f"{parts[unit]}{sign}" for sign, unit in _ISO_DATE.items() if unit in parts)
        small = ((_UNITS[unit][0] or 0) * value / 1000 for unit, value in parts.items() if unit in _ORDER[6:])
        seconds = sum(small, Fraction(0))
        time = "".join(f"{parts[unit]}{sign}" for sign, unit in _ISO_TIME.items() if unit in parts and sign != "S")
        if seconds or not (date or time):
            time += f"{seconds.numerator if seconds.denominator == 1 else float(seconds)}S"
        return f"{'-' * self._is_negative}P{date}{f'T{time}' if time else ''}"

    def _end(self) -> None:
        """Nothing may follow."""
        if rest := self._text[self._position :]:
            shown = "".join(map(_shown, rest))
            raise DurationError(
                f"parsed value '{self}', but unparsed input \"{shown}\" remains (expected no unparsed input)"
            )

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._position)
        if found is not None:
            self._position = found.end()
        return found

    def _value(self) -> int | None:
        found = self._take(_VALUE)
        if found is None:
            return None
        if (value := int(found[0])) >= 1 << 64:
            raise DurationError("number too big to parse into 64-bit integer")
        return value

    def _fraction(self) -> Fraction | None:
        """Digits after a decimal sign."""
        found = self._take(_FRACTION)
        if found is None:
            return None
        if not found[1]:
            raise DurationError("found decimal after seconds component, but did not find any digits after decimal")
        return Fraction(f"0.{found[1]}")

    def _add(self, unit: str, value: int, fraction: Fraction | None) -> None:
        last = next(reversed(self._parts), None)
        if last is not None and _ORDER.index(unit) <= _ORDER.index(last):
            raise DurationError(
                f"found value with unit {unit} after unit {last}, but units must be written from largest to smallest"
                " (and they can't be repeated)"
            )
        if fraction is not None and unit in ("year", "month", "week", "day", "nanosecond"):
            raise DurationError(f"fractional {unit}s are not supported")
        if value >= 1 << 63:
            raise DurationError(f"value for {unit}s is too big (or small) to fit into a signed 64-bit integer")
        if value > _MOST.get(unit, value):
            raise DurationError(
                f"failed to set value for {unit} unit on span: parameter '{unit}s' is not in the required range of"
                f" -{_MOST[unit]}..={_MOST[unit]}"
            )
        self._parts[unit] = Fraction(value)
        if fraction is not None:
            self._spread((_UNITS[unit][0] or 0) * fraction)

    def _spread(self, millis: Fraction) -> None:
        """What is left of the last unit, on the smaller ones."""
        minutes, rest = divmod(millis, 60_000)
        for unit, value in (("minute", Fraction(minutes)), ("millisecond", rest)):
            self._parts[unit] = self._parts.get(unit, Fraction(0)) + value


class _Friendly(_Span):
    """``1h 30m``, ``1 day, 02:03:04.5``, ``5s ago``."""

    def read(self, sign: str) -> _Span:
        value = self._value()
        if value is None:
            raise DurationError(_NO_NUMBER)
        if self._text != "0":
            self._units(value)
        self._is_negative = (self._take(_AGO) is not None) or sign == "-"
        self._end()
        return self

    def _units(self, first: int) -> None:
        value: int | None = first
        while value is not None:
            if self._text.startswith(":", self._position):
                return self._clock(value)
            fraction = self._fraction()
            named = self._take(_NAME)
            if named is None:
                raise DurationError(_NO_UNIT)
            comma = self._comma()
            self._add(_NAMES[named[1]], value, fraction)
            before = self._position
            self._take(_BLANKS)
            value = self._value() if fraction is None else None
            if value is None and comma:
                raise DurationError(
                    "found comma at the end of duration, but a comma indicates at least one more unit follows"
                )
            if value is None and _AGO.match(self._text, before):
                self._position = before

    def _comma(self) -> bool:
        if not self._text.startswith(",", self._position):
            return False
        following = self._text[self._position + 1 : self._position + 2]
        if not re.match(_BLANK, following):
            found = f"`{following}`" if following else "end of input"
            raise DurationError(f"expected whitespace after comma, but found {found}")
        self._position += 1
        return True

    def _clock(self, hours: int) -> None:
        """``HH:MM:SS``, from the first colon on."""
        last = next(reversed(self._parts), None)
        if last is not None and _ORDER.index(last) >= _ORDER.index("hour"):
            raise DurationError(
                f"found `HH:MM:SS` after unit {last}, but `HH:MM:SS` can only appear after years, months, weeks or days"
            )
        self._position += 1
        minutes = self._clock_value("minute", "hour")
        if not self._text.startswith(":", self._position):
            self._fail_in_clock("expected to parse `:` following minute")
        self._position += 1
        seconds = self._clock_value("second", "minute")
        for unit, value in (("hour", hours), ("minute", minutes)):
            self._add(unit, value, None)
        self._add("second", seconds, self._fraction())

    def _clock_value(self, unit: str, before: str) -> int:
        value = self._value()
        if value is None:
            self._fail_in_clock(f"expected to parse {unit} following {before}")
        return value

    @staticmethod
    def _fail_in_clock(why: str) -> NoReturn:
        raise DurationError(f"when parsing the `HH:MM:SS` format, {why}")


class _Iso(_Span):
    """``P1DT2H3M4.5S``; lower case, too."""

    def read(self, sign: str) -> _Span:
        self._position += 1
        self._is_negative = sign == "-"
        self._units(_ISO_DATE, "date", "(`Y`, `M`, `W` or `D`)")
        if self._text[self._position : self._position + 1] in ("T", "t"):
            self._position += 1
            before = len(self._parts)
            self._units(_ISO_TIME, "time", "(`H`, `M` or `S`)")
            if len(self._parts) == before:
                raise DurationError(_NO_TIME)
        if not self._parts:
            raise DurationError("no parsed duration components")
        self._end()
        return self

    def _units(self, units: dict[str, str], kind: str, shown: str) -> None:
        while (value := self._value()) is not None:
            fraction = self._fraction() if kind == "time" else None
            sign = self._text[self._position : self._position + 1]
            if sign.upper() not in units:
                found = f"found `{sign}` instead" if sign else "found end of input"
                raise DurationError(f"expected to find {kind} unit designator suffix {shown}, but {found}")
            self._position += 1
            self._add(units[sign.upper()], value, fraction)
            if fraction is not None:
                return


def format_duration(millis: int) -> str:
    """The compact form: ``1d``, ``1m 30s``, ``500ms``, ``0s``."""
    parts: list[str] = []
    for unit, millis_of_one in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, millis = divmod(millis, millis_of_one)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
