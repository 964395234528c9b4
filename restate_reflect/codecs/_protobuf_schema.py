"""JSON Schema of a message in protobuf-JSON (https://protobuf.dev/programming-guides/json/).

For what is produced (``serialization``) it describes the canonical form: names in lowerCamelCase, 64-bit integers as
strings, enums by name. For what is accepted (``validation``) it also lets in what every parser has to take: ``null``
for a field that is not set, numbers as strings and the reverse, enums by number. It says nothing about other names
than those: parsers take a field's original name too, and refuse unknown ones themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from restate_reflect.codecs._base import JsonSchema, SchemaMode
from restate_reflect.codecs._protobuf_scalars import SCALARS, WELL_KNOWN, nullable
from restate_reflect.codecs._protobuf_traits import exclusive_groups, is_repeated, is_required

__all__ = ["schema_of"]

_NULL_VALUE: Final = "google.protobuf.NullValue"
# Keys of a map are JSON strings whatever their type.
_MAP_KEYS: Final[dict[int, JsonSchema]] = {
    FieldDescriptor.CPPTYPE_BOOL: {"enum": ["true", "false"]},
    FieldDescriptor.CPPTYPE_INT32: {"pattern": "^-?[0-9]+$"},
    FieldDescriptor.CPPTYPE_INT64: {"pattern": "^-?[0-9]+$"},
    FieldDescriptor.CPPTYPE_UINT32: {"pattern": "^[0-9]+$"},
    FieldDescriptor.CPPTYPE_UINT64: {"pattern": "^[0-9]+$"},
}


def schema_of(message: Any, mode: SchemaMode) -> JsonSchema:
    """The schema, with one ``$defs`` entry for each message and enum it reaches, by full name."""
    maker = _Maker(mode)
    root = maker.message(message)
    return {**root, "$defs": maker.definitions} if maker.definitions else root


class _Maker:
    def __init__(self, mode: SchemaMode) -> None:
        self._mode: SchemaMode = mode
        self._accepts = mode == "validation"
        self.definitions: dict[str, JsonSchema] = {}

    def message(self, message: Descriptor) -> JsonSchema:
        """A reference to its definition, or the form of its own that a well-known type has."""
        if (known := WELL_KNOWN.get(message.full_name)) is not None:
            return dict(known[self._mode])
        if message.full_name not in self.definitions:
            self.definitions[message.full_name] = {}  # entered first: messages may contain themselves
            self.definitions[message.full_name] = self._object(message)
        return {"$ref": f"#/$defs/{message.full_name}"}

    def _object(self, message: Descriptor) -> JsonSchema:
        made: JsonSchema = {"type": "object", "title": message.name}
        groups = list(exclusive_groups(message))
        if groups:
            made["description"] = " ".join(f"At most one of {', '.join(group)}." for group in groups)
        made["properties"] = {field.json_name: self._field(field) for field in message.fields}
        if required := [field.json_name for field in message.fields if is_required(field)]:
            made["required"] = required
        if message.full_name == "google.protobuf.Empty":
            made["additionalProperties"] = False
        return made | self._at_most_one_each(groups)

    def _at_most_one_each(self, groups: list[list[str]]) -> JsonSchema:
        rules: list[JsonSchema] = [{"oneOf": list(self._choices(group))} for group in groups]
        return rules[0] if len(rules) == 1 else {"allOf": rules} if rules else {}

    def _choices(self, group: list[str]) -> Iterator[JsonSchema]:
        yield from (self._present(name) for name in group)
        yield {"not": {"anyOf": [self._present(name) for name in group]}}

    def _present(self, name: str) -> JsonSchema:
        present: JsonSchema = {"required": [name]}
        return present | {"properties": {name: {"not": {"type": "null"}}}} if self._accepts else present

    def _field(self, field: FieldDescriptor) -> JsonSchema:
        made = self._container(field)
        return nullable(made) if self._accepts and not is_required(field) else made

    def _container(self, field: FieldDescriptor) -> JsonSchema:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            keys, values = entry.fields_by_name["key"], entry.fields_by_name["value"]
            named = {"propertyNames": _MAP_KEYS[keys.cpp_type]} if keys.cpp_type in _MAP_KEYS else {}
            return {"type": "object", "additionalProperties": self._single(values), **named}
        return {"type": "array", "items": self._single(field)} if is_repeated(field) else self._single(field)

    def _single(self, field: FieldDescriptor) -> JsonSchema:
        if field.message_type is not None:
            return self.message(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return dict(SCALARS[field.type][self._mode])

    def _enum(self, enum: EnumDescriptor) -> JsonSchema:
        if enum.full_name == _NULL_VALUE:
            return {"enum": [None, "NULL_VALUE"]} if self._accepts else {"type": "null"}
        if enum.full_name not in self.definitions:
            self.definitions[enum.full_name] = {"title": enum.name, **self._choice(enum)}
        return {"$ref": f"#/$defs/{enum.full_name}"}

    def _choice(self, enum: EnumDescriptor) -> JsonSchema:
        """A closed enum (proto2) has no other numbers than its own; those of an open one may be unknown yet."""
        names: JsonSchema = {"type": "string", "enum": [value.name for value in enum.values]}
        if not enum.is_closed:
            return {"anyOf": [names, {"type": "integer"}]}
        numbers = {"type": "integer", "enum": sorted({value.number for value in enum.values})}
        return {"anyOf": [names, numbers]} if self._accepts else names
