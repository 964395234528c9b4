"""JSON Schemas, compared: what one allows and another refuses, as far as that is certain.

Limits, patterns and formats are left to recorded values, which are read with the new types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["refused"]

Schema = Any
_ANY: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def refused(old: Schema, new: Schema) -> list[str]:
    """Reasons why a value of the old schema is none of the new one; paths begin at the value: ``.order.qty``."""
    return list(dict.fromkeys(_Compared(old, new).reasons(old, new, "", 16)))


class _Compared:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new

    def reasons(self, old: Schema, new: Schema, path: str, depth: int) -> Iterator[str]:
        old, new = _resolved(old, self._old), _resolved(new, self._new)
        if not depth or not isinstance(old, Mapping) or not isinstance(new, Mapping) or not new:
            return
        if (branches := _branches(old)) is not None:
            for branch in branches:
                yield from self.reasons(branch, new, path, depth - 1)
        elif (choices := _branches(new)) is not None:
            yield from self._among(old, choices, path, depth)
        else:
            yield from self._alike(old, new, path, depth)

    def _among(self, old: Mapping[str, Any], choices: list[Schema], path: str, depth: int) -> Iterator[str]:
        """None of them takes it: what is wrong with the nearest one is said."""
        tried = [list(self.reasons(old, each, path, depth - 1)) for each in choices]
        if tried and all(tried):
            yield from min(tried, key=len)

    def _alike(self, old: Mapping[str, Any], new: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
        gone = _types(old) - _accepted(_types(new))
        if gone and _types(old) != _ANY:
            yield f"{path or 'it'} may be {' or '.join(sorted(gone))}, which is no {' or '.join(sorted(_types(new)))}"
            return
        values, allowed = _values(old), _values(new)
        if values is not None and allowed is not None and (lost := [each for each in values if each not in allowed]):
            yield f"{path or 'it'} may be {', '.join(map(repr, lost))}"
        if "object" in _types(old) & _types(new) or "properties" in new:
            yield from self._objects(old, new, path, depth)
        if isinstance(old.get("items"), Mapping) and isinstance(new.get("items"), Mapping):
            yield from self.reasons(old["items"], new["items"], f"{path}[]", depth - 1)

    def _objects(self, old: Mapping[str, Any], new: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
        had, has = old.get("properties", {}), new.get("properties", {})
        for name in new.get("required", ()):
            if name not in old.get("required", ()):
                yield f"{path}.{name} is required"
        for name, schema in had.items():
            if name in has:
                yield from self.reasons(schema, has[name], f"{path}.{name}", depth - 1)
            elif new.get("additionalProperties") is False:
                yield f"{path}.{name} is no field any more"
        extra, other = old.get("additionalProperties"), new.get("additionalProperties")
        if isinstance(extra, Mapping) and isinstance(other, Mapping):
            yield from self.reasons(extra, other, f"{path}[]", depth - 1)


def _resolved(schema: Schema, root: Schema, depth: int = 8) -> Schema:
    """Without references, and unions of one."""
    while isinstance(schema, Mapping) and depth:
        depth -= 1
        if isinstance(schema.get("$ref"), str):
            schema = _at(root, schema["$ref"])
        elif isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
            schema = schema["allOf"][0]
        else:
            break
    return schema


def _at(root: Schema, reference: str) -> Schema:
    found = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found


def _branches(schema: Mapping[str, Any]) -> list[Schema] | None:
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list):
            return list(schema[word])
    return None


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    said = schema.get("type")
    if said is None:
        values = _values(schema)
        return _ANY if values is None else frozenset(map(_type_of, values))
    return frozenset([said] if isinstance(said, str) else said)


def _accepted(types: frozenset[str]) -> frozenset[str]:
    return types | {"integer"} if "number" in types else types


def _type_of(value: object) -> str:
    names: dict[type, str] = {
        str: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
        list: "array",
        dict: "object",
    }
    return names.get(type(value), "null")


def _values(schema: Mapping[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found = schema.get("enum")
    return list(found) if isinstance(found, list) else None
