"""Models of plain fields take a shorter way, which writes and refuses the same."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, RootModel, computed_field, field_validator
from pydantic_core import SchemaValidator

from restate_reflect.codecs import codec_for
from restate_reflect.codecs._core_schema import lossless
from restate_reflect.codecs._json import _core_schema_of
from restate_reflect.codecs._json_encoder import _careful
from restate_reflect.codecs._nodes import LOSSLESS
from restate_reflect.codecs._proved import flat_check
from restate_reflect.errors import EncodeError


class Flat(BaseModel):
    name: str = Field(alias="fullName")
    age: int | None = None
    weight: float = 1.0
    alive: bool = True


def check_of(annotation: Any) -> Any:
    return flat_check(lossless(_core_schema_of(annotation)))


def outcome(encode: Any, value: Any) -> bytes | str:
    try:
        written: bytes = encode(value)
    except EncodeError as error:
        return str(error)
    return written


validator = SchemaValidator(lossless(_core_schema_of(Flat)), LOSSLESS)
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8"), max_size=5)
careful = _careful(Flat, lossless(_core_schema_of(Flat)), validator, round_trip=False)


@given(st.dictionaries(st.sampled_from(["name", "age", "weight", "alive"]), values))
def test_it_writes_and_refuses_the_same(fields: dict[str, Any]) -> None:
    value = Flat.model_construct(**fields)
    assert outcome(codec_for(Flat).encode, value) == outcome(careful, value)


def test_a_right_value_takes_it() -> None:
    is_right = check_of(Flat).is_right
    assert is_right(Flat(fullName="a"))
    assert not is_right(Flat.model_construct(name="a", age="1", weight=1.0, alive=True))


class Attributes(dict[str, Any]):
    """Not a plain dict."""


def test_a_model_with_attributes_of_another_kind_is_written_with_care() -> None:
    value = Flat(fullName="a")
    object.__setattr__(value, "__dict__", Attributes(value.__dict__))
    assert not check_of(Flat).is_right(value)
    assert codec_for(Flat).encode(value) == careful(value)


class Dressed(BaseModel):
    """Shows another ``__dict__`` than the one it has."""

    name: str

    def __getattribute__(self, name: str) -> Any:
        return {"name": "another"} if name == "__dict__" else super().__getattribute__(name)


def test_a_model_that_shows_other_attributes_is_judged_by_these() -> None:
    value = Dressed.model_construct(name=1)
    assert check_of(Dressed).is_right(value)
    assert codec_for(Dressed).encode(value) == value.model_dump_json().encode() == b'{"name":"another"}'


class Nested(BaseModel):
    flat: Flat


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str


class Shouted(BaseModel):
    name: Annotated[str, PlainSerializer(str.upper)]


class Computed(BaseModel):
    side: int

    @computed_field
    def area(self) -> int:
        return self.side * self.side


class Constrained(BaseModel):
    name: str = Field(min_length=1)


class Stripped(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)
    name: str


class Private(BaseModel):
    name: str
    _seen: int = 0


class Prepared(BaseModel):
    name: str

    def model_post_init(self, context: Any) -> None:
        self.name += "!"


class Validated(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def shout(cls, value: str) -> str:
        return value.upper()


class Made(BaseModel):
    name: str

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"name": "another", **given})


@pytest.mark.parametrize(
    "annotation",
    [
        *(Nested, Open, Shouted, Computed, Constrained, Stripped, Private, Prepared, Validated, Made),
        *(RootModel[int], list[Flat], int, Flat | None),
    ],
)
def test_other_types_do_not(annotation: Any) -> None:
    assert check_of(annotation) is None
