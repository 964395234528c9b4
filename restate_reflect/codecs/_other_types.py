"""Words for a value that would come back as one of another type, and the change that mends it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel

__all__ = ["none_given", "other_type"]

_CONVERTED: Final = (str, int, float, bytes, list, tuple, set, frozenset, dict)
"""What a call of the class makes of its subclasses, and of each other."""


def other_type(written: Any, restored: Any) -> str:
    """Why it is refused: ``a Circle would come back as a Shape ...``."""
    given, back = _name(type(written)), _name(type(restored))
    if written is None:
        return none_given(back)
    if restored is None:
        return f"{_article(given)} would come back as None. Declare {given}"
    return f"{_article(given)} would come back as {_article(back)}. {_fix(written, restored)}"


def none_given(declared: str) -> str:
    """For a ``None`` in the place of something else: most often a function that ends without ``return``."""
    return f"None is no {declared}. Return one on every path, or declare {declared} | None"


def _fix(written: Any, restored: Any) -> str:
    given, back = _name(type(written)), _name(type(restored))
    if isinstance(restored, BaseModel | Mapping) or dataclasses.is_dataclass(restored):
        return _fix_of_class(written, restored, given, back)
    if isinstance(written, Enum):
        return f"Declare {given}, or write its value: .value"
    if isinstance(written, BaseModel) or dataclasses.is_dataclass(written):
        return f"Declare {given}"
    if type(restored) in _CONVERTED:
        return f"Write {back}(value), or declare {given}"
    if isinstance(written, str) and isinstance(restored, date | time | timedelta | Decimal | UUID):
        return f"Make it one first, or declare {given}"
    return f"Convert it first, or declare {given}"


def _fix_of_class(written: Any, restored: Any, given: str, back: str) -> str:
    if isinstance(written, type(restored)) and not isinstance(restored, dict):
        return f"Only the fields of {back} are written: declare {given}, or a union of the classes"
    if isinstance(written, Mapping) and not isinstance(restored, Mapping):
        make = f"{back}.model_validate(value)" if isinstance(restored, BaseModel) else f"{back}(**value)"
        return f"Make it one: {make}"
    if type(restored) is dict and isinstance(written, Mapping):
        return f"Write dict(value), or declare {given}"
    return f"Declare {given}, or make it {_article(back)} first"


def _name(cls: type) -> str:
    return getattr(cls, "__name__", repr(cls))


def _article(name: str) -> str:
    return f"{'an' if name[:1] in 'aeioAEIO' else 'a'} {name}"
