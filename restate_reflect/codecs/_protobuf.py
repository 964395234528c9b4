"""Protobuf messages: ``application/proto`` by default, protobuf-JSON by ``ProtobufJson``.

Each form is a module of its own, imported with the first message that wants it: JSON takes 30 ms and 3 MB, and services
without messages need no protobuf.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from restate_reflect.codecs._base import Codec
from restate_reflect.codecs._names import bare

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from restate_reflect.codecs._protobuf_binary import ProtobufCodec
    from restate_reflect.codecs._protobuf_json import ProtobufJsonCodec

__all__ = ["ProtobufJson", "binary_codec_of", "is_message", "json_codec_of"]

M = TypeVar("M", bound="Message")

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
    message = sys.modules.get("google.protobuf.message")  # a message can't exist before it was imported
    return message is not None and isinstance(tp, type) and issubclass(tp, message.Message)


def binary_codec_of(cls: type[M]) -> ProtobufCodec[M]:
    """The binary codec of a message class."""
    from restate_reflect.codecs._protobuf_binary import ProtobufCodec

    return ProtobufCodec(cls)


def json_codec_of(cls: type[M]) -> ProtobufJsonCodec[M]:
    """The protobuf-JSON codec of a message class."""
    from restate_reflect.codecs._protobuf_json import ProtobufJsonCodec

    return ProtobufJsonCodec(cls)
