"""A message with something in every field, for people to start from."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from restate_reflect.codecs._protobuf_traits import is_repeated

__all__ = ["sample"]

_BY_CPP_TYPE: Final[dict[int, Any]] = {
    FieldDescriptor.CPPTYPE_BOOL: True,
    FieldDescriptor.CPPTYPE_DOUBLE: 1.5,
    FieldDescriptor.CPPTYPE_FLOAT: 1.5,
}
_WELL_KNOWN: Final[dict[str, Any]] = {
    "Timestamp": "2026-01-31T12:00:00Z",
    "Duration": "1.500s",
    "FieldMask": "name",
    "Struct": {"key": "value"},
    "Value": "text",
    "ListValue": ["text"],
    "Any": {},
}
_DEPTH: Final = 5
"""Messages in messages; deeper ones stay empty."""


def sample(cls: type[Message]) -> Any:
    """A message of the class as protobuf-JSON data, every field set but for the later members of a ``oneof``."""
    message = cls()
    _fill(message, ())
    return json_format.MessageToDict(message)


def _fill(message: Any, above: tuple[str, ...]) -> None:
    name: str = message.DESCRIPTOR.full_name
    if (known := _WELL_KNOWN.get(name.removeprefix("google.protobuf."))) is not None and name.startswith("google."):
        json_format.ParseDict(known, message)
        return
    for field in message.DESCRIPTOR.fields:
        taken = field.containing_oneof is not None and message.WhichOneof(field.containing_oneof.name) is not None
        if not taken:
            _set(message, field, (*above, name))


def _set(message: Any, field: FieldDescriptor, above: tuple[str, ...]) -> None:
    kind = field.message_type
    if kind is None:
        if is_repeated(field):
            getattr(message, field.name).append(_value(field))
        else:
            setattr(message, field.name, _value(field))
    elif kind.GetOptions().map_entry:
        _set_entry(getattr(message, field.name), kind, above)
    elif kind.full_name not in above and len(above) < _DEPTH:
        holder = getattr(message, field.name)
        part = holder.add() if is_repeated(field) else holder
        part.SetInParent()
        _fill(part, above)


def _set_entry(entries: Any, entry: Any, above: tuple[str, ...]) -> None:
    key, values = _value(entry.fields_by_name["key"]), entry.fields_by_name["value"]
    if values.message_type is None:
        entries[key] = _value(values)
    elif values.message_type.full_name not in above and len(above) < _DEPTH:
        _fill(entries[key], above)


def _value(field: FieldDescriptor) -> Any:
    if field.enum_type is not None:
        numbers = [value.number for value in field.enum_type.values]
        return next((number for number in numbers if number), numbers[0])
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return b"text" if field.type == FieldDescriptor.TYPE_BYTES else "text"
    return _BY_CPP_TYPE.get(field.cpp_type, 1)
