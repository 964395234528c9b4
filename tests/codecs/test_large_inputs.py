"""Large inputs: mistakes cost no more memory than a valid input of that size, and values are what small ones give."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from restate_reflect.codecs import codec_for
from restate_reflect.codecs._large import MOST_PLAIN
from restate_reflect.errors import DecodeError

HOSTILE = """
import resource, sys
from typing import Annotated, Literal, TypedDict
from dataclasses import dataclass
from pydantic import BaseModel, Field, create_model
import msgspec
from restate_reflect.codecs import codec_for
from restate_reflect.errors import DecodeError
from restate_reflect.protobuf import ProtobufJson
from google.protobuf.struct_pb2 import ListValue

SIZE = 3_000_000

class Item(BaseModel):
    number: int = 1

class Forbidding(BaseModel, extra="forbid"):
    number: int = 1

class Tree(BaseModel):
    left: "Tree | None" = None
    right: "Tree | None" = None
    number: int = 0

class Cat(BaseModel):
    kind: Literal["cat"]

class Dog(BaseModel):
    kind: Literal["dog"]

class Struct(msgspec.Struct):
    items: list[int]

@dataclass
class Plain:
    a: int
    b: int
    c: int
    d: int

Wide = create_model("Wide", **{f"field_{number}": (int, ...) for number in range(50)})

def many(item):
    return b"[" + b",".join([item] * (SIZE // (len(item) + 1))) + b"]"

def entries(form):
    return b"{" + b",".join(form % number for number in range(SIZE // (len(form) + 5))) + b"}"

def tree(depth):
    inner = tree(depth - 1) if depth else b"null"
    return b'{"left":%s,"right":%s,"number":""}' % (inner, inner)

SHAPES = {
    "list": (list[int], many(b'""')),
    "set": (set[int], many(b'""')),
    "frozenset": (frozenset[int], many(b'""')),
    "tuple": (tuple[int, ...], many(b'""')),
    "dict": (dict[str, int], entries(b'"%d":""')),
    "keys": (dict[int, int], entries(b'"x%d":1')),
    "nested": (list[list[int]], many(b'[""]')),
    "dict of lists": (dict[str, list[int]], entries(b'"%d":["",""]')),
    "union": (list[int | Item | list[int] | dict[str, int]], many(b'""')),
    "tagged union": (list[Annotated[Cat | Dog, Field(discriminator="kind")]], many(b'{"kind":"cow"}')),
    "models": (list[Item], many(b'{"number":""}')),
    "no object": (list[Item], many(b'1')),
    "extra": (Forbidding, entries(b'"%d":1')),
    "missing": (Wide, b'{"x":' + many(b"1") + b"}"),
    "missing in all": (list[Wide], many(b"{}")),
    "missing, texts": (Wide, b'{"x":' + many(b'"text"') + b"}"),
    "missing in a dataclass": (Plain, b'{"x":' + many(b"1") + b"}"),
    "tree": (Tree, tree(15)),
    "one long text": (int, b'"' + b"x" * SIZE + b'"'),
    "one long key": (dict[str, int], b'{"' + b"x" * SIZE + b'":""}'),
    "not closed": (list[int], many(b"1")[:-1]),
    "msgspec": (Struct, b'{"items":' + many(b'""') + b"}"),
    "protobuf": (Annotated[ListValue, ProtobufJson()], b'{"x":' + many(b'""') + b"}"),
}

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))

def forget_peak():
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")

for name, (annotation, data) in SHAPES.items():
    codec = codec_for(annotation)
    forget_peak()
    before = peak()
    try:
        codec.decode(data)
    except DecodeError as error:
        print((peak() - before) >> 20, len(error.errors), len(str(error)), name)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read from /proc")
def test_mistakes_take_bounded_memory() -> None:
    """Three megabytes of nothing but mistakes take at most 128 MiB, in 23 shapes; before, up to 3,225."""
    done = subprocess.run([sys.executable, "-c", HOSTILE], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 23
    for line in lines:
        mebibytes, details, characters, name = line.split(maxsplit=3)
        assert int(mebibytes) < 128, name
        assert int(details) <= 1000, name
        assert int(characters) < 10_000, name


class Colour(Enum):
    RED = 1
    BLUE = "blue"


class Pair(NamedTuple):
    a: int
    b: str


class Typed(TypedDict):
    day: date


@dataclass
class Plain:
    day: date


class Tagged(BaseModel):
    kind: Literal["a"]


class Node(BaseModel):
    name: str
    children: list[Node] = []


class Strict(BaseModel):
    """Strictness means another thing for JSON than for Python's objects."""

    model_config = ConfigDict(strict=True)
    numbers: dict[int, int] = {1: 2}
    moment: datetime = datetime(2020, 1, 1)
    length: timedelta = timedelta(seconds=1.5)
    id: UUID = UUID(int=7)
    pair: tuple[int, str] = (1, "a")
    several: set[int] = {1, 2}
    octets: bytes = b"\xff\xef"
    colour: Colour = Colour.BLUE
    amount: Decimal = Decimal("1.10")
    days: dict[date, bool] = {date(2020, 1, 1): True}
    literal: Literal[1, "x"] = "x"
    choice: int | str | list[int] = "text"
    named: Pair = Pair(1, "b")


VALUES: list[tuple[Any, Any]] = [
    (list[Strict], [Strict()] * 200),
    (dict[str, Strict], {str(number): Strict() for number in range(200)}),
    (list[Node], [Node(name="a", children=[Node(name="b", children=[Node(name="c")])])] * 1000),
    (list[bytes], [b"\xff" * 10] * 2000),
    (list[Decimal], [Decimal("1.10"), Decimal("1E+22")] * 2000),
    (list[float], [1.5, float("inf"), -0.0] * 2000),
    (set[int], set(range(10_000))),
    (dict[int, float], {number: number / 2 for number in range(5000)}),
    (tuple[int, ...], tuple(range(10_000))),
    (deque[int], deque(range(10_000))),
    (OrderedDict[str, int], OrderedDict((str(number), number) for number in range(5000))),
    (Counter[str], Counter({str(number): number for number in range(5000)})),
    (list[int | str | bool], [1, "1", True] * 2000),
    (list[Typed], [Typed(day=date(2020, 1, 1))] * 2000),
    (list[Plain], [Plain(date(2020, 1, 1))] * 2000),
    (list[Pair], [Pair(1, "x")] * 3000),
    (list[Colour], [Colour.RED, Colour.BLUE] * 3000),
    (list[datetime | timedelta], [datetime(2020, 1, 1), timedelta(1)] * 1000),
]


@pytest.mark.parametrize(
    "annotation, value", VALUES, ids=lambda each: None if isinstance(each, list) else str(each)[:40]
)
def test_large_values_come_back(annotation: Any, value: Any) -> None:
    """As small ones do: however often they are looked at."""
    codec = codec_for(annotation)
    data = codec.encode(value)
    assert len(data) > MOST_PLAIN
    back = codec.decode(data)
    assert back == value
    assert repr(back) == repr(value) or isinstance(value, set)


def test_what_a_strict_model_refuses_is_refused_when_it_is_large() -> None:
    """The second look finds what the lenient first one lets pass."""

    class Number(BaseModel):
        model_config = ConfigDict(strict=True)
        number: int
        other: int

    data = json.dumps([{"number": 1, "other": 2}] * 200_000 + [{"number": "1", "other": 2}]).encode()
    with pytest.raises(DecodeError, match=r"200000\.number: Input should be a valid integer"):
        codec_for(list[Number]).decode(data)


def test_a_small_input_hears_of_every_mistake() -> None:
    with pytest.raises(DecodeError) as caught:
        codec_for(list[int]).decode(b'["", 1, "x", 2, "y"]')
    assert [error["loc"] for error in caught.value.errors] == [[0], [2], [4]]


def test_a_long_input_of_few_values_hears_of_every_mistake() -> None:
    """Half a megabyte of texts is no flood of mistakes."""
    with pytest.raises(DecodeError) as caught:
        codec_for(list[int]).decode(json.dumps(["x" * 10_000] * 50).encode())
    assert len(caught.value.errors) == 50


def test_a_large_input_hears_of_the_first_mistake_of_each_collection() -> None:
    class Order(BaseModel):
        lines: list[int]
        notes: dict[str, int]

    data = json.dumps({"lines": [1] * 10_000 + ["a", "b"], "notes": {"x": "y", "z": "y"}}).encode()
    with pytest.raises(DecodeError) as caught:
        codec_for(Order).decode(data)
    assert [error["loc"] for error in caught.value.errors] == [["lines", 10_000], ["notes", "x"]]
    assert "lines.10000: Input should be a valid integer" in str(caught.value)
    assert "of each collection in it the first mistake is told" in str(caught.value)


def test_in_a_large_tree_mistakes_are_told_by_branch() -> None:
    data = json.dumps({"name": "a", "children": [{"name": "b", "children": [{"name": 1}]}] * 1000}).encode()
    with pytest.raises(DecodeError, match=r"children\.0\.children\.0\.name: Input should be a valid string"):
        codec_for(Node).decode(data)


@pytest.mark.parametrize(
    "annotation, data",
    [
        (dict[str, int], b'{"%s": "x"}'),
        (dict[str, Strict | int], b'{"%s": "x"}'),
        (Literal["a"], b'"%s"'),
        (Tagged, b'{"kind": "%s"}'),
    ],
)
def test_a_line_quotes_no_more_than_fits(annotation: Any, data: bytes) -> None:
    """Paths have the keys of objects in them, which are as long as the peer likes."""
    with pytest.raises(DecodeError) as caught:
        codec_for(annotation).decode(data % (b"k" * 15_000))
    assert max(map(len, str(caught.value).splitlines())) < 500
