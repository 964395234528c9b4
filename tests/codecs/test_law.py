"""What is read back equals what was written, in type and content, or the write is refused: each kind of value once."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import fractions
import ipaddress
import math
import pathlib
import re
import typing
import uuid
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import pydantic
import pytest
from google.protobuf import struct_pb2
from google.protobuf.wrappers_pb2 import StringValue
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema
from typing_extensions import TypedDict

from restate_reflect.codecs import ProtobufJson, codec_for
from restate_reflect.errors import EncodeError, UnsupportedTypeError
from tests.codecs.content import content

T = TypeVar("T")


class Shape(BaseModel):
    name: str = ""


class Circle(Shape):
    kind: Literal["circle"] = "circle"
    radius: float = 1.0


class Square(Shape):
    kind: Literal["square"] = "square"


class Page(BaseModel, Generic[T]):
    items: list[T]


class Heading(enum.Enum):
    NORTH = (0, 1)
    EAST = (1, 0)


class Deadline(enum.Enum):
    SPRING = dt.date(2026, 3, 21)
    SUMMER = dt.date(2026, 6, 21)


class Form(enum.Enum):
    ROUND = Circle(radius=2.0)
    PLAIN = Shape(name="a")


class Measured(enum.Enum):
    NAN = math.nan
    FAR = math.inf
    RAW = b"\xff"


class Twice(enum.Enum):
    ONE = 1
    UNO = 1  # noqa: PIE796  an alias
    TWO = "2"


class Diet(enum.Flag):
    MEAT = 1
    LEAVES = 2


class Rights(enum.IntFlag):
    READ = 4
    WRITE = 2


class Word(enum.StrEnum):
    HI = "hi"


class Number(enum.IntEnum):
    ONE = 1


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: float = 0.0


@dataclasses.dataclass
class Hidden:
    shown: int
    compared: int = dataclasses.field(default=1, compare=False)
    made: int = dataclasses.field(default=2, init=False)


@dataclasses.dataclass(eq=False, slots=True)
class Bare:
    x: int


@dataclasses.dataclass
class Initialised:
    x: int
    scale: dataclasses.InitVar[int] = 1

    def __post_init__(self, scale: int) -> None:
        self.x *= scale


@pydantic.dataclasses.dataclass(config=ConfigDict(extra="allow"))
class Loose:
    x: int


class Row(NamedTuple):
    left: int
    right: str = "r"


class Typed(TypedDict, total=False):
    a: int
    b: bytes


class Priced(BaseModel):
    out: int = Field(default=0, serialization_alias="total")


class Read(BaseModel):
    amount: int = Field(validation_alias="total")


class Both(BaseModel):
    amount: int = Field(validation_alias="in", serialization_alias="out")


class Choices(BaseModel):
    amount: int = Field(validation_alias=pydantic.AliasChoices("a", "b"))
    deep: int = Field(validation_alias=pydantic.AliasPath("c", 0))


class Camel(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)
    first_name: str


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True, extra="forbid")
    first_name: str = Field(alias="firstName")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int = 0

    @pydantic.computed_field
    def double(self) -> int:
        return self.a * 2


class Private(BaseModel):
    a: int
    _seen: int = PrivateAttr(default=0)


class Stripped(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True)
    a: str


class Doubled(BaseModel):
    a: int

    @pydantic.field_validator("a")
    @classmethod
    def twice(cls, value: int) -> int:
        return value * 2


class Rounded(BaseModel):
    a: float

    @pydantic.field_serializer("a", when_used="json")
    def shown(self, value: float) -> float:
        return round(value, 1)


class Sparse(BaseModel):
    a: int | None = Field(default=None, exclude_if=lambda value: value is None)
    b: int = Field(default=1, exclude_if=lambda value: value == 0)


class Tree(BaseModel):
    children: list[Tree] = []


class Secretive(BaseModel):
    text: pydantic.SecretStr
    raw: pydantic.SecretBytes
    day: pydantic.Secret[dt.date]


class Stamped(BaseModel):
    model_config = ConfigDict(ser_json_temporal="milliseconds")
    at: dt.datetime


class Boxed:
    """Its own core schema, and no ``==``."""

    def __init__(self, left: int, right: int | None = None) -> None:
        self._left = left
        if right is not None:
            self._right = right

    def __repr__(self) -> str:
        return f"Boxed({self._left})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        written = core_schema.plain_serializer_function_ser_schema(lambda boxed: boxed._left)
        return core_schema.no_info_after_validator_function(cls, core_schema.int_schema(), serialization=written)


class Encoded(BaseModel):
    raw: pydantic.Base64Bytes
    text: pydantic.Base64Str
    url: pydantic.Base64UrlBytes


class Name(str):
    pass


class Moment(dt.datetime):
    pass


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


BERLIN = ZoneInfo("Europe/Berlin")
EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))
Shapes = Annotated[Circle | Square, Field(discriminator="kind")]
SOME = [
    Secretive(text="a", raw=b"\xff", day=dt.date(2026, 1, 1)),  # type: ignore[arg-type]
    Encoded(raw=b"aGk=", text="aGk=", url=b"__4="),
]

COMES_BACK: list[tuple[Any, Any]] = [
    (pydantic.SecretStr, pydantic.SecretStr("abc")),
    (pydantic.SecretBytes, pydantic.SecretBytes(b"\xff")),
    (pydantic.Secret[dt.date], pydantic.Secret[dt.date](dt.date(2026, 1, 1))),
    (list[pydantic.SecretStr], [pydantic.SecretStr("")]),
    *((type(value), value) for value in SOME),
    *((Heading, member) for member in Heading),
    *((Deadline, member) for member in Deadline),
    *((Form, member) for member in Form),
    *((Measured, member) for member in Measured),
    *((Twice, member) for member in Twice),
    (Diet, Diet.MEAT | Diet.LEAVES),
    (Diet, Diet(0)),
    (Rights, Rights.READ | Rights.WRITE),
    (Word, Word.HI),
    (Number, Number.ONE),
    (list[Heading] | None, [Heading.EAST]),
    (Literal[Heading.NORTH, Deadline.SPRING, "a"], Heading.NORTH),
    (Literal[Heading.NORTH, Deadline.SPRING, "a"], Deadline.SPRING),
    (dict[Literal[1, 2], str], {1: "a"}),
    (dict[tuple[int, int], str], {(1, 2): "a", (2, 1): "b"}),
    (dict[tuple[str, ...], str], {(): "a", ("1", "x"): "b"}),
    (dict[Diet, str], {Diet.MEAT: "a", Diet.MEAT | Diet.LEAVES: "b"}),
    (dict[Heading, str], {Heading.EAST: "a"}),
    (dict[Deadline, str], {Deadline.SPRING: "a"}),
    (dict[Twice, str], {Twice.ONE: "a", Twice.TWO: "b"}),
    (dict[Point, str], {Point(1, 2.0): "a"}),
    (dict[str | None, str], {None: "a", "null": "b", '"null"': "c", "x": "d"}),
    (dict[int | str, str], {1: "a", "1": "b", "x": "c", "": "d"}),
    (dict[int | None, int], {None: 1, 2: 2}),
    (dict[bool, int], {True: 1, False: 0}),
    (dict[float, int], {0.1: 1, math.inf: 2, -0.0: 3}),
    (dict[bytes, int], {b"\xff": 1, b"abc": 2}),
    (dict[frozenset[int], int], {frozenset({1, 2}): 1}),
    (dict[Row, int], {Row(1): 1}),
    (dict[dt.date, dict[Decimal, int]], {dt.date(2026, 1, 1): {Decimal("1.10"): 1}}),
    (dict[ipaddress.IPv4Address, int], {ipaddress.IPv4Address("10.0.0.1"): 1}),
    (dict[pydantic.SecretStr, int], {pydantic.SecretStr("a"): 1}),
    (dict[Any, int], {"1": 1}),
    (collections.OrderedDict[int, int], collections.OrderedDict([(2, 1), (1, 2)])),
    (collections.defaultdict[str, int], collections.defaultdict(int, {"a": 1})),
    (collections.defaultdict[str, list[int]], collections.defaultdict(list, {"a": [1]})),
    (collections.Counter[str], collections.Counter("aab")),
    (collections.deque[int], collections.deque([1, 2])),
    (frozenset[tuple[int, str]], frozenset({(1, "a")})),
    (set[int | None], {None, 1}),
    (Row, Row(1)),
    (Typed, {"b": b"\xff"}),
    (Typed, {}),
    (RootModel[list[int]], RootModel[list[int]]([1])),
    (Page[Shape], Page[Shape](items=[Shape(name="a")])),
    (Page[Shape], Page(items=[Shape(name="a")])),
    (Page[Page[Shape]], Page(items=[Page(items=[Shape()])])),
    (Boxed, Boxed(1)),
    (Priced, Priced(out=7)),
    (Read, Read.model_validate({"total": 7})),
    (Both, Both(**{"in": 7})),
    (Choices, Choices(a=7, c=[8])),  # type: ignore[call-arg]
    (Camel, Camel(first_name="a")),
    (ByName, ByName(first_name="a")),  # type: ignore[call-arg]
    (Open, Open(a=1, more=[1, "x"])),  # type: ignore[call-arg]
    (Private, Private(a=1)),
    (Stripped, Stripped(a=" a ")),
    (Rounded, Rounded(a=0.5)),
    (Sparse, Sparse(a=1)),
    (Sparse, Sparse()),
    (Tree, Tree(children=[Tree(), Tree(children=[Tree()])])),
    (Point, Point(1, 2.5)),
    (Hidden, Hidden(1, 5)),
    (Bare, Bare(1)),
    (Shapes, Circle(radius=2.0)),
    (list[Circle | Shape], [Circle(radius=2.0)]),
    (int | float | str | bool, True),
    (int | float | str | bool, 1),
    (int | float | str | bool, 1.0),
    (int | float | str | bool, "1"),
    (Decimal, Decimal("-0.00")),
    (Decimal, Decimal("1E+1000")),
    (complex, complex(1, -0.0)),
    (fractions.Fraction, fractions.Fraction(1, 3)),
    (float, math.nan),
    (float, -0.0),
    (float, 5e-324),
    (float, 1.7976931348623157e308),
    (float, 0.1 + 0.2),
    (int, 10**4000),
    (dt.datetime, dt.datetime.max),
    (dt.datetime, dt.datetime.min),
    (dt.datetime, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
    (pydantic.AwareDatetime, dt.datetime(2026, 1, 1, tzinfo=EAST)),
    (dt.datetime, dt.datetime(2026, 1, 1, tzinfo=ZoneInfo("UTC"))),
    (pydantic.NaiveDatetime, dt.datetime(2026, 1, 1)),
    (dt.time, dt.time(1, tzinfo=EAST)),
    (dt.timedelta, dt.timedelta(microseconds=-1)),
    (dt.timedelta, dt.timedelta(days=999)),
    (ZoneInfo, BERLIN),
    (uuid.UUID, uuid.UUID(int=1)),
    (pydantic.UUID4, uuid.uuid4()),
    (pathlib.Path, pathlib.Path("a/b")),
    (pathlib.PureWindowsPath, pathlib.PureWindowsPath("c:/a")),
    (ipaddress.IPv6Network, ipaddress.IPv6Network("::/8")),
    (pydantic.IPvAnyAddress, ipaddress.IPv4Address("10.0.0.1")),
    (pydantic.AnyUrl, pydantic.AnyUrl("http://a.de/?q=ü")),
    (pydantic.HttpUrl, pydantic.HttpUrl("http://a.de")),
    (pydantic.PostgresDsn, pydantic.PostgresDsn("postgres://u:p@h/d")),
    (pydantic.ByteSize, pydantic.ByteSize(1024)),
    (pydantic.Json[list[int]], [1]),
    (pydantic.JsonValue, {"a": [1, 1.5, None, "x", True]}),
    (re.Pattern[str], re.compile("a+")),
    (Any, {"a": [1, 1.5, None, True, "x"]}),
    (object, ["x"]),
    (Annotated[int, Field(ge=1)], 1),
    (pydantic.PositiveInt, 1),
    (pydantic.StrictBool, True),
    (bytes, b"\xff\x00"),
    (bytes | None, b"\xff"),
    (typing.Sequence[int], [1]),
    (typing.Mapping[str, int], {"a": 1}),
    (str, "\x00\U0010ffff"),
]
IDS = [f"{number}-{annotation!r}"[:60] for number, (annotation, _) in enumerate(COMES_BACK)]


@pytest.mark.parametrize("annotation, value", COMES_BACK, ids=IDS)
def test_a_value_comes_back_as_it_went_in(annotation: Any, value: Any) -> None:
    codec = codec_for(annotation)
    written = codec.encode(value)
    assert content(codec.decode(written)) == content(value)
    assert codec.encode(codec.decode(written)) == written


REFUSED: list[tuple[Any, Any, str]] = [
    (Shape, Circle(), "value: a Circle would come back as a Shape. Only the fields of Shape are written"),
    (list[Shape], [Circle()], "0: a Circle would come back as a Shape"),
    (
        Page[Any],
        Page[Shape](items=[]),
        r"value: a Page\[Shape\] would come back as a Page\[Any\]. Declare",
    ),
    (
        Stamped,
        Stamped(at=dt.datetime(2026, 1, 1)),
        r"at: it has no time zone, and would come back in UTC. Use",
    ),
    (Boxed, Boxed(1, 2), "_right: it would be lost"),
    (Shape, {"name": "a"}, r"value: a dict would come back as a Shape. Make it one: Shape.model_validate\(value\)"),
    (Point, {"x": 1}, r"value: a dict would come back as a Point. Make it one: Point\(\*\*value\)"),
    (list[Shape], [{"name": "a"}], "0: a dict would come back as a Shape"),
    (Shape, None, "value: None is no Shape. Return one on every path, or declare Shape | None"),
    (pydantic.NonNegativeInt, -3, r"value: Input should be greater than or equal to 0 \(got -3\)"),
    (Annotated[str, Field(max_length=2)], "abc", "at most 2 characters"),
    (Annotated[bytes, Field(max_length=2)], b"abc", "at most 2 bytes"),
    (Page[pydantic.PositiveInt], Page(items=[0]), "items.0: Input should be greater than 0"),
    (Decimal, Decimal("NaN"), "finite"),
    (Decimal, Decimal("sNaN1"), "value"),
    (Decimal, Decimal("-Infinity"), "finite"),
    (int, 10**4400, "digits|size"),
    (Any, 10**4400, "4,300 digits"),
    (Any, deep(250), "more than 200 levels|depth exceeded"),
    (Any, deep(5000), "more than 200 levels|depth exceeded"),
    (int, True, "value: a bool would come back as"),
    (bool, 1, "an int would come back as a bool"),
    (int, Number.ONE, "declare Number|Declare Number"),
    (str, Word.HI, "Declare Word, or write its value"),
    (str, Name("a"), r"value: a Name would come back as a str. Write str\(value\)"),
    (dt.datetime, Moment(2026, 1, 1), "a Moment would come back as a datetime"),
    (str, "\ud800", "surrogate"),
    (list[int], (1,), r"a tuple would come back as a list. Write list\(value\)"),
    (tuple[int, ...], [1], "a list would come back as a tuple"),
    (Any, (1,), "a tuple would come back as a list"),
    (Any, {1: "a"}, "key 1: it would come back as another key: '1'"),
    (Any, math.nan, "a float would come back as a str"),
    (Any, dt.date(2026, 1, 1), "a date would come back as a str"),
    (Any, Shape(), "a Shape would come back as a dict"),
    (dict[Any, int], {1: 1}, "key 1"),
    (dict, {"a": {1}}, "a: a set would come back as a list"),
    (collections.deque[int], collections.deque([1], maxlen=2), "its maxlen of 2"),
    (collections.defaultdict[str, int], collections.defaultdict(lambda: 3), "default_factory"),
    (re.Pattern[str], re.compile("a", re.IGNORECASE), "another value"),
    (dt.datetime, dt.datetime(2026, 1, 1, tzinfo=BERLIN), "the time zone Europe/Berlin would be lost"),
    (dt.datetime, dt.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1), "time zone"),
    (dt.datetime, dt.datetime(2026, 10, 25, 2, 30, fold=1), "fold"),
    (dt.time, dt.time(1, tzinfo=BERLIN), "time zone"),
    (Stripped, Stripped.model_construct(a=" a "), "a: it would come back as another value"),
    (Doubled, Doubled(a=1), "a: it would come back as another value"),
    (Rounded, Rounded(a=0.55), "a: it would come back as another value"),
    (Sparse, Sparse(b=0), "b: it would come back as another value"),
    (Typed, {"a": 1, "c": 2}, "'c' would be lost"),
    (Open, Open(more=(1,)), "more: a tuple"),  # type: ignore[call-arg]
    (pydantic.SerializeAsAny[Shape], Circle(), "a Circle would come back as a Shape"),
    (Shape, Shape.model_construct(name=3), "name: "),
    (Point, Point(True), "x: a bool"),
    (float, 2**53 + 1, "float"),
    (
        Secretive,
        Secretive.model_construct(text="a", raw=b"", day=pydantic.Secret(dt.date.max)),
        "text: a str would come back as a SecretStr",
    ),
]


@pytest.mark.parametrize(
    "annotation, value, said", REFUSED, ids=[f"{n}-{case[0]!r}"[:60] for n, case in enumerate(REFUSED)]
)
def test_what_would_not_come_back_is_refused(annotation: Any, value: Any, said: str) -> None:
    with pytest.raises(EncodeError, match=said):
        codec_for(annotation).encode(value)


def test_a_private_attribute_that_was_set_is_refused() -> None:
    value = Private(a=1)
    value._seen = 3
    with pytest.raises(EncodeError, match="_seen: a private attribute is not written"):
        codec_for(Private).encode(value)


def test_fields_without_a_place_in_comparisons_count() -> None:
    value = Hidden(1)
    value.made = 3
    with pytest.raises(EncodeError, match="made"):
        codec_for(Hidden).encode(value)


def test_an_int_where_float_is_declared_comes_back_as_that_float() -> None:
    """As type checkers have it: ``return 0`` in a function that gives a ``float`` is right."""
    assert codec_for(float).encode(1) in (b"1", b"1.0")
    assert codec_for(Point).decode(codec_for(Point).encode(Point(1, 2))) == Point(1, 2.0)


def test_a_secret_is_not_shown_in_refusals() -> None:
    codec = codec_for(Annotated[pydantic.SecretStr, Field(min_length=9)])
    for attempt in (lambda: codec.encode(pydantic.SecretStr("hush")), lambda: codec.decode(b'"hush"')):
        with pytest.raises(Exception, match="at least 9") as caught:
            attempt()
        assert "hush" not in str(caught.value)
        assert "hush" not in repr(getattr(caught.value, "errors", ""))


class Omitting(BaseModel):
    a: int = Field(exclude=True)


class Swapped(BaseModel):
    a: int = Field(validation_alias="b")
    b: int


class Shadowed(BaseModel):
    a: int = Field(validation_alias="area")

    @pydantic.computed_field
    def area(self) -> int:
        return 1


@dataclasses.dataclass
class Scaled:
    x: int
    scale: dataclasses.InitVar[int]


class Objects(enum.Enum):
    A = object()


class Alike(enum.Enum):
    A = (1,)
    B = [1]


@pytest.mark.parametrize(
    "annotation, said",
    [
        (Omitting, "'a' is left out"),
        (list[Omitting] | None, "'a' is left out"),
        (Swapped, "'a' is read from 'b', under which 'b' is written"),
        (Shadowed, "'a' is read from 'area'"),
        (Scaled, "InitVar"),
        (Objects, "Objects.A has no JSON form"),
        (Alike, "Alike.A and Alike.B have the same JSON form"),
        (pydantic.FutureDate, "clock"),
        (pydantic.PastDatetime, "clock"),
        (list[pydantic.FilePath], "machine"),
        (pydantic.DirectoryPath, "machine"),
        (pydantic.NewPath, "machine"),
        (pydantic.ImportString, "loaded"),
        (list[pydantic.ImportString], "loaded"),  # type: ignore[type-arg]
        (typing.Callable[[], int], "functions"),
        (type[int], "classes"),
        (typing.Iterator[int], "iterator"),
    ],
)
def test_what_can_never_come_back_is_refused_at_start_up(annotation: Any, said: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=said):
        codec_for(annotation)


def test_base64_bytes_are_base64_once() -> None:
    assert codec_for(Encoded).decode(b'{"raw":"aGk=","text":"aGk=","url":"__4="}').raw == b"hi"


@pytest.mark.parametrize("annotation", [str | None, Any, None, bytes | None, list[int] | None, dict[str, Any] | None])
def test_no_bytes_are_none_where_the_type_takes_it(annotation: Any) -> None:
    assert codec_for(annotation).decode(b"") is None


class Node(msgspec.Struct):
    value: float = 0.0
    keys: dict[int, str] = {}
    inner: list[Node] = []


class Leaf(Node):
    more: int = 1


class Counted(msgspec.Struct):
    count: Annotated[int, msgspec.Meta(ge=0)] = 0
    anything: Any = None


@pytest.mark.parametrize(
    "annotation, value, said",
    [
        (Node, Leaf(), "value: a Leaf would come back as a Node"),
        (list[Node], [Leaf()], "0: a Leaf"),
        (Node, Node(value=math.nan), "value: Expected `float`, got `null`"),
        (Counted, Counted(count=-1), "count: Expected `int` >= 0"),
        (Counted, Counted(anything=(1,)), "anything: a tuple would come back as a list"),
        (Node, {"value": 1.0}, "value: a dict would come back as a Node"),
        (Node | None, 3, "Node | None"),
    ],
)
def test_structs_are_held_to_the_law(annotation: Any, value: Any, said: str) -> None:
    assert codec_for(Node).decode(codec_for(Node).encode(Node(1.5, {1: "a"}, [Node()]))) == Node(
        1.5, {1: "a"}, [Node()]
    )
    with pytest.raises(EncodeError, match=said):
        codec_for(annotation).encode(value)
    assert codec_for(Node | None).decode(b"") is None


def nested(levels: int) -> struct_pb2.Value:
    value = inner = struct_pb2.Value()
    for _ in range(levels):
        inner = inner.list_value.values.add()
    inner.bool_value = True
    return value


def test_messages_that_are_nested_too_deeply_are_refused() -> None:
    assert codec_for(struct_pb2.Value).decode(codec_for(struct_pb2.Value).encode(nested(20))) == nested(20)
    with pytest.raises(EncodeError, match="more than 100 levels"):
        codec_for(struct_pb2.Value).encode(nested(200))


def test_fields_that_json_has_no_place_for_are_refused() -> None:
    unknown = StringValue.FromString(StringValue(value="a").SerializeToString() + b"\xa0\x06\x01")
    assert codec_for(StringValue).decode(codec_for(StringValue).encode(unknown)) == unknown
    with pytest.raises(EncodeError, match="another message"):
        codec_for(Annotated[StringValue, ProtobufJson]).encode(unknown)
