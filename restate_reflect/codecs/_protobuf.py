"""Protobuf messages: ``application/proto`` by default, protobuf-JSON by ``Annotated[M, ProtobufJson]``.

The binary form is written deterministically (map entries sorted), since the journal compares bytes.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from google.protobuf import json_format
from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import EncodeError as ProtobufEncodeError
from google.protobuf.message import Message

from restate_reflect.codecs._base import JsonSchema, SchemaMode
from restate_reflect.codecs._protobuf_schema import schema_of
from restate_reflect.errors import DecodeError, EncodeError

__all__ = ["ProtobufCodec", "ProtobufJson", "ProtobufJsonCodec", "is_message"]

M = TypeVar("M", bound=Message)


class ProtobufJson:
    """Marker: carry this message as protobuf-JSON, ``Annotated[Order, ProtobufJson]``."""


def is_message(tp: Any) -> bool:
    return isinstance(tp, type) and issubclass(tp, Message)


class ProtobufCodec(Generic[M]):
    """The binary form."""

    __slots__ = ("_cls",)
    content_type = "application/proto"

    def __init__(self, cls: type[M]) -> None:
        self._cls = cls

    def encode(self, value: M) -> bytes:
        _check(self._cls, value)
        try:
            return value.SerializeToString(deterministic=True)
        except ProtobufEncodeError as error:
            raise EncodeError(f"{self._cls.DESCRIPTOR.full_name}: {error}") from error

    def decode(self, data: bytes) -> M:
        try:
            return self._cls.FromString(data)
        except ProtobufDecodeError as error:
            raise DecodeError(f"not a valid {self._cls.DESCRIPTOR.full_name}: {error}") from error

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        return None


class ProtobufJsonCodec(Generic[M]):
    """The JSON form of the protobuf specification; field names in lowerCamelCase."""

    __slots__ = ("_cls",)
    content_type = "application/json"

    def __init__(self, cls: type[M]) -> None:
        self._cls = cls

    def encode(self, value: M) -> bytes:
        _check(self._cls, value)
        try:
            return json_format.MessageToJson(value, indent=None, ensure_ascii=False, sort_keys=True).encode()
        except (json_format.Error, ProtobufEncodeError) as error:
            raise EncodeError(f"{self._cls.DESCRIPTOR.full_name}: {error}") from error

    def decode(self, data: bytes) -> M:
        try:
            return json_format.Parse(data, self._cls())
        except (json_format.Error, ProtobufDecodeError, UnicodeDecodeError) as error:
            raise DecodeError(f"not a valid {self._cls.DESCRIPTOR.full_name}: {error}") from error

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        return schema_of(self._cls.DESCRIPTOR)


def _check(cls: type[Message], value: Any) -> None:
    if not isinstance(value, cls):
        raise EncodeError(f"expected the message {cls.DESCRIPTOR.full_name}, got {type(value).__name__}.")
