"""JSON Schema of a message in protobuf-JSON (https://protobuf.dev/programming-guides/json/).

It describes the canonical form; parsers also take integers for 64-bit numbers and enums, which it allows.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from restate_reflect.codecs._base import JsonSchema

__all__ = ["schema_of"]

_INT32: JsonSchema = {"type": "integer"}
_INT64: JsonSchema = {"type": ["string", "integer"], "pattern": "^-?[0-9]+$"}
_FLOAT: JsonSchema = {"anyOf": [{"type": "number"}, {"enum": ["NaN", "Infinity", "-Infinity"]}]}

_BY_CPP_TYPE: dict[int, JsonSchema] = {
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0},
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_UINT64: {"type": ["string", "integer"], "pattern": "^[0-9]+$"},
    FieldDescriptor.CPPTYPE_DOUBLE: _FLOAT,
    FieldDescriptor.CPPTYPE_FLOAT: _FLOAT,
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
}

_GOOGLE = "google.protobuf."
_WELL_KNOWN: dict[str, JsonSchema] = {
    _GOOGLE + "Timestamp": {"type": "string", "format": "date-time"},
    _GOOGLE + "Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?s$"},
    _GOOGLE + "FieldMask": {"type": "string"},
    _GOOGLE + "Struct": {"type": "object"},
    _GOOGLE + "Value": {},
    _GOOGLE + "ListValue": {"type": "array"},
    _GOOGLE + "Any": {"type": "object"},
    _GOOGLE + "BoolValue": {"type": ["boolean", "null"]},
    _GOOGLE + "StringValue": {"type": ["string", "null"]},
    _GOOGLE + "BytesValue": {"type": ["string", "null"], "contentEncoding": "base64"},
    _GOOGLE + "Int32Value": {"type": ["integer", "null"]},
    _GOOGLE + "UInt32Value": {"type": ["integer", "null"], "minimum": 0},
    _GOOGLE + "Int64Value": {"type": ["string", "integer", "null"]},
    _GOOGLE + "UInt64Value": {"type": ["string", "integer", "null"]},
    _GOOGLE + "FloatValue": {"type": ["number", "string", "null"]},
    _GOOGLE + "DoubleValue": {"type": ["number", "string", "null"]},
}


def schema_of(message: Any) -> JsonSchema:
    """The schema, with one ``$defs`` entry for each message it reaches."""
    definitions: dict[str, JsonSchema] = {}
    root = _reference(message, definitions)
    return {**root, "$defs": definitions} if definitions else root


def _reference(message: Descriptor, definitions: dict[str, JsonSchema]) -> JsonSchema:
    if message.full_name in _WELL_KNOWN:
        return dict(_WELL_KNOWN[message.full_name])
    if message.full_name not in definitions:
        definitions[message.full_name] = {}  # entered first: messages may contain themselves
        properties = {field.json_name: _field(field, definitions) for field in message.fields}
        definitions[message.full_name] = {"type": "object", "title": message.name, "properties": properties}
    return {"$ref": f"#/$defs/{message.full_name}"}


def _field(field: FieldDescriptor, definitions: dict[str, JsonSchema]) -> JsonSchema:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        return {"type": "object", "additionalProperties": _single(entry.fields_by_name["value"], definitions)}
    single = _single(field, definitions)
    return {"type": "array", "items": single} if _repeated(field) else single


def _repeated(field: Any) -> bool:
    if hasattr(field, "is_repeated"):  # protobuf 6 and newer; 'label' is gone in 7
        return bool(field.is_repeated)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED)


def _single(field: FieldDescriptor, definitions: dict[str, JsonSchema]) -> JsonSchema:
    if field.message_type is not None:
        return _reference(field.message_type, definitions)
    if field.enum_type is not None:
        names = [value.name for value in field.enum_type.values]
        return {"anyOf": [{"enum": names}, {"type": "integer"}]}
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        binary = field.type == FieldDescriptor.TYPE_BYTES
        return {"type": "string", "contentEncoding": "base64"} if binary else {"type": "string"}
    return dict(_BY_CPP_TYPE[field.cpp_type])
