"""Definitions as the page wants them: plain JSON data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from restate_reflect.codecs import JsonSchema
from restate_reflect.codecs._protobuf_binary import ProtobufCodec
from restate_reflect.definitions import HandlerDefinition, InputStyle, ServiceDefinition, ServiceKind
from restate_reflect.openapi import example
from restate_reflect.page._bodies import form_of
from restate_reflect.page._markdown import blocks_of

__all__ = ["describe", "is_private"]

Json = dict[str, Any]


def describe(services: Iterable[ServiceDefinition]) -> list[Json]:
    """Every service, in their order."""
    return [
        {
            "name": service.name,
            "kind": service.kind.value,
            "keyed": service.kind.keyed,
            "documentation": blocks_of(service.documentation),
            "handlers": [_handler(service, handler) for handler in service.handlers.values()],
        }
        for service in services
    ]


def is_private(service: ServiceDefinition, handler: HandlerDefinition) -> bool:
    """Whether the ingress refuses to call it."""
    own = handler.options.ingress_private
    return bool(service.options.ingress_private if own is None else own)


def _handler(service: ServiceDefinition, handler: HandlerDefinition) -> Json:
    return {
        "name": handler.name,
        "kind": None if handler.kind is None else handler.kind.value,
        "documentation": blocks_of(handler.documentation),
        "private": is_private(service, handler),
        # The server takes no idempotency keys for workflows, whose key already does that.
        "idempotent": service.kind is not ServiceKind.WORKFLOW,
        "input": _input(handler),
        "output": {"contentType": handler.output.content_type, "schema": _schema(handler.output, "serialization")},
    }


def _input(handler: HandlerDefinition) -> Json:
    schema = _schema(handler.input, "validation")
    form, style = form_of(handler), handler.input.style
    text = json.dumps(example(schema), indent=2, ensure_ascii=False) if form == "json" else ""
    return {
        "contentType": handler.input.content_type,
        "required": handler.input.required,
        "form": form,
        # Several parameters make one object, whose schema has a made-up title: better shown by their names.
        "parameters": [p.name for p in handler.input.parameters] if style is InputStyle.FIELDS else None,
        "schema": schema,
        "example": text,
    }


def _schema(side: Any, mode: Any) -> JsonSchema | None:
    """The JSON Schema; of a binary message that of its protobuf-JSON, which is what the page shows."""
    if isinstance(side.codec, ProtobufCodec):
        return side.codec.as_json.json_schema(mode)
    schema: JsonSchema | None = side.json_schema()
    return schema
