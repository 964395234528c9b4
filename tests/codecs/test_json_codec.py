"""JSON by pydantic: every value comes back, and a wrong one does not get out."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections import deque
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address
from pathlib import PurePosixPath
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypeVar, Union
from uuid import UUID

import jsonschema
import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    Json,
    PlainSerializer,
    RootModel,
    computed_field,
)
from pydantic_core import core_schema
from typing_extensions import TypeAliasType, TypedDict

from restate_reflect.codecs import Codec, JsonCodec, codec_for
from restate_reflect.errors import DecodeError, EncodeError

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Order(BaseModel):
    sku: str
    qty: int = Field(gt=0)
    note: str | None = None


class Page(BaseModel, Generic[T]):
    items: list[T]


class Blob(BaseModel):
    raw: bytes = b"\xff\x00"
    weight: float = math.inf


class Base64Blob(BaseModel):
    model_config = ConfigDict(ser_json_bytes="hex", val_json_bytes="hex")
    raw: bytes


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass
class Line:
    points: list[Point]
    tag: bytes = b""


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Required(TypedDict):
    name: str


class Options(TypedDict, total=False):
    deep: bool
    data: bytes


class Node(BaseModel):
    value: int
    children: list[Node] = []


class Aliased(BaseModel):
    first_name: str = Field(alias="firstName")


class Numbers(RootModel[list[int]]):
    pass


class Area(BaseModel):
    side: int

    @computed_field
    def size(self) -> int:
        return self.side**2


class StrictArea(Area):
    model_config = ConfigDict(extra="forbid")


class Packed(BaseModel):
    inner: Json[list[int]]


UserId = NewType("UserId", int)
Tree = TypeAliasType("Tree", "dict[str, Tree] | int")

ROUND_TRIPS: list[tuple[Any, Any]] = [
    (int, 2**80),
    (int, -1),
    (str, "ü€𝄞\x00"),
    (bool, True),
    (float, 0.1),
    (float, math.inf),
    (float, -math.inf),
    (None, None),
    (list[int], [1, 2]),
    (dict[str, list[float]], {"a": [1.5]}),
    (dict[int, str], {1: "a"}),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (set[str], {"a", "b"}),
    (frozenset[int], frozenset({1, 2})),
    (deque[int], deque([1])),
    (Optional[int], None),  # noqa: UP045 - the older spelling is under test
    (int | str, "1"),
    (Union[Order, Point], Point(1)),  # noqa: UP007 - likewise
    (Colour, Colour.RED),
    (Level, Level.LOW),
    (Literal["a", 1], 1),
    (Literal[Colour.RED], Colour.RED),
    (datetime, datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=UTC)),
    (datetime, datetime(2024, 2, 29)),
    (date, date(1, 1, 1)),
    (time, time(23, 59, 59, 999999)),
    (timedelta, timedelta(days=-1, microseconds=1)),
    (Decimal, Decimal("1.10")),
    (UUID, UUID(int=7)),
    (Fraction, Fraction(1, 3)),
    (IPv4Address, IPv4Address("10.0.0.1")),
    (PurePosixPath, PurePosixPath("/a")),
    (UserId, 3),
    (Annotated[int, Field(ge=0)], 0),
    (Any, {"a": [1, None, "x"]}),
    (object, [1]),
    (Order, Order(sku="a", qty=1)),
    (list[Order], [Order(sku="a", qty=1)]),
    (Order | None, None),
    (Page[Order], Page[Order](items=[Order(sku="a", qty=1)])),
    (Page[int], Page[int](items=[1])),
    (Blob, Blob()),
    (list[Blob], [Blob(raw=bytes(range(256)), weight=-math.inf)]),
    (Base64Blob, Base64Blob(raw=b"\xfe")),
    (Point, Point(1, 2)),
    (Line, Line([Point(1)], b"\x80")),
    (list[Line], [Line([], b"\xff")]),
    (Pair, Pair(1)),
    (Options, {"data": b"\xff"}),
    (Node, Node(value=1, children=[Node(value=2)])),
    (Aliased, Aliased(firstName="a")),
    (Numbers, Numbers([1])),
    (Tree, {"a": {"b": 1}}),
    (Area, Area(side=2)),
    (StrictArea, StrictArea(side=2)),
    (Packed, Packed(inner="[1]")),  # type: ignore[arg-type]
    (tuple[int, bytes], (1, b"\xff")),
    (dict[str, bytes], {"a": b"\xff"}),
    (bytes | None, b"\xff\xfe"),
]


# By number and type: the text of a set depends on the hash seed, and every process must name tests alike.
ROUND_TRIP_IDS = [f"{number}-{annotation!r}"[:48] for number, (annotation, _) in enumerate(ROUND_TRIPS)]


@pytest.mark.parametrize("annotation, value", ROUND_TRIPS, ids=ROUND_TRIP_IDS)
def test_a_value_comes_back_with_its_type(annotation: Any, value: Any) -> None:
    codec = codec_for(annotation)
    restored = codec.decode(codec.encode(value))
    assert restored == value
    assert type(restored) is type(value)


@pytest.mark.parametrize("annotation, value", ROUND_TRIPS, ids=ROUND_TRIP_IDS)
def test_the_schemas_describe_what_is_written(annotation: Any, value: Any) -> None:
    codec = codec_for(annotation)
    written = codec.encode(value)
    for mode in ("validation", "serialization"):
        schema = codec.json_schema(mode)
        assert schema is not None
        json.dumps(schema, allow_nan=False)
        jsonschema.Draft202012Validator.check_schema(schema)
        if b"Infinity" not in written:  # a string, where the schema says number
            jsonschema.validate(json.loads(written), schema)


def test_nan_comes_back_as_nan() -> None:
    codec = codec_for(Blob)
    assert math.isnan(codec.decode(codec.encode(Blob(weight=math.nan))).weight)


def test_written_json_is_plain_json_without_nan_tokens() -> None:
    assert json.loads(codec_for(list[float]).encode([math.inf]), parse_constant=pytest.fail) == ["Infinity"]


def test_bytes_in_models_are_url_safe_base64_and_shown_as_such() -> None:
    codec = codec_for(Blob)
    assert json.loads(codec.encode(Blob(raw=b"\xff\xfe")))["raw"] == "__4="
    schema = codec.json_schema("validation")
    assert schema is not None
    assert schema["properties"]["raw"]["format"] == "base64url"


def test_a_model_that_chose_its_own_form_of_bytes_keeps_it() -> None:
    assert codec_for(Base64Blob).encode(Base64Blob(raw=b"\xfe")) == b'{"raw":"fe"}'


def test_sets_are_written_in_sorted_order() -> None:
    words = {f"word{n}" for n in range(50)}
    assert json.loads(codec_for(set[str]).encode(words)) == sorted(words)


def test_aliases_are_used_in_both_directions() -> None:
    assert codec_for(Aliased).encode(Aliased(firstName="a")) == b'{"firstName":"a"}'


def test_computed_fields_are_written_unless_the_model_could_not_read_them_back() -> None:
    assert codec_for(Area).encode(Area(side=2)) == b'{"side":2,"size":4}'
    assert codec_for(StrictArea).encode(StrictArea(side=2)) == b'{"side":2}'


@pytest.mark.parametrize(
    "annotation, value, named",
    [
        (int, "1", "int"),
        (str, 1, "str"),
        (bool, 1, "bool"),
        (float, "x", "float"),
        (list[int], [1, "x"], "list"),
        (list[int], (1,), "list"),
        (Order, {"sku": "a", "qty": 1}, "Order"),
        (Order, Order.model_construct(sku=1, qty=1), "Order"),
        (Point, Point("x"), "Point"),  # type: ignore[arg-type]
        (Colour, "red", "Colour"),
        (Literal["a"], "b", "Literal"),
        (Literal["a"] | int, "b", "int"),
        (Options, {"data": 1}, "Options"),
        (tuple[int, str], (1,), "tuple"),
        (int | None, "x", "int"),
        (Any, object(), "Any"),
        (UUID, "x", "UUID"),
        (Order, Area(side=2), "Order"),
        (list[Order], [Area(side=2)], "Order"),
        (Page[Order], Page[Order].model_construct(items=[Area(side=2)]), "Order"),
        (Point, Blob(), "Point"),
        (Order | None, Area(side=2), "Order"),
        (Order, Order.model_construct(sku="a"), "Order"),
        (Required, {}, "Required"),
        *(
            (annotation, None, "NoneType")
            for annotation in (Order, Point, int, str, UUID, list[int], Order | int, Colour)
        ),
        (list[Order], [None], "list"),
        (Order, Order.model_construct(sku=None, qty=1), "Order"),
        (dict[str, int], {"a": None}, "dict"),
    ],
)
def test_a_wrong_value_is_refused_and_its_type_named(annotation: Any, value: Any, named: str) -> None:
    with pytest.raises(EncodeError, match=named) as caught:
        codec_for(annotation).encode(value)
    assert type(value).__name__ in str(caught.value)


def test_bare_generics_are_written_as_declared() -> None:
    assert codec_for(Page[Order]).encode(Page(items=[Order(sku="a", qty=1)])).startswith(b'{"items":[{"sku":"a"')


def test_what_is_written_for_people_is_refused_where_it_can_not_be_read() -> None:
    class Shown(BaseModel):
        at: Annotated[int, PlainSerializer(lambda at: f"day {at}")]
        note: str | None = None

    with pytest.raises(EncodeError, match="at: Input should be a valid integer"):
        codec_for(Shown).encode(Shown(at=3))


def test_a_missing_value_is_named_by_its_place() -> None:
    with pytest.raises(EncodeError) as caught:
        codec_for(list[Order]).encode([None])  # type: ignore[list-item]
    assert str(caught.value).splitlines() == [
        "a value of type list does not fit the declared type list[Order]:",
        "  0: Input should be an object (got None)",
    ]


def test_a_missing_field_is_named_with_the_class_that_lacks_it() -> None:
    with pytest.raises(EncodeError, match=r"  0.sku: Field required \(of a Area\)"):
        codec_for(list[Order]).encode([Area(side=2)])  # type: ignore[list-item]


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(EncodeError):
        codec_for(str).encode("\ud800")


def test_a_structure_that_contains_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(EncodeError):
        codec_for(list[Any]).encode(ring)


def test_mistakes_are_listed_one_a_line_with_path_and_value() -> None:
    with pytest.raises(DecodeError) as caught:
        codec_for(list[Order]).decode(b'[{"sku": 1, "qty": 0}, {"qty": 1}]')
    assert str(caught.value).splitlines() == [
        "not a valid list[Order]:",
        "  0.sku: Input should be a valid string (got 1)",
        "  0.qty: Input should be greater than 0 (got 0)",
        "  1.sku: Field required",
    ]
    assert [error["loc"] for error in caught.value.errors] == [[0, "sku"], [0, "qty"], [1, "sku"]]
    json.dumps(caught.value.errors)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nul", b"1 2"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeError, match="Invalid JSON"):
        codec_for(int).decode(body)


def test_a_hostile_body_makes_no_long_message() -> None:
    body = json.dumps(["x" * 10_000] * 500).encode()
    with pytest.raises(DecodeError, match="and 480 more") as caught:
        codec_for(list[int]).decode(body)
    assert len(str(caught.value)) < 5_000


def test_errors_of_user_validators_stay_json() -> None:
    from pydantic import AfterValidator

    def even(value: int) -> int:
        if value % 2:
            raise ValueError("odd")
        return value

    with pytest.raises(DecodeError, match="odd") as caught:
        codec_for(Annotated[int, AfterValidator(even)]).decode(b"3")
    json.dumps(caught.value.errors)


def test_a_schema_can_be_changed_without_changing_the_codec() -> None:
    codec = JsonCodec[Order](Order)
    codec.json_schema("validation")["properties"].clear()
    assert codec.json_schema("validation")["properties"]


def test_schema_modes_differ_where_input_and_output_do() -> None:
    codec = JsonCodec[Area](Area)
    assert "size" not in codec.json_schema("validation")["properties"]
    assert "size" in codec.json_schema("serialization")["properties"]


class HandMade:
    """Like types of libraries that write their pydantic schema themselves, of the parts that must be there alone."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.typed_dict_schema({"a": core_schema.typed_dict_field(core_schema.int_schema())})


def test_a_schema_without_its_optional_parts_is_read() -> None:
    """``computed_fields`` of a schema that pydantic has not made itself."""
    codec: Codec[Any] = codec_for(HandMade)
    assert codec.decode(codec.encode({"a": 1})) == {"a": 1}


class BuiltLate(BaseModel):
    model_config = ConfigDict(defer_build=True)
    a: int


def test_a_model_that_is_built_late_is_built_for_its_codec() -> None:
    """As those of many libraries are; neither its class nor an adapter has asked for it yet."""
    codec = codec_for(BuiltLate)
    assert codec.decode(codec.encode(BuiltLate(a=1))) == BuiltLate(a=1)
