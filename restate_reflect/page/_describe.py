"""Definitions as the page wants them: plain JSON data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel

from restate_reflect.codecs import JsonSchema
from restate_reflect.codecs._protobuf_binary import ProtobufCodec
from restate_reflect.definitions import HandlerDefinition, InputStyle, Parameter, ServiceDefinition, ServiceKind
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
        "python": _python(service, handler),
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


_LITERALS: Final = (
    bool,
    int,
    float,
    str,
    list,
    dict,
    list[int],
    list[float],
    list[str],
    dict[str, str],
    dict[str, int],
)
"""Annotations whose JSON is, but for its spelling, a Python literal."""


def _python(service: ServiceDefinition, handler: HandlerDefinition) -> Json | None:
    """What a typed call of it is written with; ``None`` if its input can't be written from JSON alone."""
    arguments = [_argument(parameter) for parameter in handler.input.parameters]
    # What is local to a function can't be imported.
    names = [service.cls.__qualname__, *(each["model"]["name"] for each in arguments if each and each["model"])]
    if None in arguments or any("<" in name for name in names) or service.cls.__module__ == "__main__":
        return None
    return {
        "module": service.cls.__module__,
        "class": service.cls.__qualname__,
        "method": handler.method,
        "arguments": arguments,
    }


def _argument(parameter: Parameter) -> Json | None:
    annotation = parameter.annotation
    shown = {"name": parameter.name, "keyword": parameter.keyword_only, "model": None}
    if annotation in _LITERALS:
        return shown
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and "[" not in annotation.__name__:
        return shown | {"model": {"module": annotation.__module__, "name": annotation.__qualname__}}
    return None


def _schema(side: Any, mode: Any) -> JsonSchema | None:
    """The JSON Schema; of a binary message that of its protobuf-JSON, which is what the page shows."""
    if isinstance(side.codec, ProtobufCodec):
        return side.codec.as_json.json_schema(mode)
    schema: JsonSchema | None = side.json_schema()
    return schema
