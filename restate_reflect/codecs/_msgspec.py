"""msgspec structs, alone or inside containers: JSON written and read by msgspec.

Imported only when a struct has been seen, so msgspec stays optional. Dict keys and sets are written in
sorted order, since the journal compares bytes. msgspec writes without looking at types; reading the result
once more (about 0.2 us for a small struct) finds a value that does not fit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from restate_reflect.codecs._base import JsonSchema, SchemaMode
from restate_reflect.codecs._names import is_alias, type_name
from restate_reflect.codecs._report import cut
from restate_reflect.errors import DecodeError, EncodeError, UnsupportedTypeError

__all__ = ["MsgspecCodec"]


class MsgspecCodec:
    """JSON of one type that contains structs. Raises ``UnsupportedTypeError`` if msgspec can't read it."""

    __slots__ = ("_decode", "_encode", "_schema", "annotation")
    content_type = "application/json"

    def __init__(self, annotation: Any) -> None:
        self.annotation = annotation
        try:
            known = _without_alias(annotation)
            self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(known).decode
            self._schema = msgspec.json.schema(known)
        except TypeError as error:
            why = str(error).splitlines()[0].rstrip(".")
            fix = "Use structs, dataclasses and builtins throughout, or pydantic models throughout."
            raise UnsupportedTypeError(annotation, f"msgspec can't carry it: {why}.", fix) from error
        self._encode = msgspec.json.Encoder(order="deterministic").encode

    def encode(self, value: Any) -> bytes:
        try:
            data = self._encode(value)
            self._decode(data)
        except Exception as error:  # enc_hooks and __post_init__ of user classes run here
            raise EncodeError(
                f"a value of type {type(value).__name__} does not fit {type_name(self.annotation)}: {error}"
            ) from error
        return data

    def decode(self, data: bytes) -> Any:
        try:
            return self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DecodeError(
                f"not a valid {type_name(self.annotation)}:\n  {cut(str(error))}", [_detail(error)]
            ) from error

    def json_schema(self, mode: SchemaMode) -> JsonSchema:
        copied: JsonSchema = json.loads(json.dumps(self._schema))
        return copied


def _without_alias(annotation: Any) -> Any:
    while is_alias(annotation):  # msgspec knows those of typing, but not those of typing_extensions
        annotation = annotation.__value__
    return annotation


def _detail(error: Exception) -> dict[str, Any]:
    """The shape of a pydantic error, so that programs read one form."""
    message, _, path = str(error).partition(" - at `$")
    steps = [step for step in path.rstrip("`").replace("[", ".").replace("]", "").split(".") if step]
    return {"type": type(error).__name__, "loc": steps, "msg": message}
