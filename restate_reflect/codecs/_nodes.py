"""Walking through pydantic's core schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import core_schema

__all__ = ["BY_NAME", "LOSSLESS", "OPAQUE", "nodes"]

LOSSLESS: core_schema.CoreConfig = {
    "ser_json_bytes": "base64",
    "val_json_bytes": "base64",
    "ser_json_inf_nan": "strings",
}
OPAQUE = frozenset({"default", "metadata", "config", "expected", "members", "cls", "ref"})
"""Values under these keys belong to the user or are no schemas."""
BY_NAME = frozenset({"fields", "choices"})
"""Dicts from a name to a schema; their keys are the user's."""


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema node that plays a part when JSON is read."""
    if isinstance(schema, dict):
        if schema.get("type") == "json-or-python":
            yield from nodes(schema["json_schema"])
            return
        yield schema
        for key, value in schema.items():
            if key in BY_NAME and isinstance(value, dict):
                yield from nodes(list(value.values()))
            elif key not in OPAQUE and key != "serialization":
                yield from nodes(value)
    elif isinstance(schema, (list, tuple)):
        for item in schema:
            yield from nodes(item)
