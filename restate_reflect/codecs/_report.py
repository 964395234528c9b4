"""pydantic's errors as text that people read and data that programs read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from restate_reflect.codecs._names import type_name
from restate_reflect.errors import DecodeError

__all__ = ["decode_error"]

# The message travels in failures and logs of the server; a hostile body must not blow it up.
MAX_LINES = 20
MAX_DETAILS = 1000
"""Errors that are kept as data: of a list of 500,000 wrong items that took 2.4 s, and 0.7 s with this."""
MAX_SHOWN_INPUT = 80


def decode_error(annotation: Any, error: ValidationError, *, secret: bool = False) -> DecodeError:
    """One line per mistake: ``field.path: message (got ...)``; ``secret``: without what was got."""
    # ValidationError.json() itself raises for a body that is no UTF-8.
    first = error.errors(include_url=False, include_input=not secret)[:MAX_DETAILS]
    raw = to_json(first, bytes_mode="base64", inf_nan_mode="strings", fallback=str)
    details: list[dict[str, Any]] = json.loads(raw)
    lines = [_line(detail) for detail in details[:MAX_LINES]]
    if error.error_count() > MAX_LINES:
        lines.append(f"... and {error.error_count() - MAX_LINES} more")
    return DecodeError("\n".join([f"not a valid {type_name(annotation)}:", *(f"  {line}" for line in lines)]), details)


def _line(detail: Mapping[str, Any]) -> str:
    path = ".".join(str(step) for step in detail["loc"]) or "value"
    # The input of a missing field is the surrounding object, which would only mislead.
    if detail["type"] == "missing" or "input" not in detail:
        return f"{path}: {detail['msg']}"
    return f"{path}: {detail['msg']} (got {_shown(detail.get('input'))})"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN_INPUT else text[:MAX_SHOWN_INPUT] + "..."
