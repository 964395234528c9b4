"""JSON Schemas of many handlers to one set of named components.

A codec's schema brings its own ``$defs``, named by class. Equal ones become one component; different ones of one name
(two classes, or one class read and written in different forms) are told apart by side, service and handler, all of
them alike, so that the order of the services does not decide who keeps the short name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Components", "Use"]

_PREFIX = "#/$defs/"
# The values below these keywords are data, not schemas.
_DATA = frozenset({"const", "default", "enum", "example", "examples"})


@dataclass(frozen=True, slots=True)
class Use:
    """One schema and the place where it is used."""

    service: str
    handler: str
    side: Literal["Input", "Output"]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Definition:
    name: str
    identity: str
    """Itself and everything that it refers to."""
    use: Use
    body: Mapping[str, Any]


class Components:
    """The components of these schemas, and the schemas with references to them.

    Args:
        uses: Every schema that will be asked for.
        reserved: Names that are taken.
        clean: Makes a name of one that may hold any character, or is empty.
        separator: Between the parts of a long name.
    """

    def __init__(
        self,
        uses: Iterable[Use],
        reserved: Iterable[str] = (),
        *,
        clean: Callable[[str], str] | None = None,
        separator: str = ".",
    ) -> None:
        self._clean = clean or _safe
        self._separator = separator
        self._names: dict[str, str] = {}
        """Component names by identity."""
        self.schemas: dict[str, Any] = {}
        """Components by name, sorted."""
        definitions = [definition for use in uses for definition in self._definitions(use)]
        self._choose_names(definitions, set(reserved))
        for definition in definitions:
            name = self._names[definition.identity]
            if name not in self.schemas:
                self.schemas[name] = self._rewritten(definition.body, definition.use)
        self.schemas = dict(sorted(self.schemas.items()))

    def reference(self, use: Use) -> dict[str, Any]:
        """The schema of a use: a reference if it is a component itself, else inline."""
        root = self._root(use)
        if root is not None:
            return {"$ref": f"#/components/schemas/{self._names[root.identity]}"}
        schema: dict[str, Any] = self._rewritten(_without_definitions(use.schema), use)
        return schema

    def _choose_names(self, definitions: list[_Definition], taken: set[str]) -> None:
        by_name: dict[str, dict[str, _Definition]] = {}
        for definition in definitions:
            by_name.setdefault(definition.name, {}).setdefault(definition.identity, definition)
        for same in by_name.values():
            names = self._distinct(list(same.values()), taken)
            taken.update(names)
            self._names.update(zip(same, names, strict=True))

    def _rewritten(self, node: Any, use: Use) -> Any:
        """With references to components in place of those to ``$defs`` and to the schema itself."""
        if isinstance(node, list):
            return [self._rewritten(part, use) for part in node]
        if not isinstance(node, Mapping):
            return node
        return {key: self._rewritten_value(key, value, use) for key, value in node.items()}

    def _rewritten_value(self, key: str, value: Any, use: Use) -> Any:
        if key in _DATA and not isinstance(value, Mapping):
            return value
        if key == "$ref" and isinstance(value, str):
            return self._target(value, use)
        if key == "mapping" and isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()):
            return {name: self._target(reference, use) for name, reference in value.items()}
        return self._rewritten(value, use)

    def _target(self, reference: str, use: Use) -> str:
        if reference.startswith(_PREFIX):
            name, _, rest = reference.removeprefix(_PREFIX).partition("/")
            identity = self._identity(_pointer(name), use.schema["$defs"][_pointer(name)], use)
            return f"#/components/schemas/{self._names[identity]}{'/' if rest else ''}{rest}"
        if reference.startswith("#") and (root := self._root(use)) is not None:
            return f"#/components/schemas/{self._names[root.identity]}{reference[1:]}"
        return reference

    def _definitions(self, use: Use) -> Iterator[_Definition]:
        for name, body in use.schema.get("$defs", {}).items():
            yield _Definition(self._clean(name), self._identity(name, body, use), use, body)
        if (root := self._root(use)) is not None:
            yield root

    def _root(self, use: Use) -> _Definition | None:
        """The schema itself as a component: classes with a title, and what refers to itself as a whole."""
        schema = use.schema
        to_itself = any(ref.startswith("#") and not ref.startswith(_PREFIX) for ref in _references(schema))
        if not to_itself and not (schema.get("title") and ("properties" in schema or "enum" in schema)):
            return None
        name = str(schema.get("title") or f"{use.service}.{use.handler}.{use.side}")
        body = _without_definitions(schema)
        return _Definition(self._clean(name), self._identity(name, body, use), use, body)

    def _identity(self, name: str, body: Any, use: Use) -> str:
        definitions: Mapping[str, Any] = use.schema.get("$defs", {})
        reached: dict[str, Any] = {}
        waiting = [body]
        while waiting:
            for reference in _references(waiting.pop()):
                other = _pointer(reference.removeprefix(_PREFIX).partition("/")[0])
                if reference.startswith(_PREFIX) and other not in reached:
                    reached[other] = definitions[other]
                    waiting.append(definitions[other])
        return json.dumps([self._clean(name), body, reached], sort_keys=True)

    def _distinct(self, definitions: list[_Definition], taken: set[str]) -> list[str]:
        """Names by the shortest scheme that tells all of them apart."""
        names: list[str] = []
        for scheme in _SCHEMES:
            names = [self._long_name(scheme, definition) for definition in definitions]
            if len({*names} - taken) == len(definitions):
                return names
        return [f"{name}{self._separator}{number}" for number, name in enumerate(names, len(taken))]

    def _long_name(self, scheme: tuple[str, ...], definition: _Definition) -> str:
        use = definition.use
        parts = {"service": use.service, "handler": use.handler, "side": use.side}
        return self._separator.join(definition.name if part == "name" else self._clean(parts[part]) for part in scheme)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for part in node:
            yield from _references(part)
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            elif key not in _DATA or isinstance(value, Mapping):
                yield from _references(value)


_SCHEMES = (
    ("name",),
    ("name", "side"),
    ("service", "name"),
    ("service", "name", "side"),
    ("service", "handler", "name", "side"),
)


def _safe(name: str) -> str:
    """A component name (OpenAPI 3.1, 4.8.7): letters, digits, ``.``, ``-``, ``_``."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)


def _pointer(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _without_definitions(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("$defs", "$schema")}
