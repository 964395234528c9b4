"""pydantic's errors as text that people read and data that programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from restate_reflect.codecs._names import type_name
from restate_reflect.errors import DecodeError

__all__ = ["cut", "decode_error", "large_input_error"]

# The message travels in failures and logs of the server; a hostile body must not blow it up.
MAX_LINES = 20
MAX_DETAILS = 1000
"""Errors that are kept as data: of a list of 500,000 wrong items that took 2.4 s, and 0.7 s with this."""
MAX_SHOWN_INPUT = 80
MAX_LINE = 400
"""Characters of one line: a path has the keys of objects in it, and a message the tag of a union."""


def decode_error(annotation: Any, error: ValidationError, *, secret: bool = False) -> DecodeError:
    """One line per mistake: ``field.path: message (got ...)``; ``secret``: without what was got."""
    # ValidationError.json() itself raises for a body that is no UTF-8.
    first = error.errors(include_url=False, include_input=not secret)[:MAX_DETAILS]
    raw = to_json(first, bytes_mode="base64", inf_nan_mode="strings", fallback=str)
    details: list[dict[str, Any]] = json.loads(raw)
    lines = [cut(_line(detail)) for detail in details[:MAX_LINES]]
    if error.error_count() > MAX_LINES:
        lines.append(f"... and {error.error_count() - MAX_LINES} more")
    return DecodeError("\n".join([f"not a valid {type_name(annotation)}:", *(f"  {line}" for line in lines)]), details)


def large_input_error(annotation: Any, error: ValidationError) -> DecodeError:
    """The first mistakes of a large input, without what was got: pieces of it could be as large as all of it."""
    count = error.error_count()
    details: list[dict[str, Any]] = []
    if count <= MAX_DETAILS:
        details = json.loads(to_json(error.errors(include_url=False, include_input=False), fallback=str))
    lines = [cut(f"{_path(detail)}: {detail['msg']}") for detail in details[:MAX_LINES]]
    if count > len(lines):
        lines.append(f"{count:,} mistakes in all" if not lines else f"... and {count - len(lines)} more")
    head = f"not a valid {type_name(annotation)} (of each collection in it the first mistake is told, as it is large):"
    return DecodeError("\n".join([head, *(f"  {line}" for line in lines)]), details)


def cut(line: str) -> str:
    """A line of an error, which quotes what a peer sent."""
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}..."


def _path(detail: Mapping[str, Any]) -> str:
    return ".".join(str(step) for step in detail["loc"]) or "value"


def _line(detail: Mapping[str, Any]) -> str:
    path = _path(detail)
    # The input of a missing field is the surrounding object, which would only mislead.
    if detail["type"] == "missing" or "input" not in detail:
        return f"{path}: {detail['msg']}"
    return f"{path}: {detail['msg']} (got {_shown(detail.get('input'))})"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN_INPUT else text[:MAX_SHOWN_INPUT] + "..."
