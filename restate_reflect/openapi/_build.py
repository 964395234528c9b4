"""Definitions to an OpenAPI 3.1 document of the ingress."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from restate_reflect.definitions import HandlerDefinition, HandlerKind, ServiceDefinition
from restate_reflect.openapi._components import Components, Use
from restate_reflect.openapi._example import example
from restate_reflect.openapi._shared import (
    BINARY,
    GENERAL_PATHS,
    HEADERS,
    PARAMETERS,
    RESPONSES,
    SCHEMAS,
    error,
    parameter,
    reference,
)

__all__ = ["build_openapi"]

Json = dict[str, Any]


def build_openapi(
    services: Iterable[ServiceDefinition],
    *,
    server_url: str = "http://127.0.0.1:8080",
    title: str | None = None,
    version: str = "1.0.0",
    description: str | None = None,
) -> dict[str, Any]:
    """An OpenAPI 3.1 document: how the public handlers of these services are called over the ingress.

    Paths are those that restate-server 1.7 publishes itself (``/restate/call/…``, ``/restate/send/…``). Schemas are
    shared components under their class names; see ``_components`` for names that clash.

    Args:
        server_url: The ingress.
        title: The services' names if not given.
        version: Of your API.

    Returns:
        Plain JSON data.
    """
    handlers = [_Public(service, handler) for service in services for handler in _public(service)]
    components = Components((use for each in handlers for use in each.uses()), SCHEMAS)
    tags = {each.service.name: each.service for each in handlers}
    info = {"title": title or ", ".join(tags) or "Restate services", "version": version}
    return copy.deepcopy(
        {
            "openapi": "3.1.0",
            "info": info | ({"description": description} if description else {}),
            "servers": [{"url": server_url.rstrip("/"), "description": "Restate ingress"}],
            "tags": [*(_tag(service) for service in tags.values()), {"name": "Invocations"}],
            "paths": {path: item for each in handlers for path, item in each.paths(components)} | GENERAL_PATHS,
            "components": {
                "schemas": components.schemas | SCHEMAS,
                "parameters": PARAMETERS,
                "responses": RESPONSES,
                "headers": HEADERS,
            },
        }
    )


def _public(service: ServiceDefinition) -> Iterator[HandlerDefinition]:
    for handler in service.handlers.values():
        own = handler.options.ingress_private
        if not (service.options.ingress_private if own is None else own):
            yield handler


def _tag(service: ServiceDefinition) -> Json:
    return {"name": service.name, **({"description": service.documentation} if service.documentation else {})}


@dataclass(frozen=True, slots=True)
class _Public:
    """A handler that the ingress shows."""

    service: ServiceDefinition
    handler: HandlerDefinition

    def uses(self) -> Iterator[Use]:
        """Its JSON Schemas."""
        yield from filter(None, (self._input(), self._output()))

    def _input(self) -> Use | None:
        schema = self.handler.input.json_schema()
        return None if schema is None else Use(self.service.name, self.handler.name, "Input", schema)

    def _output(self) -> Use | None:
        schema = self.handler.output.json_schema()
        return None if schema is None else Use(self.service.name, self.handler.name, "Output", schema)

    def paths(self, components: Components) -> Iterator[tuple[str, Json]]:
        """Call, send, attach, output."""
        key = "/{key}" if self.service.kind.keyed else ""
        place = f"{self.service.name}{key}/{self.handler.name}"
        yield f"/restate/call/{place}", {"post": self._call(components)}
        yield f"/restate/send/{place}", {"post": self._send(components)}
        if self._is_run:
            found = f"/restate/workflow/{self.service.name}/{{key}}"
        elif self._idempotent:
            found = f"/restate/invocation/{place}/{{idempotencyKey}}"
        else:
            return  # shared handlers of workflows: the server publishes no path for their idempotency keys
        yield f"{found}/attach", {"get": self._result("attach", components)}
        yield f"{found}/output", {"get": self._result("output", components)}

    @property
    def _is_run(self) -> bool:
        return self.handler.kind is HandlerKind.WORKFLOW

    @property
    def _idempotent(self) -> bool:
        return self.service.kind.value != "WORKFLOW"

    def _call(self, components: Components) -> Json:
        taken = {"409": error("AlreadyInvokedError")} if self._is_run else {}
        return {
            **self._described("", f"Calls {self._name} and waits for its result."),
            "parameters": self._parameters("idempotencyKeyHeader"),
            **self._request(components),
            "responses": {"200": self._response(components), **taken, "default": error("GenericError")},
            **self._extensions(),
        }

    def _send(self, components: Components) -> Json:
        responses = {"200": reference("responses", "Send"), "202": reference("responses", "Send")}
        return {
            **self._described("_send", f"Has {self._name} called, without waiting for it."),
            "parameters": [*self._parameters("idempotencyKeyHeader"), parameter("delay")],
            **self._request(components),
            "responses": {**responses, "default": error("GenericError")},
            **self._extensions(),
        }

    def _result(self, verb: str, components: Components) -> Json:
        by = "its key" if self._is_run else "its idempotency key"
        does = "Waits for the result" if verb == "attach" else "Gives the result, if it is there,"
        not_ready = {"470": error("InvocationNotReadyError")} if verb == "output" else {}
        return {
            **self._described(f"_{verb}", f"{does} of the request to {self._name} with {by}."),
            "parameters": self._parameters("idempotencyKeyPath"),
            "responses": {
                "200": self._response(components),
                "404": error("InvocationNotFoundError"),
                **not_ready,
                "default": error("GenericError"),
            },
            **self._extensions(),
        }

    @property
    def _name(self) -> str:
        return f"{self.service.name}/{self.handler.name}"

    def _described(self, suffix: str, default: str) -> Json:
        verb = suffix.removeprefix("_")
        return {
            "operationId": f"{self.service.name}_{self.handler.name}{suffix}",
            "summary": f"{self.handler.name} ({verb})" if verb else self.handler.name,
            "description": self.handler.documentation or default,
            "tags": [self.service.name],
        }

    def _parameters(self, idempotency_key: str) -> list[Json]:
        names = ["key"] if self.service.kind.keyed else []
        return [parameter(name) for name in [*names, *([idempotency_key] if self._idempotent else [])]]

    def _request(self, components: Components) -> Json:
        received = self.handler.input
        if received.content_type is None:
            return {}
        media = _media(self._input(), received.content_type, components)
        return {"requestBody": {"required": received.required, "content": {received.content_type: media}}}

    def _response(self, components: Components) -> Json:
        content_type = self.handler.output.content_type
        described = {
            "description": "The handler's output." if content_type else "Empty: the handler returns nothing.",
            "headers": {"x-restate-id": reference("headers", "x-restate-id")},
        }
        if content_type is None:
            return described
        return {**described, "content": {content_type: _media(self._output(), content_type, components)}}

    def _extensions(self) -> Json:
        metadata = dict(self.handler.options.metadata)
        return {"x-restate-extensions": metadata} if metadata else {}


def _media(use: Use | None, content_type: str, components: Components) -> Json:
    """Always with a schema: generators of clients leave out what has none."""
    if use is None:
        return {"schema": {} if content_type.partition(";")[0].endswith("json") else BINARY}
    return {"schema": components.reference(use), "example": example(use.schema)}
