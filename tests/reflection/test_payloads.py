"""Parameters to bodies and back, and results."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, NoReturn

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BaseModel, Field

from restate_reflect.codecs import JsonSchema, SchemaMode, codec_for
from restate_reflect.context import Context
from restate_reflect.definitions import InputDefinition, InputStyle
from restate_reflect.errors import DecodeError, EncodeError
from restate_reflect.options import HandlerOptions
from restate_reflect.reflection import handler, reflect


class Order(BaseModel):
    sku: str
    qty: int = Field(gt=0)


class Json:
    """A user's codec: any JSON."""

    content_type = "application/x-any"

    def encode(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def decode(self, data: bytes) -> Any:
        return json.loads(data)

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        return None


class Service:
    def empty(self, ctx: Context) -> None: ...
    def value(self, ctx: Context, order: Order) -> Order: ...  # type: ignore[empty-body]
    def optional(self, ctx: Context, order: Order | None) -> None: ...
    def defaulted(self, ctx: Context, n: int = 7) -> None: ...
    def by_name(self, ctx: Context, *, n: int) -> None: ...
    def by_name_defaulted(self, ctx: Context, *, n: int = 7) -> None: ...
    def fields(self, ctx: Context, a: int, b: date) -> None: ...
    def mixed(self, ctx: Context, a: int, b: str = "x", *, c: bool, d: bytes = b"\xff") -> None: ...
    def all_defaulted(self, ctx: Context, a: int = 1, b: str = "x") -> None: ...
    def positional(self, ctx: Context, a: int, /, b: int) -> None: ...
    def awkward(self, ctx: Context, schema: int, json: int, copy: int, _x: int, model_config: int) -> None: ...
    def raw(self, ctx: Context, body: bytes) -> bytes: ...  # type: ignore[empty-body]
    def raw_defaulted(self, ctx: Context, body: bytes = b"") -> None: ...
    def proto(self, ctx: Context, at: Timestamp) -> Timestamp: ...  # type: ignore[empty-body]
    def never(self, ctx: Context) -> NoReturn: ...  # type: ignore[empty-body]
    def maybe(self, ctx: Context) -> int | None: ...
    def described(
        self, ctx: Context, qty: Annotated[int, Field(gt=0, description="How many", examples=[3])], note: str = "n"
    ) -> None: ...

    @handler(input_codec=Json(), output_codec=Json())
    def own(self, ctx: Context, a: int, b: int = 2) -> dict[str, int]: ...  # type: ignore[empty-body]

    @handler(input_codec=codec_for)
    def made(self, ctx: Context, a: int) -> None: ...


SERVICE = reflect(Service)


def input_of(name: str) -> InputDefinition:
    return SERVICE.handlers[name].input


ORDER = Order(sku="a", qty=1)


@pytest.mark.parametrize(
    "name, args, kwargs, body, decoded",
    [
        ("empty", (), {}, b"", ((), {})),
        ("value", (ORDER,), {}, b'{"sku":"a","qty":1}', ((ORDER,), {})),
        ("value", (), {"order": ORDER}, b'{"sku":"a","qty":1}', ((ORDER,), {})),
        ("optional", (None,), {}, b"null", ((None,), {})),
        ("defaulted", (), {}, b"", ((), {})),
        ("defaulted", (1,), {}, b"1", ((1,), {})),
        ("by_name", (), {"n": 1}, b"1", ((), {"n": 1})),
        ("by_name_defaulted", (), {}, b"", ((), {})),
        ("by_name_defaulted", (), {"n": 1}, b"1", ((), {"n": 1})),
        ("fields", (1, date(2024, 1, 2)), {}, b'{"a":1,"b":"2024-01-02"}', ((1, date(2024, 1, 2)), {})),
        ("fields", (1,), {"b": date(2024, 1, 2)}, b'{"a":1,"b":"2024-01-02"}', ((1, date(2024, 1, 2)), {})),
        ("mixed", (1,), {"c": True}, b'{"a":1,"c":true}', ((1, "x"), {"c": True})),
        ("mixed", (1, "y"), {"c": True, "d": b"\xfe"}, None, ((1, "y"), {"c": True, "d": b"\xfe"})),
        ("all_defaulted", (), {}, b"{}", ((1, "x"), {})),
        ("all_defaulted", (), {"b": "y"}, b'{"b":"y"}', ((1, "y"), {})),
        ("positional", (1, 2), {}, b'{"a":1,"b":2}', ((1, 2), {})),
        ("awkward", (1, 2, 3, 4, 5), {}, None, ((1, 2, 3, 4, 5), {})),
        ("raw", (b"\xff",), {}, b"\xff", ((b"\xff",), {})),
        ("raw", (b"",), {}, b"", ((b"",), {})),
        ("raw_defaulted", (b"",), {}, b"", ((), {})),
        ("proto", (Timestamp(seconds=1),), {}, b"\x08\x01", ((Timestamp(seconds=1),), {})),
        ("own", (1,), {}, b'{"a": 1}', ((1, 2), {})),
        ("made", (1,), {}, b"1", ((1,), {})),
    ],
)
def test_arguments_become_a_body_and_the_body_arguments(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], body: bytes | None, decoded: Any
) -> None:
    definition = input_of(name)
    encoded = definition.encode(args, kwargs)
    if body is not None:
        assert encoded == body
    assert definition.decode(encoded) == decoded


@pytest.mark.parametrize(
    "name, style, required, content_type",
    [
        ("empty", InputStyle.EMPTY, False, None),
        ("value", InputStyle.VALUE, True, "application/json"),
        ("optional", InputStyle.VALUE, False, "application/json"),
        ("defaulted", InputStyle.VALUE, False, "application/json"),
        ("fields", InputStyle.FIELDS, True, "application/json"),
        ("all_defaulted", InputStyle.FIELDS, False, "application/json"),
        ("raw", InputStyle.VALUE, True, "application/octet-stream"),
        ("proto", InputStyle.VALUE, True, "application/proto"),
        ("own", InputStyle.FIELDS, True, "application/x-any"),
    ],
)
def test_an_input_says_what_it_needs(name: str, style: InputStyle, required: bool, content_type: str | None) -> None:
    definition = input_of(name)
    assert (definition.style, definition.required, definition.content_type) == (style, required, content_type)


def test_an_empty_body_is_none_where_the_type_takes_it() -> None:
    """Python's official SDK writes ``None`` like that, TypeScript's ``undefined``."""
    assert input_of("optional").decode(b"") == ((None,), {})


def test_an_empty_body_means_the_defaults() -> None:
    assert input_of("all_defaulted").decode(b"") == ((), {})


@pytest.mark.parametrize(
    "name, args, kwargs, message",
    [
        ("empty", (1,), {}, r"empty\(\) takes no arguments"),
        ("value", (), {}, r"value\(\): missing a required argument: 'order'"),
        ("value", (1, 2), {}, r"value\(\): too many positional arguments"),
        ("value", (1,), {"order": 1}, r"value\(\): multiple values for argument 'order'"),
        ("by_name", (1,), {}, r"by_name\(\): too many positional arguments"),
        ("fields", (1,), {}, r"fields\(\): missing a required argument: 'b'"),
        ("fields", (1, 2), {"x": 1}, r"fields\(\): got an unexpected keyword argument 'x'"),
        ("mixed", (1, "y"), {}, r"mixed\(\): missing a required (keyword-only )?argument: 'c'"),
    ],
)
def test_wrong_arguments_are_a_type_error_as_in_python(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        input_of(name).encode(args, kwargs)


@pytest.mark.parametrize("name, args", [("value", (1,)), ("fields", ("x", date(2024, 1, 2))), ("raw", ("x",))])
def test_arguments_of_the_wrong_type_are_an_encode_error(name: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(EncodeError):
        input_of(name).encode(args, {})


@pytest.mark.parametrize(
    "name, body, message",
    [
        ("empty", b"{}", "empty takes no input, but a body of 2 bytes was sent"),
        ("value", b"", "EOF"),
        ("value", b'{"sku":"a","qty":0}', r"  qty: Input should be greater than 0 \(got 0\)"),
        ("value", b"null", "object"),
        ("fields", b'{"a": "x", "b": "2024-13-01"}', r"(?s)  a: .*got \"x\".*\n  b: .*month"),
        ("fields", b"[1, 2]", "object"),
        ("described", b'{"qty": 0}', "  qty: Input should be greater than 0"),
        ("own", b"[1]", "gave list, not a mapping of arguments"),
        ("own", b'{"b": 1}', "a: Field required"),
    ],
)
def test_a_wrong_body_is_a_decode_error(name: str, body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        input_of(name).decode(body)


def test_numbers_in_strings_are_accepted_as_pydantic_does_by_default() -> None:
    assert input_of("defaulted").decode(b'"12"') == ((12,), {})


def test_field_schemas_have_descriptions_constraints_and_defaults() -> None:
    assert input_of("described").json_schema() == {
        "title": "described_arguments",
        "type": "object",
        "properties": {
            "qty": {
                "title": "Qty",
                "type": "integer",
                "exclusiveMinimum": 0,
                "description": "How many",
                "examples": [3],
            },
            "note": {"title": "Note", "type": "string", "default": "n"},
        },
        "required": ["qty"],
    }


def test_a_default_that_is_no_json_is_left_out_of_the_schema() -> None:
    class Marked:
        def go(self, ctx: Context, a: int, b: Any = object()) -> None: ...  # noqa: B008

    schema = reflect(Marked).handlers["go"].input.json_schema()
    assert schema is not None
    assert "default" not in schema["properties"]["b"]


@pytest.mark.parametrize(
    "name, value, body, content_type",
    [
        ("empty", None, b"", None),
        ("never", None, b"", None),
        ("value", ORDER, b'{"sku":"a","qty":1}', "application/json"),
        ("maybe", None, b"null", "application/json"),
        ("raw", b"x", b"x", "application/octet-stream"),
        ("proto", Timestamp(), b"", "application/proto"),
        ("own", {"a": 1}, b'{"a": 1}', "application/x-any"),
    ],
)
def test_results_become_bodies_and_come_back(name: str, value: Any, body: bytes, content_type: str | None) -> None:
    output = SERVICE.handlers[name].output
    assert output.encode(value) == body
    assert output.decode(body) == value
    assert output.content_type == content_type


def test_a_codec_given_to_reflect_holds_for_all_handlers_but_those_with_their_own() -> None:
    class Two:
        def one(self, ctx: Context, n: int) -> int: ...  # type: ignore[empty-body]
        def two(self, ctx: Context, n: int) -> int: ...  # type: ignore[empty-body]

    mine, other = Json(), Json()
    handlers = reflect(Two, input_codec=mine, handlers={"two": HandlerOptions(input_codec=other)}).handlers
    assert getattr(handlers["one"].input.codec, "codec", None) is mine
    assert getattr(handlers["two"].input.codec, "codec", None) is other
    assert handlers["one"].output.codec is codec_for(int)


class Mutable:
    def one(self, ctx: Context, tags: list[str] = []) -> None: ...  # noqa: B006  that is what is tested
    def by_name(self, ctx: Context, *, tags: list[str] = []) -> None: ...  # noqa: B006
    def several(self, ctx: Context, a: int = 1, tags: list[str] = ["x"], *, more: dict[str, int] = {}) -> None: ...  # noqa: B006


@pytest.mark.parametrize("name, body", [("one", b""), ("by_name", b""), ("several", b""), ("several", b"{}")])
def test_a_mutable_default_is_a_new_one_for_each_invocation(name: str, body: bytes) -> None:
    """One list for all invocations of the process would be remembered between them, and no replay knows of it."""
    decode = reflect(Mutable).handlers[name].input.decode
    before = decode(body)
    for value in (*before[0], *before[1].values()):
        if isinstance(value, list):
            value.append("changed")
        elif isinstance(value, dict):
            value["changed"] = 1
    after = decode(body)
    assert "changed" not in repr(after)
    assert repr(before).count("changed") == (2 if name == "several" else 1)


def test_given_arguments_replace_mutable_defaults() -> None:
    decode = reflect(Mutable).handlers["several"].input.decode
    assert decode(b'{"tags":["y"],"more":{"z":1}}') == ((1, ["y"]), {"more": {"z": 1}})
