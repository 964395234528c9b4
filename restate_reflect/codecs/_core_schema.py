"""Changes to pydantic's core schema that make every JSON value come back as it went out.

pydantic's defaults lose data in places; a journal must not. For every model, dataclass and TypedDict
whose own config says nothing about it:

- ``bytes`` are base64 (URL-safe alphabet) in both directions, as UTF-8 can't hold all bytes;
- ``inf`` and ``nan`` are the strings ``"Infinity"``, ``"-Infinity"``, ``"NaN"``, as JSON has no such
  numbers and ``null`` would not come back.

Sets are written in sorted order: their own order depends on the hash seed, and the journal compares
bytes. A ``Literal`` refuses values outside of it, which pydantic's serializer lets pass, and reads its enum
members back.

A serializer of pydantic's takes any object with attributes for a model or dataclass: another model is written as
``{}``, and so is one without its required fields. Only the choices of a union are checked, so each model is made one.

Ambiguity stays where the type itself is ambiguous: in ``bytes | str`` or ``float | str`` the string
form wins when read back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from enum import Enum
from typing import Any, cast

from pydantic_core import PydanticSerializationUnexpectedValue, core_schema, to_json

__all__ = ["LOSSLESS", "Refusal", "lossless", "nodes", "refusals", "refusing"]

LOSSLESS: core_schema.CoreConfig = {
    "ser_json_bytes": "base64",
    "val_json_bytes": "base64",
    "ser_json_inf_nan": "strings",
}

Refusal = tuple[str, str]
"""Why a type can't be carried, and the fix."""

_HOLDERS_OF_CONFIG = ("model", "dataclass", "typed-dict")
# Values under these keys belong to the user or are no schemas.
_OPAQUE = frozenset({"default", "metadata", "config", "expected", "members", "cls", "ref"})
# Dicts from a name to a schema; their keys are the user's.
_BY_NAME = frozenset({"fields", "choices"})


def lossless(schema: Any) -> Any:
    """A copy of the core schema, for reading and writing, with the rules above but the last."""
    return _changed(schema, _patched)


def refusing(schema: Any) -> Any:
    """A copy for writing that takes for a model only its instances, with all required fields."""
    return _changed(schema, _checked)


_Change = Callable[[dict[str, Any]], dict[str, Any]]


def _changed(schema: Any, change: _Change) -> Any:
    if isinstance(schema, dict):
        return change({key: _child(key, value, change) for key, value in schema.items()})
    if isinstance(schema, (list, tuple)):
        return type(schema)(_changed(item, change) for item in schema)
    return schema


def _child(key: str, value: Any, change: _Change) -> Any:
    if key in _OPAQUE:
        return value
    if key in _BY_NAME and isinstance(value, dict):
        return {name: _changed(schema, change) for name, schema in value.items()}
    return _changed(value, change)


def _patched(node: dict[str, Any]) -> dict[str, Any]:
    kind = node.get("type")
    if kind in _HOLDERS_OF_CONFIG:
        node["config"] = {**LOSSLESS, **(node.get("config") or {})}
    elif kind in ("set", "frozenset"):
        node.setdefault("serialization", _SORTED)
    elif kind == "literal":
        node.setdefault("serialization", _only(node["expected"]))
        return _readable_literal(node)
    return node


def _checked(node: dict[str, Any]) -> dict[str, Any]:
    # An unparametrised generic is no instance of Page[Item], and right all the same.
    if node.get("type") not in _HOLDERS_OF_CONFIG or "serialization" in node or "generic_origin" in node:
        return node
    ref = {"ref": node.pop("ref")} if "ref" in node else {}
    return {"type": "union", "choices": [node, _NOTHING], **ref}


_NOTHING = core_schema.literal_schema(["\0"])
"""A union of one choice would be that choice."""


def _readable_literal(node: dict[str, Any]) -> dict[str, Any]:
    """pydantic writes ``Literal[Colour.RED]`` as ``"red"``, but does not read that."""
    members = {member.value: member for member in node["expected"] if isinstance(member, Enum)}
    if not members:
        return node

    def to_member(value: Any) -> Any:
        return members.get(value, value) if isinstance(value, Hashable) else value

    outer = core_schema.no_info_before_validator_function(to_member, cast(core_schema.CoreSchema, node))
    return {**outer, "serialization": node["serialization"]}


def _sort(value: Any, written: core_schema.SerializerFunctionWrapHandler) -> Any:
    items = written(value)
    return sorted(items, key=to_json) if isinstance(items, list) else items


_SORTED = core_schema.wrap_serializer_function_ser_schema(_sort, when_used="json")


def _only(expected: list[Any]) -> core_schema.SerSchema:
    def check(value: Any) -> Any:
        if value not in expected:
            raise PydanticSerializationUnexpectedValue(f"Expected one of {expected!r}, got {value!r}")
        return value

    return core_schema.plain_serializer_function_ser_schema(check, when_used="json")


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema node that plays a part when JSON is read."""
    if isinstance(schema, dict):
        if schema.get("type") == "json-or-python":
            yield from nodes(schema["json_schema"])
            return
        yield schema
        for key, value in schema.items():
            if key in _BY_NAME and isinstance(value, dict):
                yield from nodes(list(value.values()))
            elif key not in _OPAQUE and key != "serialization":
                yield from nodes(value)
    elif isinstance(schema, (list, tuple)):
        for item in schema:
            yield from nodes(item)


def refusals(schema: Any) -> Iterator[Refusal]:
    """What in this schema can't be carried by JSON in both directions."""
    for node in nodes(schema):
        check = _REFUSED.get(node["type"]) if isinstance(node.get("type"), str) else None
        if check and (refusal := check(node)):
            yield refusal


def _no_callable(node: dict[str, Any]) -> Refusal:
    return "functions can't be sent.", "Pass data, and choose the function from it in the handler."


def _no_instance(node: dict[str, Any]) -> Refusal:
    name = getattr(node["cls"], "__name__", repr(node["cls"]))
    return f"{name} is an ordinary class, which JSON can't be read into.", "Make it a dataclass or a pydantic model."


def _no_class(node: dict[str, Any]) -> Refusal:
    return "classes can't be sent.", "Send a name, a Literal or an Enum member instead."


def _no_generator(node: dict[str, Any]) -> Refusal:
    return "an iterator can be read only once, so it would not survive a replay.", "Use list[...] instead."


def _unreadable_field(node: dict[str, Any]) -> Refusal | None:
    accepted = node.get("validation_alias")
    if not isinstance(accepted, str) or node.get("serialization_exclude"):
        return None  # no alias, or AliasChoices/AliasPath: several spellings, for people to answer for
    written = node.get("serialization_alias")
    if written is None or written == accepted:
        return None
    return f"a field is written as {written!r} but read as {accepted!r}.", "Give it one name by Field(alias=...)."


_REFUSED: dict[str, Callable[[dict[str, Any]], Refusal | None]] = {
    "callable": _no_callable,
    "is-instance": _no_instance,
    "is-subclass": _no_class,
    "generator": _no_generator,
    "model-field": _unreadable_field,
    "dataclass-field": _unreadable_field,
    "typed-dict-field": _unreadable_field,
}
