"""A value that fits a JSON Schema, for people to start from."""

from __future__ import annotations

from typing import Any

__all__ = ["example"]

_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00",
    "duration": "PT5M",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "7f2c1c0a-5b7e-4f0e-9a39-2f6d3c1b8e54",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}


def example(schema: Any) -> Any:
    """A small value that fits: the schema's own example, default, constant or first choice if it has one.

    Patterns and the rarer keywords are not looked at.
    """
    try:
        return _Maker(schema if isinstance(schema, dict) else {}).make(schema)
    except _EndlessError:
        return {}


class _EndlessError(Exception):
    """A definition needs itself; whoever has another way takes that one."""


class _Maker:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._open: list[str] = []
        """References that are being followed."""

    def make(self, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return {}
        found, value = _given(schema)
        if found:
            return value
        if reference := schema.get("$ref"):
            return self._follow(reference)
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            return self._first_possible(choices)
        if parts := schema.get("allOf"):
            return self.make({**{k: v for part in parts for k, v in part.items()}, **_without(schema, "allOf")})
        return self._of_type(schema)

    def _follow(self, reference: str) -> Any:
        """A pointer into this schema, such as ``#/$defs/Order``."""
        if reference in self._open:
            raise _EndlessError
        node: Any = self._root
        for part in reference.removeprefix("#/").split("/"):
            node = node.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(node, dict) else {}
        self._open.append(reference)
        try:
            return self.make(node)
        finally:
            self._open.pop()

    def _first_possible(self, choices: list[Any]) -> Any:
        for choice in choices:
            try:
                return self.make(choice)
            except _EndlessError:
                pass
        raise _EndlessError

    def _of_type(self, schema: dict[str, Any]) -> Any:
        kind = schema.get("type")
        match kind[0] if isinstance(kind, list) and kind else kind:
            case "array":
                return self._array(schema)
            case "string":
                return _string(schema)
            case "integer" | "number":
                return _number(schema)
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._object(schema)

    def _object(self, schema: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, part in schema.get("properties", {}).items():
            try:
                made[name] = self.make(part)
            except _EndlessError:
                if name in schema.get("required", ()):
                    raise
        return made

    def _array(self, schema: dict[str, Any]) -> list[Any]:
        if prefix := schema.get("prefixItems"):
            return [self.make(part) for part in prefix]
        least = min(schema.get("minItems", 0), 100)
        try:
            return [self.make(schema["items"])] * max(least, 1) if "items" in schema else [None] * least
        except _EndlessError:
            if least:
                raise
            return []


def _given(schema: dict[str, Any]) -> tuple[bool, Any]:
    if "const" in schema:
        return True, schema["const"]
    for name in ("examples", "enum"):
        if isinstance(schema.get(name), list) and schema[name]:
            return True, schema[name][0]
    return ("default" in schema), schema.get("default")


def _without(schema: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != name}


def _string(schema: dict[str, Any]) -> str:
    text = _FORMATS.get(schema.get("format", ""), "text")
    least: int = schema.get("minLength", 0)
    most: int = schema.get("maxLength", 1000)
    return text.ljust(min(least, 1000), "x")[:most]


def _number(schema: dict[str, Any]) -> int | float:
    """1 or the nearest multiple of ``multipleOf`` within the limits; the middle if they are less than a step apart."""
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    above = [] if low is None else [-(-low // step) * step, (low // step + 1) * step]
    below = [] if high is None else [high // step * step, -(-high // step) * step - step]
    middle = [(low + high) / 2] if low is not None and high is not None else []
    candidates = [step, *above, *below, *middle]
    found: int | float = next((value for value in candidates if _fits(value, schema)), step)
    return found


def _fits(value: int | float, schema: dict[str, Any]) -> bool:
    return (
        value >= schema.get("minimum", value)
        and value <= schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
    )
