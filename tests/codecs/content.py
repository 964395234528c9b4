"""What a value is made of, as the law has it; apart from the code under test."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
from typing import Any

import pydantic
from pydantic import BaseModel

__all__ = ["content", "is_same"]


def content(value: Any) -> Any:
    """What ``==`` can't see: types, signs of zero, exponents, offsets. (Not the code under test.)"""
    if isinstance(value, BaseModel):
        kept = {name: content(getattr(value, name)) for name in type(value).model_fields}
        return "model", kept, content(value.model_extra or {}), content(value.__pydantic_private__ or {})
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), {each.name: content(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, dict):
        items = [(content(key), content(item)) for key, item in value.items()]
        return type(value), items if isinstance(value, collections.OrderedDict) else sorted(items, key=repr)
    if isinstance(value, (list, tuple, collections.deque)):
        return type(value), [content(item) for item in value], getattr(value, "maxlen", None)
    if isinstance(value, (set, frozenset)):
        return type(value), frozenset(map(repr, value))
    if isinstance(value, (dt.datetime, dt.time)):
        return type(value), value.isoformat()
    return type(value), value if isinstance(value, (enum.Enum, pydantic.SecretStr, pydantic.SecretBytes)) else repr(
        value
    )


def is_same(written: Any, restored: Any) -> bool:
    """Whether two contents are the same; an int may have become the float that is declared."""
    if isinstance(written, (tuple, list)) and type(written) is type(restored) and len(written) == len(restored):
        if len(written) == 2 and (written[0], restored[0]) == (int, float):
            return bool(float(written[1]) == float(restored[1]))
        return all(map(is_same, written, restored))
    if isinstance(written, dict) and isinstance(restored, dict) and written.keys() == restored.keys():
        return all(is_same(item, restored[name]) for name, item in written.items())
    return bool(written == restored)
