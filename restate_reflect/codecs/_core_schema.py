"""Changes to pydantic's core schema that make every JSON value come back as it went out.

pydantic's defaults lose data in places; a journal must not. For every model, dataclass and TypedDict
whose own config says nothing about it:

- ``bytes`` are base64 (URL-safe alphabet) in both directions, as UTF-8 can't hold all bytes;
- ``inf`` and ``nan`` are the strings ``"Infinity"``, ``"-Infinity"``, ``"NaN"``, as JSON has no such
  numbers and ``null`` would not come back.

Sets are written in sorted order: their own order depends on the hash seed, and the journal compares
bytes. A field is read by the name that it is written by, whatever else it is read by (``_aliases``); members of enums
(``_members``), keys of dicts (``_dict_keys``) and secrets (``_encoded``) are written in a form that can be read.
Defaults that are made while reading are noted (``_factories``).

Ambiguity stays where the type itself is ambiguous: in ``bytes | str`` or ``float | str`` the string
form wins when read back. What does not come back in spite of all this is refused when it is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic_core import core_schema, to_json

from restate_reflect.codecs._aliases import read_as_written, readable_tag
from restate_reflect.codecs._dict_keys import readable_keys
from restate_reflect.codecs._encoded import readable_base64, revealed
from restate_reflect.codecs._factories import noted
from restate_reflect.codecs._members import readable_enum, readable_literal
from restate_reflect.codecs._nodes import BY_NAME, LOSSLESS, OPAQUE

__all__ = ["lossless"]


def lossless(schema: Any) -> Any:
    """A copy of the core schema, for reading and writing, with the rules above."""
    definitions: list[Any] = []
    made = _changed(schema, definitions)
    if made.get("type") == "definitions":
        definitions.extend(made["definitions"])
    return made


def _changed(schema: Any, definitions: list[Any]) -> Any:
    if isinstance(schema, dict):
        return _patched({key: _child(key, value, definitions) for key, value in schema.items()}, definitions)
    if isinstance(schema, (list, tuple)):
        return type(schema)(_changed(item, definitions) for item in schema)
    return schema


def _child(key: str, value: Any, definitions: list[Any]) -> Any:
    if key in OPAQUE:
        return value
    if key in BY_NAME and isinstance(value, dict):
        return {name: _changed(schema, definitions) for name, schema in value.items()}
    return _changed(value, definitions)


def _patched(node: dict[str, Any], definitions: list[Any]) -> dict[str, Any]:
    kind = node.get("type")
    if not isinstance(kind, str):
        return node
    if kind in _WITH_KEYS:
        return readable_keys(node, definitions)
    patch = _PATCHES.get(kind)
    return revealed(node if patch is None else patch(node))


def _configured(node: dict[str, Any]) -> dict[str, Any]:
    own = node.get("config") or {}
    # What is written by alias must be read by it; a name that is accepted as well stays so.
    by_alias = {"validate_by_alias": True} if own.get("validate_by_alias") is False else {}
    node["config"] = {**LOSSLESS, **own, **by_alias}
    return node


def _sorted_set(node: dict[str, Any]) -> dict[str, Any]:
    node.setdefault("serialization", _SORTED)
    return node


def _sort(value: Any, written: core_schema.SerializerFunctionWrapHandler) -> Any:
    items = written(value)
    return sorted(items, key=to_json) if isinstance(items, list) else items


_SORTED = core_schema.wrap_serializer_function_ser_schema(_sort, when_used="json")
_WITH_KEYS = frozenset({"dict", "ordered-dict", "counter"})


def _configured_dict(node: dict[str, Any]) -> dict[str, Any]:
    return _configured(read_as_written(node))


_PATCHES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "model": _configured,
    "dataclass": _configured,
    "typed-dict": _configured_dict,
    "model-fields": read_as_written,
    "dataclass-args": read_as_written,
    "tagged-union": readable_tag,
    "default": noted,
    "set": _sorted_set,
    "frozenset": _sorted_set,
    "literal": readable_literal,
    "enum": readable_enum,
    "function-after": readable_base64,
}
