"""Protobuf messages, binary and JSON."""

from __future__ import annotations

import json
from typing import Annotated, Any

import jsonschema
import pytest
from google.protobuf import struct_pb2, type_pb2, wrappers_pb2
from google.protobuf.api_pb2 import Api
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, UninterpretedOption
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from restate_reflect.codecs import ProtobufJson, codec_for
from restate_reflect.errors import DecodeError, EncodeError

MESSAGES = [
    type_pb2.Type(name="t", fields=[type_pb2.Field(name="f", number=3, kind=type_pb2.Field.TYPE_INT64)]),
    type_pb2.Type(),
    Timestamp(seconds=1),
    Duration(seconds=-1),
    struct_pb2.Struct(fields={"a": struct_pb2.Value(number_value=1)}),
    wrappers_pb2.Int64Value(value=2**60),
    UninterpretedOption(string_value=b"\xff", positive_int_value=2**63, double_value=float("inf")),
    FieldDescriptorProto(name="x", label=FieldDescriptorProto.LABEL_OPTIONAL),
    Api(name="a", version="1"),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.DESCRIPTOR.name)
def test_messages_come_back_in_binary(message: Any) -> None:
    codec = codec_for(type(message))
    assert codec.content_type == "application/proto"
    assert codec.decode(codec.encode(message)) == message
    assert codec.json_schema("validation") is None


@pytest.mark.parametrize("marker", [ProtobufJson, ProtobufJson()])
@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: m.DESCRIPTOR.name)
def test_messages_come_back_in_json_and_fit_their_schema(message: Any, marker: Any) -> None:
    codec = codec_for(Annotated[type(message), marker])
    assert codec.content_type == "application/json"
    written = codec.encode(message)
    assert codec.decode(written) == message
    schema = codec.json_schema("validation")
    assert schema is not None
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(written), schema)


def test_the_schema_refuses_what_the_message_has_not() -> None:
    schema = codec_for(Annotated[type_pb2.Field, ProtobufJson]).json_schema("validation")
    assert schema is not None
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"number": "many"}, schema)


def test_maps_are_written_in_one_order() -> None:
    one, other = struct_pb2.Struct(), struct_pb2.Struct()
    one.update({"a": 1, "b": 2, "c": 3})
    other.update({"c": 3, "b": 2, "a": 1})
    for annotation in (struct_pb2.Struct, Annotated[struct_pb2.Struct, ProtobufJson]):
        assert codec_for(annotation).encode(one) == codec_for(annotation).encode(other)


@pytest.mark.parametrize("annotation", [type_pb2.Field, Annotated[type_pb2.Field, ProtobufJson]])
def test_another_message_is_refused(annotation: Any) -> None:
    with pytest.raises(EncodeError, match=r"google\.protobuf\.Field.*Timestamp"):
        codec_for(annotation).encode(Timestamp())


@pytest.mark.parametrize("annotation", [type_pb2.Field, Annotated[type_pb2.Field, ProtobufJson]])
def test_broken_bytes_are_refused(annotation: Any) -> None:
    with pytest.raises(DecodeError, match=r"not a valid google\.protobuf\.Field"):
        codec_for(annotation).decode(b"\xff\xff")
