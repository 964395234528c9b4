"""The JSON Schema of protobuf-JSON, against what the protobuf library writes and reads."""

from __future__ import annotations

import functools
import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import jsonschema
import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from restate_reflect.codecs import ProtobufJson, codec_for
from restate_reflect.errors import DecodeError, EncodeError
from restate_reflect.openapi import example
from tests.protobuf.protoc import compile_protos

PROTO = """
syntax = "proto3";
package everything;
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Size { UNKNOWN = 0; SMALL = 1; LARGE = 2; }

message All {
  message Leaf { string some_text = 1; All back = 2; }
  int32 int_32 = 1;
  uint32 uint_32 = 2;
  sint64 sint_64 = 3;
  fixed64 fixed_64 = 4;
  float a_float = 5;
  double a_double = 6;
  bool yes = 7;
  string text = 8;
  bytes data = 9;
  Size size = 10;
  Leaf leaf = 11;
  repeated int64 longs = 12;
  repeated Size sizes = 13;
  repeated Leaf leaves = 14;
  map<string, int32> by_name = 15;
  map<int64, Leaf> by_number = 16;
  map<bool, Size> by_flag = 17;
  optional int32 maybe = 18;
  oneof choice { string word = 20; int64 count = 21; Leaf tree = 22; }
  oneof other { bool left = 23; google.protobuf.NullValue nothing = 24; }
  google.protobuf.Timestamp at = 30;
  google.protobuf.Duration lasting = 31;
  google.protobuf.FieldMask mask = 32;
  google.protobuf.Struct structure = 33;
  google.protobuf.Value value = 34;
  google.protobuf.ListValue list = 35;
  google.protobuf.Any any = 36;
  google.protobuf.Empty empty = 37;
  google.protobuf.Int64Value wrapped_long = 38;
  google.protobuf.DoubleValue wrapped_double = 39;
  google.protobuf.BytesValue wrapped_bytes = 40;
}
"""
PROTO2 = """
syntax = "proto2";
package everything2;
enum Closed { A = 1; B = 5; }
message Old {
  required string name = 1;
  optional Closed closed = 2;
  extensions 100 to 199;
}
extend Old { optional int32 extra = 100; }
"""


def load(folder: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """The message classes All and Old."""
    folder = tmp_path_factory.mktemp("everything")
    output = compile_protos(folder, {"everything.proto": PROTO, "everything2.proto": PROTO2}).output
    return load(output, "everything_pb2").All, load(output, "everything2_pb2").Old


@functools.cache
def validator(cls: type, mode: str) -> Any:
    schema = codec_for(Annotated[cls, ProtobufJson]).json_schema(mode)  # type: ignore[arg-type]
    assert schema is not None
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


longs, ints = st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
leaves = st.fixed_dictionaries({}, optional={"some_text": texts})
enums = st.sampled_from([0, 1, 2, 99])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "int_32": ints,
    "uint_32": st.integers(0, 2**32 - 1),
    "sint_64": longs,
    "fixed_64": st.integers(0, 2**64 - 1),
    "a_float": st.floats(width=32),
    "a_double": st.floats(),
    "yes": st.booleans(),
    "text": texts,
    "data": st.binary(max_size=5),
    "size": enums,
    "leaf": leaves,
    "longs": st.lists(longs, max_size=3),
    "sizes": st.lists(enums, max_size=3),
    "leaves": st.lists(leaves, max_size=2),
    "by_name": st.dictionaries(texts, ints, max_size=2),
    "by_flag": st.dictionaries(st.booleans(), enums, max_size=2),
    "maybe": ints,
    "left": st.booleans(),
}
CHOICES: st.SearchStrategy[Any] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"word": texts}),
    st.fixed_dictionaries({"count": longs}),
    st.fixed_dictionaries({"tree": leaves}),
)


@settings(max_examples=60, deadline=None)
@given(fields=st.fixed_dictionaries({}, optional=FIELDS), choice=CHOICES, number=st.none() | longs)
def test_what_is_written_fits_and_comes_back(
    everything: tuple[Any, Any], fields: dict[str, Any], choice: dict[str, Any], number: int | None
) -> None:
    """Both the schema of outputs and that of inputs, for any message."""
    message = everything[0](**fields, **choice)
    if number is not None:
        message.by_number[number].some_text = "x"
        message.wrapped_long.value = number
    codec = codec_for(Annotated[everything[0], ProtobufJson])
    written = codec.encode(message)
    for mode in ("serialization", "validation"):
        validator(everything[0], mode).validate(json.loads(written))
    again = codec.decode(written)
    assert codec.encode(again) == written
    if not any(math.isnan(value) for value in (message.a_float, message.a_double)):
        assert again == message


NAMES = st.sampled_from([*FIELDS, "tree", "at", "lasting", "mask", "structure", "value", "list", "any", "byNumber"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(["1", "-1s", "@type", "NaN"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES | texts, inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(data=st.dictionaries(NAMES, JSON, max_size=2) | JSON)
def test_no_json_breaks_the_parser(everything: tuple[Any, Any], data: Any) -> None:
    """What is no message is a decode error, which becomes a terminal 400; never another exception."""
    codec = codec_for(Annotated[everything[0], ProtobufJson])
    try:
        message = codec.decode(json.dumps(data).encode())
    except DecodeError:
        return
    validator(everything[0], "serialization").validate(json.loads(codec.encode(message)))


@pytest.mark.parametrize(
    "text",
    [
        '{"value": NaN}',
        '{"aDouble": Infinity}',
        '{"value": 1e999}',
        '{"yes": true, "yes": true}',
        "[]",
        "1",
        "",
        '{"value": 1' + "0" * 400 + "}",
        '{"text": "\\ud800"}',
        '{"value": "\\ud800"}',
        '{"leaf":' * 3000 + "{}" + "}" * 3000,
    ],
)
def test_what_the_library_alone_would_take_is_refused(everything: tuple[Any, Any], text: str) -> None:
    """No JSON, numbers without end, names twice, an empty list for an empty message; and what it can't take."""
    with pytest.raises(DecodeError, match=r"not a valid everything\.All: "):
        codec_for(Annotated[everything[0], ProtobufJson]).decode(text.encode())


ACCEPTED: list[dict[str, Any]] = [
    {"int32": None, "leaf": None, "longs": None, "byName": None, "size": None, "choice": None, "at": None},
    {"int32": "5"},
    {"int32": 5.0},
    {"uint32": "4294967295"},
    {"sint64": -5},
    {"sint64": "-9223372036854775808"},
    {"fixed64": "18446744073709551615"},
    {"aFloat": "1.5e3"},
    {"aDouble": "-Infinity"},
    {"aDouble": "NaN"},
    {"size": 2},
    {"size": 99},
    {"size": "LARGE"},
    {"sizes": [1, "SMALL"]},
    {"byNumber": {"-3": {"someText": "x"}}},
    {"byFlag": {"true": 1}},
    {"word": "x", "count": None},
    {"left": True, "nothing": None},
    {"nothing": "NULL_VALUE"},
    {"value": None},
    {"value": [1, {"a": None}]},
    {"list": [None, "x"]},
    {"any": {"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"}},
    {"empty": {}},
    {"wrappedLong": "7"},
    {"wrappedLong": 7},
    {"wrappedDouble": None},
    {"wrappedBytes": "AAE="},
    {"lasting": "-1.000000001s"},
    {"mask": "a,bC.d"},
    {"int_32": 5, "some_else": 1},
]
REFUSED: list[dict[str, Any]] = [
    {"int32": 2**31},
    {"int32": 1.5},
    {"int32": "five"},
    {"uint32": -1},
    {"sint64": "1.5"},
    {"fixed64": -1},
    {"yes": "true"},
    {"text": 5},
    {"size": "HUGE"},
    {"leaf": "x"},
    {"longs": [None]},
    {"byNumber": {"x": {}}},
    {"byFlag": {"yes": 1}},
    {"word": "x", "count": 1},
    {"word": "x", "tree": {}},
    {"lasting": "1"},
    {"empty": {"x": 1}},
    {"leaf": {"someText": 1}},
    {"leaf": {"back": {"text": 5}}},
]


@pytest.mark.parametrize("data", ACCEPTED, ids=json.dumps)
def test_the_schema_of_inputs_takes_what_parsers_take(everything: tuple[Any, Any], data: dict[str, Any]) -> None:
    """Clients check inputs by it before they send them; names of fields it leaves to the parser."""
    validator(everything[0], "validation").validate(data)
    unknown = {"choice", "some_else"} & set(data)
    json_format.ParseDict({name: value for name, value in data.items() if name not in unknown}, everything[0]())


@pytest.mark.parametrize("data", REFUSED, ids=json.dumps)
def test_the_schemas_refuse_what_parsers_refuse(everything: tuple[Any, Any], data: dict[str, Any]) -> None:
    """In both directions."""
    assert not validator(everything[0], "validation").is_valid(data)
    assert not validator(everything[0], "serialization").is_valid(data)
    with pytest.raises(DecodeError):
        codec_for(Annotated[everything[0], ProtobufJson]).decode(json.dumps(data).encode())


@pytest.mark.parametrize("data", [{"int32": None}, {"sint64": 5}, {"size": None}, {"int32": "5"}], ids=json.dumps)
def test_the_schema_of_outputs_is_the_canonical_form(everything: tuple[Any, Any], data: dict[str, Any]) -> None:
    """What is accepted besides is never written."""
    assert not validator(everything[0], "serialization").is_valid(data)


def test_the_schema_has_an_example_that_can_be_sent(everything: tuple[Any, Any]) -> None:
    """Every field is in it, but one member of each ``oneof`` only; it ends at messages that contain themselves."""
    codec = codec_for(Annotated[everything[0], ProtobufJson])
    made = example(codec.json_schema("validation"))
    validator(everything[0], "validation").validate(made)
    assert json.loads(codec.encode(codec.decode(json.dumps(made).encode()))) == made
    names = {field.json_name for field in everything[0].DESCRIPTOR.fields}
    assert names - set(made) == {"count", "tree", "nothing"}


def test_required_fields_and_closed_enums_of_proto2(everything: tuple[Any, Any]) -> None:
    """Without the former a message is neither written nor read; the latter have no unknown numbers."""
    old = everything[1]
    codec = codec_for(Annotated[old, ProtobufJson])
    read, written = validator(old, "validation"), validator(old, "serialization")
    for data, accepted, produced in [
        ({"name": "x"}, True, True),
        ({}, False, False),
        ({"name": None}, False, False),
        ({"name": "x", "closed": "B"}, True, True),
        ({"name": "x", "closed": 5}, True, False),
        ({"name": "x", "closed": 2}, False, False),
        ({"name": "x", "[everything2.extra]": 3}, True, True),
    ]:
        assert (read.is_valid(data), written.is_valid(data)) == (accepted, produced), data
    with pytest.raises(EncodeError, match=r"everything2\.Old: required and missing: name"):
        codec.encode(old())
    with pytest.raises(DecodeError, match=r"everything2\.Old: required and missing: name"):
        codec.decode(b"{}")


def test_messages_and_enums_are_definitions_by_full_name(everything: tuple[Any, Any]) -> None:
    """So that OpenAPI documents share them."""
    schema = codec_for(Annotated[everything[0], ProtobufJson]).json_schema("validation")
    assert schema is not None
    assert set(schema["$defs"]) == {"everything.All", "everything.All.Leaf", "everything.Size", "google.protobuf.Empty"}
    assert (
        schema["$defs"]["everything.All"]["description"]
        == "At most one of word, count, tree. At most one of left, nothing."
    )
