"""One JSON Schema as it came: what its references lead to, and when two places say the same."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

__all__ = ["ABSENT", "Document", "defined_name", "own_part"]

ABSENT: Final = object()
"""What a reference leads to that leads nowhere."""

_NOT_ITS_OWN: Final = frozenset({"$defs", "$schema", "default", "definitions", "examples"})
"""Keywords beside a class that say nothing about it."""
_DEFINITION: Final = re.compile(r"#/(?:\$defs|definitions)/([^/]+)")


class Document:
    """Nothing but the schema itself is looked at: no file, no URL, no ``$id``."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._bodies: dict[str, tuple[str, tuple[str, ...]]] = {}
        """What references lead to: a digest, and the references in it."""

    def depth(self) -> int:
        """How many lists and objects stand inside of each other at most."""
        deepest, level = 0, [self._schema]
        while level:
            level = [part for node in level for part in _parts(node)]
            deepest += 1
        return deepest

    def fault(self) -> str | None:
        """Why it is no JSON, if it is none."""
        try:
            json.dumps(self._schema, ensure_ascii=False).encode()
        except (TypeError, ValueError) as error:  # half a surrogate pair, too
            return str(error)
        return None

    def found(self, reference: str) -> Any:
        """What a JSON Pointer (RFC 6901, 6) leads to, or ``ABSENT``."""
        if reference == "#":
            return self._schema
        if not reference.startswith("#/"):
            return ABSENT
        found: Any = self._schema
        for part in reference[2:].split("/"):
            found = _child(found, _unescaped(part))
        return found

    def identity(self, body: Any) -> tuple[str, int]:
        """The same for two bodies if they say the same, and all that they refer to does; and how much that was."""
        reached: dict[str, str] = {}
        waiting = list(_references(body))
        while waiting:
            reference = waiting.pop()
            if reference not in reached:
                reached[reference], further = self._body(reference)
                waiting += further
        return _digest([body, reached]), len(reached)

    def _body(self, reference: str) -> tuple[str, tuple[str, ...]]:
        if reference not in self._bodies:
            found = self.found(reference)
            body = None if found is ABSENT else own_part(found)
            self._bodies[reference] = _digest(body), tuple(_references(body))
        return self._bodies[reference]


def own_part(schema: Any) -> Any:
    """Without the definitions, defaults and examples that stand beside it."""
    if not isinstance(schema, Mapping):
        return schema
    return {key: value for key, value in schema.items() if key not in _NOT_ITS_OWN}


def defined_name(reference: str) -> str | None:
    """``#/$defs/Order`` gives ``Order``; names that begin with two underscores are made up by generators."""
    match = _DEFINITION.fullmatch(reference)
    name = _unescaped(match[1]) if match else ""
    return name if name and not name.startswith("__") else None


def _unescaped(part: str) -> str:
    return unquote(part).replace("~1", "/").replace("~0", "~")


def _child(node: Any, key: str) -> Any:
    if isinstance(node, Mapping):
        return node.get(key, ABSENT)
    if isinstance(node, list) and key.isascii() and key.isdigit() and len(key) < 9:
        return node[int(key)] if int(key) < len(node) else ABSENT
    return ABSENT


def _parts(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        yield from node
    elif isinstance(node, Mapping):
        yield from node.values()


def _references(body: Any) -> Iterator[str]:
    """Also of data that looks like one: then more must be equal than has to be."""
    waiting = [body]
    while waiting:
        node = waiting.pop()
        waiting += _parts(node)
        if isinstance(node, Mapping) and isinstance(reference := node.get("$ref"), str):
            yield reference


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
