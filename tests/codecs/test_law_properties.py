"""The law for generated types and values: what is read back is what was written, or the write is refused."""

from __future__ import annotations

import enum
import types
from collections import deque
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field, Json, SecretBytes, SecretStr

from restate_reflect.codecs import codec_for
from restate_reflect.errors import EncodeError, UnsupportedTypeError
from tests.codecs.content import content, is_same
from tests.codecs.typed import SCALARS, TEXT, Typed, classes

VALUES_OF_A_TYPE = 20
TYPES = 100
SETTINGS = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
}


class Heading(enum.Enum):
    NORTH = (0, 1)
    EAST = (1, 0)


class Deadline(enum.Enum):
    SPRING = date(2026, 3, 21)


class Rights(enum.IntFlag):
    READ = 4
    WRITE = 2


class Word(enum.StrEnum):
    HI = "hi"


ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-3)), ZoneInfo("Europe/Berlin"), ZoneInfo("UTC"), None])
HASHABLE: list[Typed] = [
    (int, st.integers()),
    (str, st.text(max_size=4)),
    (str | None, st.none() | st.sampled_from(["null", '"null"', "1", "", "a"])),
    (int | str, st.integers() | st.sampled_from(["1", "-1", "true", "a"])),
    (bool, st.booleans()),
    (float, st.floats()),
    (bytes, st.binary(max_size=4)),
    (date, st.dates()),
    (UUID, st.uuids()),
    (Heading, st.sampled_from(Heading)),
    (Deadline, st.sampled_from(Deadline)),
    (Rights, st.sampled_from([Rights(0), *Rights, Rights.READ | Rights.WRITE])),
    (Word, st.sampled_from(Word)),
    (Literal[1, "a", None], st.sampled_from([1, "a", None])),
    (tuple[int, str], st.tuples(st.integers(), TEXT)),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
]
MORE: list[Typed] = [
    *SCALARS,
    *HASHABLE,
    (datetime, st.datetimes(timezones=ZONES)),
    (time, st.times(timezones=ZONES)),
    (timedelta, st.timedeltas()),
    (complex, st.complex_numbers()),
    (Fraction, st.fractions()),
    (IPv4Address, st.ip_addresses(v=4)),
    (PurePosixPath, TEXT.map(PurePosixPath)),
    (SecretStr, TEXT.map(SecretStr)),
    (SecretBytes, st.binary(max_size=4).map(SecretBytes)),
    (Any, st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(), st.lists)),
    (int | float | str | bool, st.integers() | st.floats() | TEXT | st.booleans()),
    (bytes | str, st.binary(max_size=3) | TEXT),
]
CHECKED: list[Typed] = [
    (Decimal, st.decimals()),
    (Annotated[int, Field(ge=0)], st.integers()),
    (Annotated[str, Field(max_length=3)], TEXT),
    (Json[list[int]], st.lists(st.integers(), max_size=2)),
]
"""Whose values pydantic's own classes would not take."""


def typed(depth: int, among: list[Typed] | None = None) -> st.SearchStrategy[Typed]:
    """Types up to this depth over all that pydantic's documentation lists, with a strategy for their values."""
    scalar = st.sampled_from(among or [*MORE, *CHECKED])
    if depth == 0:
        return scalar
    inner, key = typed(depth - 1, among), st.sampled_from(HASHABLE)
    made = classes(typed(depth - 1, MORE))
    return st.one_of(scalar, inner.map(_list), key.map(_set), key.map(_deque), st.tuples(key, inner).map(_dict), made)


def _list(item: Typed) -> Typed:
    return types.GenericAlias(list, (item[0],)), st.lists(item[1], max_size=3)


def _set(item: Typed) -> Typed:
    return types.GenericAlias(frozenset, (item[0],)), st.frozensets(item[1], max_size=3)


def _deque(item: Typed) -> Typed:
    return types.GenericAlias(deque, (item[0],)), st.lists(item[1], max_size=3).map(deque)


def _dict(pair: tuple[Typed, Typed]) -> Typed:
    (key, keys), (item, items) = pair
    return types.GenericAlias(dict, (key, item)), st.dictionaries(keys, items, max_size=3)


def judge(annotation: Any, values: list[Any]) -> None:
    try:
        codec = codec_for(annotation)
    except UnsupportedTypeError:
        return
    for value in values:
        try:
            written = codec.encode(value)
        except EncodeError as error:
            assert str(error).count("\n") >= 1 or type(value) is not bytes  # noqa: PT017  the place and the reason
            continue
        restored = codec.decode(written)
        assert is_same(content(value), content(restored)), (annotation, value, restored)
        assert is_same(content(value), content(codec.decode(codec.encode(restored))))


def of_its_type(of_type: Typed, data: st.DataObject) -> None:
    annotation, strategy = of_type
    judge(annotation, data.draw(st.lists(strategy, min_size=VALUES_OF_A_TYPE, max_size=VALUES_OF_A_TYPE)))


def of_another_type(of_type: Typed, other: Typed, data: st.DataObject) -> None:
    judge(of_type[0], data.draw(st.lists(other[1], min_size=VALUES_OF_A_TYPE, max_size=VALUES_OF_A_TYPE)))


@given(typed(2), st.data())
@settings(max_examples=TYPES, **SETTINGS)  # type: ignore[arg-type]
def test_values_of_generated_types(of_type: Typed, data: st.DataObject) -> None:
    """2,000 of them."""
    of_its_type(of_type, data)


@given(typed(1), typed(1), st.data())
@settings(max_examples=TYPES // 2, **SETTINGS)  # type: ignore[arg-type]
def test_values_of_other_types(of_type: Typed, other: Typed, data: st.DataObject) -> None:
    """1,000 of them: most are refused, and none changes."""
    of_another_type(of_type, other, data)


@pytest.mark.slow
@given(typed(2), st.data())
@settings(max_examples=4_000, **SETTINGS)  # type: ignore[arg-type]
def test_80_000_values_of_generated_types(of_type: Typed, data: st.DataObject) -> None:
    of_its_type(of_type, data)


@pytest.mark.slow
@given(typed(1), typed(1), st.data())
@settings(max_examples=1_000, **SETTINGS)  # type: ignore[arg-type]
def test_20_000_values_of_other_types(of_type: Typed, other: Typed, data: st.DataObject) -> None:
    of_another_type(of_type, other, data)
