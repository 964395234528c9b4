"""Secrets and base64 texts: they are written as what they say, where pydantic writes asterisks, or base64 twice."""

from __future__ import annotations

from typing import Any

from pydantic import EncodedBytes, SecretBytes, SecretStr
from pydantic.types import Secret
from pydantic_core import core_schema

__all__ = ["holds_secrets", "readable_base64", "revealed"]

_HIDING = ("_serialize_secret", "_serialize_secret_field")


def _is_hiding(node: dict[str, Any]) -> bool:
    function = (node.get("serialization") or {}).get("function")
    return getattr(function, "__module__", "") == "pydantic.types" and getattr(function, "__name__", "") in _HIDING


def revealed(node: dict[str, Any]) -> dict[str, Any]:
    """A secret is written as what it hides: the callee and the next attempt need it."""
    if not _is_hiding(node):
        return node
    kept = node["json_schema"]["schema"] if node["type"] == "json-or-python" else core_schema.any_schema()
    node["serialization"] = core_schema.plain_serializer_function_ser_schema(_reveal, return_schema=kept)
    return node


def _reveal(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, (SecretStr, SecretBytes, Secret)) else value


def holds_secrets(schema: Any) -> bool:
    """Whether a value of the type may be one that error texts must not show."""
    if isinstance(schema, dict):
        return _is_hiding(schema) or any(holds_secrets(value) for value in schema.values())
    return isinstance(schema, (list, tuple)) and any(holds_secrets(item) for item in schema)


def readable_base64(node: dict[str, Any]) -> dict[str, Any]:
    """``Base64Bytes`` is base64 by itself, and must not become it once more like other ``bytes`` in JSON."""
    encoded = getattr(node["function"]["function"], "__self__", None)
    if not isinstance(encoded, EncodedBytes) or node["schema"].get("type") != "bytes":
        return node

    def write(value: bytes) -> str:
        return encoded.encode(value).decode()

    text = core_schema.no_info_after_validator_function(str.encode, core_schema.str_schema())
    inner = core_schema.json_or_python_schema(json_schema=text, python_schema=node["schema"])
    shown = core_schema.plain_serializer_function_ser_schema(write, when_used="json")
    return {**node, "schema": inner, "serialization": shown}
