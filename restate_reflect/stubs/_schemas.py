"""JSON Schema as it comes, to the shapes that stubs know.

The subset is read by known keywords; what is not known has no effect, whoever wrote it. References are followed inside
of the schema that holds them and nowhere else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from restate_reflect.stubs._document import ABSENT, Document, defined_name, own_part
from restate_reflect.stubs._shapes import StubsError
from restate_reflect.stubs._types import (
    ANY,
    NONE,
    ClassRef,
    EnumClass,
    Field,
    ListOf,
    Literals,
    MapOf,
    Model,
    Place,
    Scalar,
    Shape,
    TupleOf,
    Union,
)

__all__ = ["SchemaReader", "strings"]

_SIMPLE: Final = {"integer": "int", "number": "float", "boolean": "bool", "string": "str"}
_FORMATS: Final = {
    "date-time": "datetime",
    "date": "date",
    "time": "time",
    "duration": "timedelta",
    "uuid": "UUID",
}
_BOUNDS: Final = {
    "int": {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"},
    "float": {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"},
    "str": {"minLength": "min_length", "maxLength": "max_length"},
    "list": {"minItems": "min_length", "maxItems": "max_length"},
}
"""Constraints that a caller can check as the service does; patterns are of another dialect, and stay behind."""

_MAX_NESTING: Final = 200
"""Of the JSON: the functions below, and those of the standard library, call themselves for what is inside."""
_MAX_DEPTH: Final = 60
"""Schemas inside of a schema, without a class between: Python's parser allows about 90 brackets."""
_MAX_CHOICES: Final = 200
"""Of one union, which is a tree of that depth in Python."""
_MAX_WORK: Final = 1_000_000
"""Schemas looked at for one input or output, which takes a few seconds: references to references must not grow without
end. 800 classes that all refer to all others need 640,000."""
_MAX_NAME: Final = 80
"""Longer titles are sentences."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A schema inside of another one."""

    document: Document
    schema: Any
    place: Place
    name: str | None = None
    """The name under which it is defined."""
    depth: int = 0
    inlined: frozenset[str] = frozenset()
    """References that led here without a class between."""

    def inside(self, schema: Any, *steps: str) -> _Node:
        return _Node(self.document, schema, self.place.inside(*steps), None, self.depth + 1, self.inlined)


class SchemaReader:
    """Reads the schemas of all handlers, and collects the classes that they need.

    One object schema is one class: what is equal in everything it says and refers to, wherever it stands.
    """

    def __init__(self) -> None:
        self.classes: dict[str, Model | EnumClass] = {}
        """By what they say."""
        self._waiting: list[tuple[Model, _Node]] = []
        self._work = 0

    def read(self, schema: Any, place: Place, *, within: Any = None) -> Shape:
        """The shape of a whole input or output, or of one parameter ``within`` the schema of all.

        Raises:
            StubsError: a reference leads out of the schema or nowhere, or the schema has no end.
        """
        self._work = 0
        document = Document(schema if within is None else within)
        if document.depth() > _MAX_NESTING:
            raise StubsError(f"{place}: the JSON Schema is nested more than {_MAX_NESTING} times.")
        if fault := document.fault():
            raise StubsError(f"{place}: the JSON Schema is no JSON: {fault}.")
        shape = self._shape(_Node(document, schema, place, _title(schema)))
        while self._waiting:  # one after the other, so that a chain of classes needs no deep stack
            model, node = self._waiting.pop()
            model.fields = list(self._fields(node))
        return shape

    def _shape(self, node: _Node) -> Shape:
        self._spend(node.place)
        if node.depth > _MAX_DEPTH:
            raise StubsError(f"{node.place}: more than {_MAX_DEPTH} schemas stand inside of each other, and no object.")
        schema = node.schema
        if not isinstance(schema, Mapping):
            return ANY
        if isinstance(reference := schema.get("$ref"), str):
            return self._referenced(reference, node)
        if isinstance(parts := schema.get("allOf"), list):
            return self._merged(parts, node)
        if _is_object(schema, node.name):
            return self._model(node)
        for keyword in ("anyOf", "oneOf"):
            if isinstance(choices := schema.get(keyword), list) and choices:
                return self._union(choices, node)
        if "const" in schema or isinstance(schema.get("enum"), list):
            return self._choice(node)
        return self._of_type(schema.get("type"), node)

    def _spend(self, place: Place, steps: int = 1) -> None:
        self._work += steps
        if self._work > _MAX_WORK:
            raise StubsError(f"{place}: the schema is too large, or refers to itself in too many ways.")

    # References

    def _referenced(self, reference: str, node: _Node) -> Shape:
        found = node.document.found(reference)
        if found is ABSENT:
            raise StubsError(
                f"{node.place}: the JSON Schema refers to {json.dumps(reference)[:200]}, which is no part of it. Only "
                "references that begin with '#/' are followed; write the other schema into its '$defs'."
            )
        if reference in node.inlined:
            return ANY  # a type that holds itself without a class between, such as JSON
        inlined = node.inlined | {reference}
        name = _short(defined_name(reference)) or _title(found)
        return self._shape(_Node(node.document, found, node.place, name, node.depth + 1, inlined))

    def _merged(self, parts: list[Any], node: _Node) -> Shape:
        """``allOf``: of one schema it is that one; of objects the object with the properties of all."""
        rest = {key: value for key, value in node.schema.items() if key != "allOf"}
        if len(parts) == 1 and not {"properties", "anyOf", "oneOf", "enum", "const"} & rest.keys():
            return self._shape(_Node(node.document, parts[0], node.place, node.name, node.depth + 1, node.inlined))
        resolved = [self._followed(part, node) for part in [*parts, *([rest] if "properties" in rest else [])]]
        if not all(isinstance(part, Mapping) and isinstance(part.get("properties"), Mapping) for part in resolved):
            return ANY
        merged = {
            **{key: rest[key] for key in ("title", "description") if key in rest},
            "properties": {name: schema for part in resolved for name, schema in part["properties"].items()},
            "required": [name for part in resolved for name in strings(part.get("required"))],
        }
        return self._model(_Node(node.document, merged, node.place, node.name, node.depth, node.inlined))

    def _followed(self, schema: Any, node: _Node) -> Any:
        """What a chain of references ends with."""
        seen: set[str] = set()
        while isinstance(schema, Mapping) and isinstance(reference := schema.get("$ref"), str):
            if reference in seen:
                return None
            seen.add(reference)
            self._spend(node.place)
            schema = node.document.found(reference)
        return schema

    # Types

    def _union(self, choices: list[Any], node: _Node) -> Shape:
        if len(choices) > _MAX_CHOICES:
            return ANY
        several = sum(1 for choice in choices if choice != {"type": "null"}) > 1
        shapes = [
            self._shape(node.inside(choice, *([f"Option{number}"] if several else [])))
            for number, choice in enumerate(choices, 1)
        ]
        return _one_of(shapes)

    def _choice(self, node: _Node) -> Shape:
        values = node.schema["enum"] if isinstance(node.schema.get("enum"), list) else [node.schema.get("const")]
        distinct = list({(type(value), value): value for value in values if _is_plain(value)}.values())
        if len(distinct) > _MAX_CHOICES * 5 or not all(_is_plain(value) for value in values) or not values:
            return ANY
        # A bool equals a number in Python, and would be another name of its member.
        alike = {type(value) for value in distinct} in ({str}, {int})
        if node.name is None or not alike or "enum" not in node.schema:
            return Literals(tuple(distinct))
        return self._enum(node, distinct)

    def _enum(self, node: _Node, values: list[str | int]) -> Shape:
        identity = json.dumps(["enum", node.name, values])
        if identity not in self.classes:
            self.classes[identity] = EnumClass(
                node.name or "", node.place, values, _text(node.schema.get("description"))
            )
        return ClassRef(identity, is_hashable=True)

    def _of_type(self, kind: Any, node: _Node) -> Shape:
        if isinstance(kind, list):
            return _one_of([self._of_type(each, node) for each in kind[:_MAX_CHOICES] if isinstance(each, str)])
        if kind == "null":
            return NONE
        if kind == "array":
            return self._array(node)
        if kind == "object":
            return MapOf(self._shape(node.inside(node.schema.get("additionalProperties", True), "Value")))
        if kind == "string" and isinstance(format_ := node.schema.get("format"), str) and format_ in _FORMATS:
            return Scalar(_FORMATS[format_])
        if isinstance(kind, str) and kind in _SIMPLE:
            return Scalar(_SIMPLE[kind], _bounds(_SIMPLE[kind], node.schema))
        return ANY

    def _array(self, node: _Node) -> Shape:
        prefix = node.schema.get("prefixItems")
        if isinstance(prefix, list) and prefix:
            if len(prefix) == node.schema.get("minItems") == node.schema.get("maxItems"):
                parts = [self._shape(node.inside(part, f"Item{at}")) for at, part in enumerate(prefix, 1)]
                return TupleOf(tuple(parts))
            return ListOf(ANY)
        item = self._shape(node.inside(node.schema.get("items", True), "Item"))
        is_set = node.schema.get("uniqueItems") is True and item.is_hashable
        return ListOf(item, "set" if is_set else "list", _bounds("list", node.schema))

    # Classes

    def _model(self, node: _Node) -> Shape:
        name = node.name or _title(node.schema) or ""
        digest, reached = node.document.identity(own_part(node.schema))
        identity = f"{name} {digest}"
        self._spend(node.place, reached)
        if identity not in self.classes:
            model = Model(
                name,
                node.place,
                extra=_extra(node.schema),
                documentation=_text(node.schema.get("description")),
            )
            self.classes[identity] = model
            inside = _Node(node.document, node.schema, node.place)  # a class begins anew
            self._waiting.append((model, inside))
        found = self.classes[identity]
        found.place = min(found.place, node.place, key=lambda place: (len(place.path), place))
        return ClassRef(identity)

    def _fields(self, node: _Node) -> Iterator[Field]:
        required = set(strings(node.schema.get("required")))
        for name, schema in node.schema["properties"].items():
            shape = self._shape(node.inside(schema, name))
            default = schema.get("default", ABSENT) if isinstance(schema, Mapping) else ABSENT
            has_default = default is not ABSENT and name not in required
            yield Field(name, shape, name in required, default if has_default else None, has_default)


def _title(schema: Any) -> str | None:
    return _short(schema.get("title")) if isinstance(schema, Mapping) else None


def _short(name: Any) -> str | None:
    return name if isinstance(name, str) and 0 < len(name) <= _MAX_NAME else None


def _is_object(schema: Mapping[str, Any], name: str | None) -> bool:
    """Whether it becomes a class: it has properties, or is called something and could have some."""
    properties = schema.get("properties")
    return isinstance(properties, Mapping) and bool(properties or name or _title(schema))


def _extra(schema: Mapping[str, Any]) -> str | None:
    """What becomes of other properties than those: pydantic's word, or its default."""
    if schema.get("unevaluatedProperties") is False or schema.get("additionalProperties") is False:
        return "forbid"
    is_open = "additionalProperties" in schema or "anyOf" in schema or "oneOf" in schema
    return "allow" if is_open else None


def _one_of(shapes: list[Shape]) -> Shape:
    distinct = list({repr(shape): shape for shape in shapes}.values())  # 1 and True are equal, and not the same
    if ANY in distinct or not distinct:
        return ANY
    return distinct[0] if len(distinct) == 1 else Union(tuple(distinct))


def _bounds(kind: str, schema: Mapping[str, Any]) -> tuple[tuple[str, int | float], ...]:
    """Those that pydantic can compare a value of this kind with."""
    is_bound = _is_number if kind == "float" else _is_integer if kind == "int" else _is_length
    known = _BOUNDS.get(kind, {})
    return tuple((word, schema[keyword]) for keyword, word in known.items() if is_bound(schema.get(keyword)))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and abs(value) < 2**63


def _is_integer(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _is_length(value: Any) -> bool:
    return _is_integer(value) and value >= 0


def _is_plain(value: Any) -> bool:
    """What ``Literal`` may hold, and JSON too."""
    return value is None or isinstance(value, (bool, str)) or (isinstance(value, int) and abs(value) < 2**256)


def strings(value: Any) -> list[str]:
    """The names in ``required``."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
