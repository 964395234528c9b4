"""Why a value is refused: its type, the place in it, the reason, and the change that mends it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final

from pydantic import ValidationError

from restate_reflect.codecs._names import type_name
from restate_reflect.codecs._other_types import none_given
from restate_reflect.codecs._report import decode_error
from restate_reflect.errors import EncodeError

__all__ = ["TOO_DEEP", "misfit", "unreadable", "unwritable"]

MAX_LINES: Final = 20
TOO_DEEP: Final = (
    "value: it is nested more than 200 levels deep, which JSON readers refuse. Flatten it, or write it as bytes"
)
_TOO_LARGE: Final = (
    "value: a number in it is longer than JSON readers accept (4,300 digits). Write it as text or as bytes"
)


def misfit(annotation: Any, value: Any, reasons: Sequence[str]) -> EncodeError:
    """For a value that does not fit; each reason begins with the place: ``items.0: ...``."""
    listed = "\n".join(f"  {reason.strip()}" for reason in reasons)
    return EncodeError(
        f"a value of type {type(value).__name__} does not fit the declared type {type_name(annotation)}:\n{listed}"
    )


def unwritable(annotation: Any, value: Any, error: Exception) -> EncodeError:
    """For an exception out of writing it, or of comparing it with what would come back."""
    if isinstance(error, RecursionError) or "serialization depth exceeded" in str(error):
        return misfit(annotation, value, [TOO_DEEP])
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return misfit(annotation, value, [f"value: it can't be written: {lines[0]}", *lines[1:MAX_LINES]])


def unreadable(annotation: Any, value: Any, error: ValidationError, *, secret: bool) -> EncodeError:
    """For what could be written and not be read back."""
    if value is None:
        return misfit(annotation, value, [f"value: {none_given(type_name(annotation))}"])
    if (known := _of_json(error)) is not None:
        return misfit(annotation, value, [known])
    lines = str(decode_error(annotation, error, secret=secret)).splitlines()[1:]
    places = [each["loc"] for each in error.errors(include_url=False, include_input=False)]
    shown = zip_longest(lines, places[: len(lines)])
    return misfit(annotation, value, [_in_python(line or "", value, place) for line, place in shown])


def _in_python(line: str, value: Any, place: tuple[Any, ...] | None) -> str:
    """pydantic speaks of the JSON; who reads this has a Python value."""
    if line.endswith("(got null)"):
        return line.removesuffix("(got null)") + "(got None)"
    if line.endswith("Field required") and place is not None and (around := _at(value, place[:-1])) is not None:
        return f"{line} (of a {type(around).__name__})"
    return line


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    """What stands at a place in a value; ``None`` if it is not found by these names."""
    for step in place:
        try:
            value = getattr(value, str(step)) if hasattr(value, str(step)) else value[step]
        except Exception:  # other names than Python's, or a property of the user's
            return None
    return value


def _of_json(error: ValidationError) -> str | None:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] != "json_invalid":
        return None
    reason = str(first.get("ctx", {}).get("error", first["msg"]))
    if "recursion limit" in reason:
        return TOO_DEEP
    return _TOO_LARGE if "number" in reason else f"value: it would be no JSON: {reason}"
