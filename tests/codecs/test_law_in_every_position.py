"""Unusual values as state, step's result, output and argument: they come back, or are refused in words."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import ipaddress
import math
import re
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypeVar

import pytest
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, RootModel, SecretBytes, SecretStr
from typing_extensions import TypeAliasType, TypedDict

from restate_reflect import ObjectContext
from restate_reflect.errors import HandlerBugError
from restate_reflect.testing import Durable
from tests.codecs.content import content

T = TypeVar("T")
S = TypeVar("S")


class Box(BaseModel, Generic[T]):
    v: T


class Pair(BaseModel, Generic[T, S]):
    a: Box[T]
    b: Box[list[S]]


class Cat(BaseModel):
    kind: Literal["cat"] = Field("cat", alias="petKind")


class Dog(BaseModel):
    kind: Literal["dog"] = Field("dog", alias="petKind")
    n: int = 0


class Cow(BaseModel):
    kind: Literal["cow"] = Field("cow", serialization_alias="k")


class Hen(BaseModel):
    kind: Literal["hen"] = Field("hen", serialization_alias="k")


class Bee(BaseModel):
    kind: Literal["bee"] = Field("bee", validation_alias="Kind")


class Ant(BaseModel):
    kind: Literal["ant"] = Field("ant", validation_alias="Kind")


@dataclasses.dataclass
class Mole:
    x: int
    kind: Literal["mole"] = "mole"


@dataclasses.dataclass
class Worm:
    x: int
    kind: Literal["worm"] = "worm"


class Secrets(RootModel[dict[str, SecretBytes | None]]):
    pass


@dataclasses.dataclass
class Initialised:
    x: int
    y: dataclasses.InitVar[int] = 5
    z: int = dataclasses.field(init=False, default=0)

    def __post_init__(self, y: int) -> None:
        self.z = y


@dataclasses.dataclass(kw_only=True, slots=True, frozen=True)
class Keywords:
    a: int = 1
    b: str


class Row(NamedTuple):
    a: int
    b: str = "x"
    c: Keywords | None = None


class Shape(TypedDict, total=False):
    a: int
    b: Row


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Frozen(BaseModel, frozen=True):
    a: int
    b: str = ""


class Mixed(enum.Enum):
    ONE = 1
    TEXT = "1"
    NONE = None


class Word(enum.StrEnum):
    A = "a"


class Text(str):
    pass


class Whole(int):
    pass


class Fields(BaseModel):
    s: str = ""
    i: int = 0
    f: float = 0.0


Listed = TypeAliasType("Listed", list[tuple[T, T]], type_params=(T,))
Nested = TypeAliasType("Nested", "int | str | list[Nested] | dict[str, Nested] | None")
Commas = Annotated[
    list[int],
    PlainSerializer(lambda value: ",".join(map(str, value))),
    BeforeValidator(lambda value: [int(part) for part in value.split(",")] if isinstance(value, str) else value),
]

COMES_BACK: list[tuple[Any, Any]] = [
    (Pair[int, dt.date], Pair[int, dt.date](a=Box[int](v=1), b=Box[list[dt.date]](v=[dt.date.min]))),
    (Pair[int, str], Pair(a=Box(v=1), b=Box(v=["x"]))),
    (Annotated[Cat | Dog, Field(discriminator="kind")], Dog(n=2)),  # type: ignore[call-arg]
    (Annotated[Cow | Hen, Field(discriminator="kind")], Hen.model_validate({})),
    (list[Annotated[Bee | Ant, Field(discriminator="kind")]], [Ant.model_validate({}), Bee.model_validate({})]),
    (Annotated[Mole | Worm, Field(discriminator="kind")], Worm(1)),
    (RootModel[SecretStr], RootModel[SecretStr](SecretStr("hush"))),
    (Secrets, Secrets({"a": SecretBytes(b"\x00\xff"), "b": None})),
    (Initialised, Initialised(1)),
    (Keywords, Keywords(b="x")),
    (Row, Row(1, c=Keywords(b=""))),
    (Shape, {"b": Row(1)}),
    (Open, Open(q=[1, {"z": None}])),  # type: ignore[call-arg]
    (Listed[int], [(1, 2)]),
    (Nested, {"a": [1, None, {"b": "x"}]}),
    (Optional[Literal[True, 1, "1"]], 1),  # noqa: UP045
    (Optional[Literal[1, True]], True),  # noqa: UP045
    (Literal[0, False], False),
    (Mixed, Mixed.NONE),
    (dict[Mixed, int], {Mixed.TEXT: 1}),
    (dict[tuple[dt.date, Word], list[int]], {(dt.date.min, Word.A): [1]}),
    (dict[None, int], {None: 1}),
    (dict[bool | None, int], {None: 1, True: 2}),
    (dict[dt.timedelta, int], {dt.timedelta(days=-1, microseconds=1): 1}),
    (set[Frozen], {Frozen(a=1), Frozen(a=2)}),
    (set[int | str], {1, "1"}),
    (frozenset[frozenset[int]], frozenset({frozenset({1})})),
    (defaultdict[str, set[int]], defaultdict(set, {"a": {1}})),
    (OrderedDict[str, int], OrderedDict(b=1, a=2)),
    (Counter[int], Counter({1: -2, 2: 0})),
    (complex, complex(math.nan, -0.0)),
    (ipaddress.IPv4Network, ipaddress.IPv4Network("10.0.0.0/8")),
    (dt.datetime, dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14)))),
    (dt.date | dt.datetime, dt.datetime(2026, 1, 1)),
    (Fields, Fields(f=-0.0, s="\x00\x7f")),
    (Decimal, Decimal("-0")),
    (Decimal, Decimal("0E-50")),
    (bytes | str, b"\xff"),
    (str | bytes, b"\xff\x00"),
    (tuple[()], ()),
    (Commas, [1, 2]),
]
REFUSED: list[tuple[Any, Any, str]] = [
    (Box[int], Box[bool](v=True), "would come back as a"),
    (Initialised, Initialised(1, 9), "z: it would come back"),
    (dict[Literal[1, "1"], int], {1: 1, "1": 2}, "of its 2 keys 1 would come back"),
    (Word | str, Word.A, "a Word would come back as a str"),
    (str, Word.A, "Declare Word"),
    (Fields, Fields.model_construct(s=Text("a")), "s: a Text would come back as a str"),
    (Fields, Fields.model_construct(i=Whole(1)), "i: a Whole would come back as an int"),
    (Fields, Fields.model_construct(s="\ud800"), "surrogate"),
    (dict[str, int], {"\ud800": 1}, "key"),
    (set[float], {math.nan}, "nan: a member would not come back"),
    (deque[int], deque([1], maxlen=3), "its maxlen of 3"),
    (defaultdict[str, int], defaultdict(None), "default_factory"),
    (complex, 1, "an int would come back as a complex"),
    (re.Pattern[str], re.compile("a", re.MULTILINE), "another value"),
    (Decimal, Decimal("sNaN"), "finite"),
    (bytes | str, "__8=", "a str would come back as a bytes"),
    (dt.datetime, dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(seconds=-3))), "offset"),
    (dt.date, dt.datetime(2026, 1, 1), "a datetime would come back as a date"),
    (Frozen, Frozen(a=1).model_copy(update={"a": "no"}), "a: Input should be a valid integer"),
]


def named(cases: list[Any]) -> list[str]:
    return [f"{number}-{case[0]!r}"[:50] for number, case in enumerate(cases)]


def service_of(declared: Any, value: Any, got: list[Any]) -> type:
    """A service that puts the value into each position, and keeps what it reads."""

    class Positions:
        async def output(self, ctx: ObjectContext) -> Any:
            return value

        async def step(self, ctx: ObjectContext) -> None:
            got.append(await ctx.options(type=declared).run("step", lambda: value))

        async def writes(self, ctx: ObjectContext) -> None:
            ctx.set("k", value, type=declared)

        async def reads(self, ctx: ObjectContext) -> None:
            got.append(await ctx.get("k", declared))

        async def calls(self, ctx: ObjectContext) -> None:
            await ctx.call(Positions.takes, value, key="other")

        async def takes(self, ctx: ObjectContext, given: Any) -> None:
            got.append(given)

    Positions.output.__annotations__["return"] = declared
    Positions.takes.__annotations__["given"] = declared
    return Positions


@pytest.mark.parametrize("declared, value", COMES_BACK, ids=named(COMES_BACK))
async def test_it_comes_back_everywhere(declared: Any, value: Any, restate_env: Durable) -> None:
    got: list[Any] = []
    positions: Any = service_of(declared, value, got)
    env = await restate_env(positions)
    got.append(await env.call(positions.output, key="k"))
    for name in ("step", "writes", "reads", "calls"):
        await env.call(getattr(positions, name), key="k")
    assert list(map(content, got)) == [content(value)] * 4


@pytest.mark.parametrize("name", ["output", "step", "writes", "calls"])
@pytest.mark.parametrize("declared, value, said", REFUSED, ids=named(REFUSED))
def test_it_is_refused_everywhere(declared: Any, value: Any, said: str, name: str) -> None:
    durable = Durable(max_crashes=0)

    async def scenario() -> None:
        positions: Any = service_of(declared, value, [])
        env = await durable(positions)
        await env.call(getattr(positions, name), key="k")

    with pytest.raises(HandlerBugError, match=said):
        durable.run(scenario)
