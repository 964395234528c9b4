"""Values to bytes and back: one codec per type, chosen once."""

from restate_reflect.codecs._base import Codec, JsonSchema, SchemaMode
from restate_reflect.codecs._choose import codec_for, is_codec
from restate_reflect.codecs._json import JsonCodec
from restate_reflect.codecs._names import type_name
from restate_reflect.codecs._protobuf_option import ProtobufJson

__all__ = ["Codec", "JsonCodec", "JsonSchema", "ProtobufJson", "SchemaMode", "codec_for", "is_codec", "type_name"]
