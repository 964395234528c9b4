"""Protobuf messages: ``application/proto`` by default, protobuf-JSON where they are marked.

Each form is a module of its own, imported with the first message that wants it: JSON takes 30 ms and 3 MB, and services
without messages need no protobuf.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from restate_reflect.codecs._protobuf_binary import ProtobufCodec
    from restate_reflect.codecs._protobuf_json import ProtobufJsonCodec

__all__ = ["JsonMark", "binary_codec_of", "is_json_mark", "is_message", "json_codec_of"]

M = TypeVar("M", bound="Message")


class JsonMark:
    """Metadata of a message that travels as protobuf-JSON; given to users as its subclass ``ProtobufJson``."""


def is_json_mark(metadata: Any) -> bool:
    """Whether a part of ``Annotated`` is the mark: the class or an instance."""
    return isinstance(metadata, JsonMark) or (isinstance(metadata, type) and issubclass(metadata, JsonMark))


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
