"""Protobuf messages in the JSON form of the protobuf specification."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import EncodeError as ProtobufEncodeError
from google.protobuf.message import Message

from restate_reflect.codecs._base import JsonSchema, SchemaMode
from restate_reflect.codecs._protobuf_check import check, check_complete, content
from restate_reflect.codecs._protobuf_loads import loads
from restate_reflect.codecs._protobuf_sample import sample
from restate_reflect.codecs._protobuf_schema import schema_of
from restate_reflect.codecs._report import cut
from restate_reflect.errors import DecodeError, EncodeError

__all__ = ["ProtobufJsonCodec"]

M = TypeVar("M", bound=Message)


class ProtobufJsonCodec(Generic[M]):
    """The JSON form of the protobuf specification; field names in lowerCamelCase."""

    __slots__ = ("_cls",)
    content_type = "application/json"

    def __init__(self, cls: type[M]) -> None:
        self._cls = cls

    def encode(self, value: M) -> bytes:
        check(self._cls, value)
        check_complete(value, EncodeError)
        try:
            data = json_format.MessageToJson(value, indent=None, ensure_ascii=False, sort_keys=True).encode()
            restored = self.decode(data)
        except (json_format.Error, ProtobufEncodeError, DecodeError, ValueError, RecursionError) as error:
            raise EncodeError(f"{self._cls.DESCRIPTOR.full_name}: {error}") from error
        if content(restored) != content(value):
            raise EncodeError(
                f"{self._cls.DESCRIPTOR.full_name}: it would come back as another message. JSON has no place for fields"
                " that the class does not know, and writes paths of a FieldMask in lowerCamelCase; use the binary form."
            )
        return data

    def decode(self, data: bytes) -> M:
        try:
            message = json_format.ParseDict(self._object(loads(data)), self._cls())
        except (json_format.Error, ProtobufDecodeError, ValueError, OverflowError, RecursionError) as error:
            raise DecodeError(cut(f"not a valid {self._cls.DESCRIPTOR.full_name}: {error}")) from error
        check_complete(message, DecodeError)
        return message

    def _object(self, value: Any) -> Any:
        """Only the well-known types have other forms; the library would take an empty list for an empty message."""
        if not isinstance(value, dict) and self._cls.DESCRIPTOR.file.package != "google.protobuf":
            raise ValueError(f"expected an object, got {type(value).__name__}")
        return value

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        made = schema_of(self._cls.DESCRIPTOR, mode)
        return {**made, "examples": [sample(self._cls)]} if "$defs" in made else made
