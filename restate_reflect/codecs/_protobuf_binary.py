"""Protobuf messages in their binary form.

It is written deterministically (map entries sorted), since the journal compares bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import EncodeError as ProtobufEncodeError
from google.protobuf.message import Message

from restate_reflect.codecs._base import JsonSchema, SchemaMode
from restate_reflect.codecs._protobuf_check import check, content, is_recursive
from restate_reflect.errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from restate_reflect.codecs._protobuf_json import ProtobufJsonCodec

__all__ = ["ProtobufCodec"]

M = TypeVar("M", bound=Message)


class ProtobufCodec(Generic[M]):
    """The binary form."""

    __slots__ = ("_cls", "_is_deep")
    content_type = "application/proto"

    def __init__(self, cls: type[M]) -> None:
        self._cls = cls
        self._is_deep = is_recursive(cls.DESCRIPTOR)

    @property
    def as_json(self) -> ProtobufJsonCodec[M]:
        """The same messages as protobuf-JSON, for tools that show them to people."""
        from restate_reflect.codecs._protobuf_json import ProtobufJsonCodec

        return ProtobufJsonCodec(self._cls)

    def encode(self, value: M) -> bytes:
        check(self._cls, value)
        try:
            data = content(value)
        except ProtobufEncodeError as error:
            raise EncodeError(f"{self._cls.DESCRIPTOR.full_name}: {error}") from error
        if self._is_deep:
            self._check_depth(data)
        return data

    def _check_depth(self, data: bytes) -> None:
        """Only messages within messages of their own kind can be nested more deeply than is read."""
        try:
            self.decode(data)
        except DecodeError as error:
            raise EncodeError(f"{error}. Is it nested more than 100 levels deep?") from error

    def decode(self, data: bytes) -> M:
        try:
            return self._cls.FromString(data)
        except ProtobufDecodeError as error:
            raise DecodeError(f"not a valid {self._cls.DESCRIPTOR.full_name}: {error}") from error

    def json_schema(self, mode: SchemaMode) -> JsonSchema | None:
        return None
