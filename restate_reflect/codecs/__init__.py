"""Values to bytes and back: one codec per type, chosen once.

An annotation goes in, and a ``Codec`` comes out that writes its values and reads them back as they were, or refuses
them; with a JSON Schema for manifests. Inputs, results, state, steps and promises all pass here. ``_choose`` picks
one: ``_bytes``, ``_protobuf``, ``_msgspec``, or ``_json``, which is pydantic with ``_core_schema`` and
``_json_encoder`` around it; codecs of the user's own are held to the same by ``_own``. Start reading at ``_choose``.
"""

from restate_reflect.codecs._base import Codec, JsonSchema, SchemaMode
from restate_reflect.codecs._choose import codec_for, is_codec
from restate_reflect.codecs._factories import noting
from restate_reflect.codecs._json import JsonCodec
from restate_reflect.codecs._names import type_name
from restate_reflect.codecs._own import OwnCodec, held_to_the_law
from restate_reflect.codecs._protobuf_option import ProtobufJson

__all__ = [
    "Codec",
    "JsonCodec",
    "JsonSchema",
    "OwnCodec",
    "ProtobufJson",
    "SchemaMode",
    "codec_for",
    "held_to_the_law",
    "is_codec",
    "noting",
    "type_name",
]
