"""The fixed part of protobuf-JSON: scalar types, and the well-known types that have a form of their own."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from restate_reflect.codecs._base import JsonSchema, SchemaMode

__all__ = ["SCALARS", "WELL_KNOWN", "nullable"]

_Both = dict[SchemaMode, JsonSchema]

_DIGITS: Final = "^-?[0-9]+$"
_UNSIGNED: Final = "^[0-9]+$"
_NUMBER: Final = r"^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"
_NO_NUMBERS: Final = ["NaN", "Infinity", "-Infinity"]


def _same(schema: JsonSchema) -> _Both:
    return {"serialization": schema, "validation": schema}


def _small_integer(low: int, high: int) -> _Both:
    written: JsonSchema = {"type": "integer", "minimum": low, "maximum": high}
    pattern = _DIGITS if low else _UNSIGNED
    return {"serialization": written, "validation": written | {"type": ["integer", "string"], "pattern": pattern}}


def _long_integer(pattern: str, **limits: int) -> _Both:
    """As a string, since JSON readers keep 53 bits; no limits, which would need all 64."""
    read: JsonSchema = {"type": ["string", "integer"], "pattern": pattern, **limits}
    return {"serialization": {"type": "string", "pattern": pattern}, "validation": read}


_FLOAT: Final[_Both] = {
    "serialization": {"anyOf": [{"type": "number"}, {"enum": _NO_NUMBERS}]},
    "validation": {"anyOf": [{"type": ["number", "string"], "pattern": _NUMBER}, {"enum": _NO_NUMBERS}]},
}
_INT32: Final = _small_integer(-(2**31), 2**31 - 1)
_UINT32: Final = _small_integer(0, 2**32 - 1)
_INT64: Final = _long_integer(_DIGITS)
_UINT64: Final = _long_integer(_UNSIGNED, minimum=0)
_BOOL: Final = _same({"type": "boolean"})
_STRING: Final = _same({"type": "string"})
_BYTES: Final = _same({"type": "string", "contentEncoding": "base64"})

SCALARS: Final[dict[int, _Both]] = {
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_FLOAT: _FLOAT,
    FieldDescriptor.TYPE_DOUBLE: _FLOAT,
    FieldDescriptor.TYPE_BOOL: _BOOL,
    FieldDescriptor.TYPE_STRING: _STRING,
    FieldDescriptor.TYPE_BYTES: _BYTES,
}
"""By field type."""

_ANY: Final[JsonSchema] = {
    "type": "object",
    "properties": {"@type": {"type": "string", "description": "URL of the message type; its fields stand beside it."}},
}
_WELL_KNOWN: Final[dict[str, _Both]] = {
    "Timestamp": _same({"type": "string", "format": "date-time"}),
    "Duration": _same({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"}),
    "FieldMask": _same({"type": "string", "description": "Paths in lowerCamelCase, separated by commas."}),
    "Struct": _same({"type": "object"}),
    "Value": _same({}),
    "ListValue": _same({"type": "array"}),
    "Any": _same(_ANY),
    "BoolValue": _BOOL,
    "StringValue": _STRING,
    "BytesValue": _BYTES,
    "Int32Value": _INT32,
    "UInt32Value": _UINT32,
    "Int64Value": _INT64,
    "UInt64Value": _UINT64,
    "FloatValue": _FLOAT,
    "DoubleValue": _FLOAT,
}
WELL_KNOWN: Final[dict[str, _Both]] = {f"google.protobuf.{name}": forms for name, forms in _WELL_KNOWN.items()}
"""By full name of the message; ``Empty`` is an ordinary message without fields."""


def nullable(schema: JsonSchema) -> JsonSchema:
    """The schema, with ``null`` allowed besides."""
    kind: Any = schema.get("type")
    if "enum" in schema or not schema:
        return schema if not schema or None in schema["enum"] else {"enum": [*schema["enum"], None]}
    if kind is not None:
        return schema | {"type": [*([kind] if isinstance(kind, str) else kind), "null"]}
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}
