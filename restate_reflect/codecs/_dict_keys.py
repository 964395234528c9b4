"""Keys of dicts. JSON has text there: pydantic writes ``{(1, 2): "a"}`` as ``{"1,2": "a"}``, and does not read that.

Keys that pydantic does not read again are written as the JSON of the key: ``{"[1,2]": "a"}``, ``{"null": "a"}``; a key
whose JSON is a text stays that text. Where a key may be a text or something else (``str | None``), a text that is the
JSON of something else is quoted.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from pydantic import ValidationError
from pydantic_core import SchemaSerializer, SchemaValidator, core_schema, from_json

from restate_reflect.codecs._nodes import LOSSLESS, nodes
from restate_reflect.codecs._same import difference

__all__ = ["has_readable_keys", "readable_keys"]

_READABLE = frozenset(
    {
        "any",
        "str",
        "int",
        "float",
        "bool",
        "decimal",
        "uuid",
        "date",
        "datetime",
        "time",
        "timedelta",
        "url",
        "multi-host-url",
        "complex",
        "default",
        "function-after",
        "function-before",
        "function-wrap",
        "function-plain",
        "lax-or-strict",
        "chain",
        "custom-error",
    }
)
"""Kinds whose keys pydantic reads as it writes them."""


def readable_keys(node: dict[str, Any], definitions: list[Any]) -> dict[str, Any]:
    """The same kind of dict; ``definitions`` is filled later, with what its schema refers to."""
    if has_readable_keys(node):
        return node
    form = _Form(node["keys_schema"], definitions)
    node["keys_schema"] = core_schema.no_info_plain_validator_function(
        form.read, serialization=core_schema.plain_serializer_function_ser_schema(form.write, when_used="json")
    )
    return node


def has_readable_keys(node: Any) -> bool:
    """Whether pydantic reads the keys of this dict as it writes them."""
    return all(_is_readable(part) for part in nodes(node.get("keys_schema", {})))


def _is_readable(node: dict[str, Any]) -> bool:
    kind = node.get("type")
    if kind == "literal":
        return all(type(value) is str for value in node["expected"])
    if kind == "enum":
        return all(isinstance(member.value, str) for member in node["members"])
    return kind in _READABLE or "type" not in node or kind in ("no-info", "with-info")


class _Form:
    """The text that stands for a key."""

    def __init__(self, keys: Any, definitions: list[Any]) -> None:
        self._keys = keys
        self._definitions = definitions
        kinds = {node.get("type") for node in nodes(keys)}
        self._text_last = "str" in kinds and bool(kinds & {"union", "nullable", "tagged-union"})
        """Whether a text may be a key as it is, so that everything else has to be tried before."""

    @cached_property
    def _schema(self) -> Any:
        if not self._definitions:
            return self._keys
        return {"type": "definitions", "schema": self._keys, "definitions": self._definitions}

    @cached_property
    def _validator(self) -> SchemaValidator:
        return SchemaValidator(self._schema, LOSSLESS, _use_prebuilt=False)

    @cached_property
    def _serializer(self) -> SchemaSerializer:
        return SchemaSerializer(self._schema, LOSSLESS, _use_prebuilt=False)

    def write(self, key: Any) -> str:
        form = self._serializer.to_json(key, by_alias=True, warnings=False).decode()
        if not form.startswith('"'):
            return form
        text: str = from_json(form)
        return text if self._comes_back(key, text) else form

    def _comes_back(self, key: Any, text: str) -> bool:
        try:
            return difference(key, self.read(text)) is None
        except ValidationError:
            return False

    def read(self, text: str) -> Any:
        forms = [json.dumps(text), text]
        if self._text_last:
            forms.reverse()
        try:
            return self._validator.validate_json(forms[0])
        except ValidationError as error:
            try:
                return self._validator.validate_json(forms[1])
            except ValidationError as other:
                raise (other if self._text_last else error) from None
