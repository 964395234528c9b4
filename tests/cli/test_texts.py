"""What the command line prints: tables, example values, curl lines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, TypeAdapter
from typing_extensions import TypedDict

from restate_reflect.openapi._curl import curl_lines
from restate_reflect.openapi._example import example
from restate_reflect.targets.suggest import did_you_mean
from restate_reflect.targets.table import type_text


class Color(Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: float


class Movie(TypedDict):
    title: str


@dataclass
class Node:
    name: str
    children: list[Node]


class Tree(BaseModel):
    left: Tree | None = None
    other: Tree | Point


class Order(BaseModel):
    sku: str = Field(min_length=3, max_length=9)
    qty: int = Field(gt=0, lt=10)
    weight: float = Field(ge=0.25, le=0.75)
    dozens: int = Field(multiple_of=12, gt=12)
    note: str | None = None
    lines: list[Point] = Field(min_length=2)
    color: Color
    when: datetime


TYPES: list[Any] = [
    Order, Node, Movie, Point, Color, Tree, int, str, bool, float, bytes, date, time, timedelta, UUID, None,
    list[int], dict[str, int], tuple[int, str], tuple[int, ...], set[str], int | None, Literal["a", 5], Any,
    Annotated[int, Field(examples=[42])], Annotated[int, Field(ge=-9, le=-3)], list[list[Movie]],
]  # fmt: skip


@pytest.mark.parametrize("tp", TYPES, ids=str)
def test_an_example_fits_its_schema(tp: Any) -> None:
    """By a validator we did not write, and pydantic takes it."""
    adapter: TypeAdapter[Any] = TypeAdapter(tp)
    schema = adapter.json_schema()
    value = example(schema)
    Draft202012Validator(schema).validate(value)
    adapter.validate_json(json.dumps(value))


@given(low=st.integers(-50, 50), size=st.integers(2, 60), step=st.integers(1, 7), inclusive=st.booleans())
def test_an_example_number_is_within_its_limits(low: int, size: int, step: int, inclusive: bool) -> None:
    """Whenever a multiple lies between the limits."""
    names = ("minimum", "maximum") if inclusive else ("exclusiveMinimum", "exclusiveMaximum")
    schema = {"type": "integer", "multipleOf": step, names[0]: low, names[1]: low + size}
    validator = Draft202012Validator(schema)
    if any(validator.is_valid(value) for value in range(low, low + size + 1)):
        validator.validate(example(schema))


def test_an_example_of_the_author_is_kept() -> None:
    """``examples`` wins over anything made up."""
    assert example({"type": "integer", "examples": [42], "default": 1}) == 42


SERVICES: list[dict[str, Any]] = [
    {
        "name": "Greeter",
        "ty": "Service",
        "handlers": [
            {"name": "greet", "input_json_schema": {"type": "string"}, "input_description": "JSON string"},
            {"name": "ping", "input_description": "none"},
            {"name": "upload", "input_description": "application/octet-stream"},
            {"name": "secret", "public": False, "input_description": "none"},
        ],
    },
    {"name": "Cart", "ty": "VirtualObject", "handlers": [{"name": "clear", "input_description": "none"}]},
    {"name": "Inner", "ty": "Service", "public": False, "handlers": [{"name": "x", "input_description": "none"}]},
]


def test_curl_lines_call_each_public_handler() -> None:
    """A body where one is needed, a key where the service has keys, POST otherwise."""
    assert curl_lines("http://h:1", SERVICES) == [
        "curl http://h:1/Greeter/greet -H 'content-type: application/json' -d '\"text\"'",
        "curl -X POST http://h:1/Greeter/ping",
        "curl http://h:1/Greeter/upload -H 'content-type: application/octet-stream' --data-binary @FILE",
        "curl -X POST http://h:1/Cart/my-key/clear",
    ]


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"])))
def test_a_shell_reads_the_body_back(text: str) -> None:
    """Quotes and blanks in example values are safe."""
    handler = {"name": "h", "input_json_schema": {"const": text}}
    line = curl_lines("http://h:1", [{"name": "S", "ty": "Service", "handlers": [handler]}])[0]
    assert json.loads(shlex.split(line)[-1]) == text


@pytest.mark.parametrize(
    "annotation, text",
    [
        (int, "int"),
        (None, "None"),
        (Order, "Order"),
        (list[Order], "list[Order]"),
        (dict[str, list[int]], "dict[str, list[int]]"),
        (int | None, "int | None"),
        (Optional[int], "int | None"),  # noqa: UP045
        (Union[int, str], "int | str"),  # noqa: UP007
        (tuple[int, ...], "tuple[int, …]"),
        (Literal["a", 1], "Literal['a', 1]"),
        (Annotated[int, Field(gt=0)], "int"),
        (list[Annotated[int, 5]], "list[int]"),
        (Callable[[int], str], "Callable[[int], str]"),
        (Any, "Any"),
        ("Later", "Later"),
    ],
)
def test_types_are_shown_as_one_would_write_them(annotation: Any, text: str) -> None:
    """Without module names and without what only machines read."""
    assert type_text(annotation) == text


@pytest.mark.parametrize(
    "wrong, names, text",
    [
        ("ad", ["add", "get"], " Did you mean 'add'?"),
        ("ADD", ["add", "get"], " Did you mean 'add'?"),
        ("x", ["add", "get"], " There are: add, get."),
        ("x", list("abcdefghij"), " There are: a, b, c, d, e, f, g, h, …."),
        ("x", [], ""),
    ],
)
def test_suggestions(wrong: str, names: list[str], text: str) -> None:
    """The nearest names, or the first few."""
    assert did_you_mean(wrong, names) == text
