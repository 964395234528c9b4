"""Hypothesis strategies for whole annotated types and values of them."""

from __future__ import annotations

import dataclasses
import enum
import functools
import keyword
import types
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, NotRequired, Required, TypeAlias
from uuid import UUID

import pydantic
from hypothesis import strategies as st
from pydantic import create_model
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

Typed: TypeAlias = tuple[Any, st.SearchStrategy[Any]]
"""An annotation, and a strategy for its values."""


class Suit(enum.Enum):
    HEARTS = "h"
    SPADES = 2


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
UTC_TIMES = st.datetimes(timezones=st.just(UTC))
SCALARS: list[Typed] = [
    (int, st.integers(-(2**70), 2**70)),
    (str, TEXT),
    (bool, st.booleans()),
    (float, st.floats(allow_nan=False)),
    (bytes, st.binary(max_size=8)),
    (datetime, UTC_TIMES),
    (date, st.dates()),
    (time, st.times()),
    (timedelta, st.timedeltas(timedelta(days=-999), timedelta(days=999))),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)),
    (UUID, st.uuids()),
    (Suit, st.sampled_from(Suit)),
    (type(None), st.none()),
]
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name) and not name.startswith("model_")
)


def typed(depth: int = 2) -> st.SearchStrategy[Typed]:
    """Types up to this depth, with a strategy for their values."""
    scalar = st.sampled_from(SCALARS)
    if depth == 0:
        return scalar
    inner = typed(depth - 1)
    return st.one_of(scalar, inner.map(_list), inner.map(_dict), st.tuples(inner, inner).map(_tuple), classes(inner))


def _list(item: Typed) -> Typed:
    annotation, values = item
    return types.GenericAlias(list, (annotation,)), st.lists(values, max_size=3)


def _dict(item: Typed) -> Typed:
    annotation, values = item
    return types.GenericAlias(dict, (str, annotation)), st.dictionaries(TEXT, values, max_size=3)


def _tuple(pair: tuple[Typed, Typed]) -> Typed:
    (first, of_first), (second, of_second) = pair
    return types.GenericAlias(tuple, (first, second)), st.tuples(of_first, of_second)


@st.composite
def classes(draw: st.DrawFn, inner: st.SearchStrategy[Typed]) -> Typed:
    """A dataclass, pydantic model, TypedDict or NamedTuple with random fields, some with defaults."""
    fields = draw(st.dictionaries(NAMES, inner, min_size=1, max_size=4))
    makes = [_model, _dataclass, _pydantic_dataclass, _typed_dict]
    # Bytes of a model in a named tuple are refused with pydantic 2.13, which writes them otherwise than it reads them.
    makes += [] if pydantic.VERSION.startswith("2.13.") else [_named_tuple]
    make = draw(st.sampled_from(makes))
    defaults = {name: draw(of) for name, (_, of) in fields.items() if draw(st.booleans())}
    made: Typed = make(fields, defaults)
    return made


def _ordered(fields: dict[str, Typed], defaults: dict[str, Any]) -> list[str]:
    return sorted(fields, key=lambda name: name in defaults)


def _model(fields: dict[str, Typed], defaults: dict[str, Any]) -> Typed:
    shown = {f"f_{name}": (tp, defaults.get(name, ...)) for name, (tp, _) in fields.items()}
    cls: Any = create_model("Model", **shown)  # type: ignore[call-overload]
    return cls, st.builds(cls, **{f"f_{name}": of for name, (_, of) in fields.items()})


def _fields_of(fields: dict[str, Typed], defaults: dict[str, Any]) -> list[Any]:
    return [
        (name, fields[name][0], dataclasses.field(default_factory=functools.partial(defaults.get, name)))
        if name in defaults
        else (name, fields[name][0])
        for name in _ordered(fields, defaults)
    ]


def _dataclass(fields: dict[str, Typed], defaults: dict[str, Any]) -> Typed:
    cls = dataclasses.make_dataclass("Data", _fields_of(fields, defaults))
    return cls, st.builds(cls, **{name: of for name, (_, of) in fields.items()})


def _pydantic_dataclass(fields: dict[str, Typed], defaults: dict[str, Any]) -> Typed:
    cls: Any = pydantic_dataclass(dataclasses.make_dataclass("PydanticData", _fields_of(fields, defaults)))
    return cls, st.builds(cls, **{name: of for name, (_, of) in fields.items()})


def _typed_dict(fields: dict[str, Typed], defaults: dict[str, Any]) -> Typed:
    shape = {name: (NotRequired if name in defaults else Required)[tp] for name, (tp, _) in fields.items()}
    cls: Any = TypedDict("Shape", shape)  # type: ignore[misc]
    required = {name: of for name, (_, of) in fields.items() if name not in defaults}
    other = {name: of for name, (_, of) in fields.items() if name in defaults}
    return cls, st.fixed_dictionaries(required, optional=other)


def _named_tuple(fields: dict[str, Typed], defaults: dict[str, Any]) -> Typed:
    names = list(fields)
    cls: Any = NamedTuple("Row", [(name, fields[name][0]) for name in names])  # type: ignore[misc]
    return cls, st.tuples(*(fields[name][1] for name in names)).map(lambda row: cls(*row))
