"""msgspec structs, alone or inside containers: JSON written and read by msgspec.

Imported only when a struct has been seen, so msgspec stays optional. Dict keys and sets are written in
sorted order, since the journal compares bytes. msgspec writes without looking at types; so what was written is
read (about 0.2 us for a small struct) and compared, and a value that would not come back is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from restate_reflect.codecs._base import JsonSchema, SchemaMode
from restate_reflect.codecs._factories import is_constant, note
from restate_reflect.codecs._misfit import TOO_DEEP, misfit
from restate_reflect.codecs._names import is_alias, parts, type_name
from restate_reflect.codecs._report import cut
from restate_reflect.codecs._same import difference
from restate_reflect.errors import DecodeError, UnsupportedTypeError

__all__ = ["MsgspecCodec"]


class MsgspecCodec:
    """JSON of one type that contains structs. Raises ``UnsupportedTypeError`` if msgspec can't read it."""

    __slots__ = ("_decode", "_encode", "_schema", "annotation", "makes_defaults")
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
        self.makes_defaults = any(map(_makes_defaults, _structs(known)))
        """Whether reading may make defaults that another reading would make otherwise."""

    def encode(self, value: Any) -> bytes:
        try:
            data = self._written(value)
            found = difference(value, self._decode(data))
        except Exception as error:  # enc_hooks and __post_init__ of user classes run here
            raise misfit(self.annotation, value, [_reason(error)]) from error
        if found is not None:
            raise misfit(self.annotation, value, [str(found)])
        return data

    def _written(self, value: Any) -> bytes:
        try:
            return self._encode(value)
        except TypeError:  # it sorts keys of text only
            return self._encode(msgspec.to_builtins(value, str_keys=True, order="deterministic"))

    def decode(self, data: bytes) -> Any:
        if self.makes_defaults:
            note("default_factory")
        try:
            return self._decode(data or b"null")
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


def _structs(annotation: Any) -> Iterator[type[msgspec.Struct]]:
    """Those in a type, fields of fields included."""
    seen: set[type] = set()
    pending = [annotation]
    while pending:
        for part in parts(pending.pop()):
            if isinstance(part, type) and issubclass(part, msgspec.Struct) and part not in seen:
                seen.add(part)
                yield part
                pending.extend(field.type for field in msgspec.structs.fields(part))


def _makes_defaults(struct: type[msgspec.Struct]) -> bool:
    factories = (field.default_factory for field in msgspec.structs.fields(struct))
    return any(factory is not msgspec.NODEFAULT and not is_constant(factory) for factory in factories)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return TOO_DEEP
    message, _, path = str(error).partition(" - at `$")
    return f"{path.rstrip('`').strip('.') or 'value'}: {message}"


def _detail(error: Exception) -> dict[str, Any]:
    """The shape of a pydantic error, so that programs read one form."""
    message, _, path = str(error).partition(" - at `$")
    steps = [step for step in path.rstrip("`").replace("[", ".").replace("]", "").split(".") if step]
    return {"type": type(error).__name__, "loc": steps, "msg": message}
