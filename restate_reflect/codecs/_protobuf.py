"""Protobuf messages: ``application/proto`` by default, protobuf-JSON by ``ProtobufJson``.

The JSON form is a module of its own, imported with the first message that wants it: it takes 30 ms and 3 MB.

The binary form is written deterministically (map entries sorted), since the journal compares bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import EncodeError as ProtobufEncodeError
from google.protobuf.message import Message

from restate_reflect.codecs._base import Codec, JsonSchema, SchemaMode
from restate_reflect.codecs._names import bare
from restate_reflect.errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from restate_reflect.codecs._protobuf_json import ProtobufJsonCodec

__all__ = ["ProtobufCodec", "ProtobufJson", "check", "is_message", "json_codec_of"]

M = TypeVar("M", bound=Message)

_NOT_GIVEN: Any = object()


class ProtobufJson:
    """Carries messages as protobuf-JSON.

    One of them by ``Annotated[Order, ProtobufJson]``; all inputs and outputs of a service (or handler) by
    ``@service(input_codec=ProtobufJson, output_codec=ProtobufJson)``, where other types keep their codecs.
    """

    def __new__(cls, annotation: Any = _NOT_GIVEN, /) -> Any:
        """With a type: its codec, which is what the options ``input_codec`` and ``output_codec`` ask for."""
        return super().__new__(cls) if annotation is _NOT_GIVEN else _codec_for(annotation)


def _codec_for(annotation: Any) -> Codec[Any]:
    from restate_reflect.codecs._choose import codec_for  # which knows this module

    return codec_for(Annotated[annotation, ProtobufJson] if is_message(bare(annotation)) else annotation)


def is_message(tp: Any) -> bool:
    return isinstance(tp, type) and issubclass(tp, Message)


def json_codec_of(cls: type[M]) -> ProtobufJsonCodec[M]:
    """The protobuf-JSON codec of a message class."""
    from restate_reflect.codecs._protobuf_json import ProtobufJsonCodec

    return ProtobufJsonCodec(cls)


class ProtobufCodec(Generic[M]):
    """The binary form."""

    __slots__ = ("_cls",)
    content_type = "application/proto"

    def __init__(self, cls: type[M]) -> None:
        self._cls = cls

    @property
    def as_json(self) -> ProtobufJsonCodec[M]:
        """The same messages as protobuf-JSON, for tools that show them to people."""
        return json_codec_of(self._cls)

    def encode(self, value: M) -> bytes:
        check(self._cls, value)
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


def check(cls: type[Message], value: Any) -> None:
    """Raises ``EncodeError`` unless it is such a message."""
    if not isinstance(value, cls):
        raise EncodeError(f"expected the message {cls.DESCRIPTOR.full_name}, got {type(value).__name__}.")
