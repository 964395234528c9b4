"""Schemas of whole inputs and outputs, and of single parameters, as Python types.

Constraints stay behind: the service checks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["IMPORTS", "Types", "default_of", "is_literal"]

_PREFIX = "#/components/schemas/"
_SIMPLE = {"integer": "int", "number": "float", "boolean": "bool", "null": "None", "string": "str"}
_FORMATS = {
    "date-time": "datetime",
    "date": "date",
    "time": "time",
    "duration": "timedelta",
    "uuid": "UUID",
}
IMPORTS = {
    "Annotated": "typing",
    "Any": "typing",
    "ContentType": "restate_reflect.stubs",
    "Literal": "typing",
    "Protocol": "typing",
    "StubModel": "restate_reflect.stubs",
    "UUID": "uuid",
    "date": "datetime",
    "datetime": "datetime",
    "handler": "restate_reflect",
    "service": "restate_reflect",
    "time": "datetime",
    "timedelta": "datetime",
    "Context": "restate_reflect",
    "ObjectContext": "restate_reflect",
    "ObjectSharedContext": "restate_reflect",
    "WorkflowContext": "restate_reflect",
    "WorkflowSharedContext": "restate_reflect",
}
"""Where the names in an interface come from."""


@dataclass(slots=True)
class Types:
    """Renders types, and remembers which names they need."""

    used: set[str] = field(default_factory=set)

    def use(self, name: str) -> str:
        """A name of ``IMPORTS``."""
        self.used.add(name)
        return name

    def of(self, schema: Any) -> str:
        """A type expression; ``Any`` for what Python's types can't say."""
        if not isinstance(schema, Mapping):
            return self.use("Any")
        if isinstance(reference := schema.get("$ref"), str):
            return reference.removeprefix(_PREFIX)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._union([self.of(choice) for choice in choices])
        if "const" in schema or "enum" in schema:
            return self._literal(schema["enum"] if "enum" in schema else [schema["const"]])
        kind = schema.get("type")
        if isinstance(kind, list):
            return self._union([self.of({**schema, "type": each}) for each in kind])
        return self._of_kind(kind, schema)

    def _of_kind(self, kind: Any, schema: Mapping[str, Any]) -> str:
        if kind == "string" and schema.get("format") in _FORMATS:
            return self.use(_FORMATS[schema["format"]])
        if kind in _SIMPLE:
            return _SIMPLE[kind]
        if kind == "array":
            return self._array(schema)
        if kind == "object":
            values = schema.get("additionalProperties", True)
            return f"dict[str, {self.of(values)}]" if "properties" not in schema else f"dict[str, {self.use('Any')}]"
        return self.use("Any")

    def _array(self, schema: Mapping[str, Any]) -> str:
        prefix = schema.get("prefixItems")
        if prefix and len(prefix) == schema.get("minItems") == schema.get("maxItems"):
            return f"tuple[{', '.join(self.of(part) for part in prefix)}]"
        container = "set" if schema.get("uniqueItems") else "list"
        return f"{container}[{self.of(schema.get('items', True))}]"

    def _union(self, types: list[str]) -> str:
        return self.use("Any") if "Any" in types else " | ".join(dict.fromkeys(types))

    def _literal(self, values: list[Any]) -> str:
        if not all(is_literal(value) and not isinstance(value, float) for value in values):
            return self.use("Any")
        return f"{self.use('Literal')}[{', '.join(repr(value) for value in values)}]"


def is_literal(value: Any) -> bool:
    """Whether it is a JSON scalar, which Python spells as a literal."""
    return value is None or isinstance(value, (bool, int, float, str))


def default_of(schema: Any, type_: str) -> str:
    """How a default is written: ``...`` stands for one that callers can't spell, and that the service applies."""
    if not isinstance(schema, Mapping) or "default" not in schema:
        return "..."
    value = schema["default"]
    spelled = {type(None): ("None",), bool: ("bool",), int: ("int", "float"), float: ("float",), str: ("str",)}
    return repr(value) if set(spelled.get(type(value), ())) & set(type_.split(" | ")) else "..."
