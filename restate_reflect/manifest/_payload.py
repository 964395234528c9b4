"""``input`` and ``output`` of a handler.

The server's rules (its `InputRules`): without ``contentType`` the body must be empty; ``required: false`` lets
an empty one pass besides; with a ``jsonSchema`` an empty body is refused, and the content type must match.
"""

from __future__ import annotations

from typing import Any

from restate_reflect.definitions import InputDefinition, OutputDefinition

__all__ = ["describe_input", "describe_output"]

_JSON = "application/json"


def describe_input(definition: InputDefinition) -> dict[str, Any]:
    """``{}`` demands emptiness."""
    if definition.content_type is None:
        return {}
    described: dict[str, Any] = {"required": definition.required, "contentType": definition.content_type}
    if (schema := definition.json_schema()) is not None:
        described["jsonSchema"] = schema
    return described


def describe_output(definition: OutputDefinition) -> dict[str, Any]:
    """A binary value may be encoded as nothing at all, and is still a value: hence ``setContentTypeIfEmpty``."""
    if definition.content_type is None:
        return {"setContentTypeIfEmpty": False}
    described: dict[str, Any] = {
        "contentType": definition.content_type,
        "setContentTypeIfEmpty": definition.content_type != _JSON,
    }
    if (schema := definition.json_schema()) is not None:
        described["jsonSchema"] = schema
    return described
