"""The document that restate-server publishes about one service, from what a manifest says of it, in any SDK's words.

It has the paths, parameters, names and schemas of restate-server 1.7, so that a client that was generated from the one
calls the other. ``build_openapi`` tells more, of many services: what is empty, what a key may hold, examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from restate_reflect.openapi._shared import error, parameter, reference

__all__ = ["published_openapi"]

Json = dict[str, Any]
Described = Mapping[str, Any]

_TEXT: Final[Json] = {"type": "string"}


def published_openapi(service: Described, *, revision: int, ingress_url: str | None = None) -> Json:
    """An OpenAPI 3.1 document: how the handlers that are not private themselves are called over the ingress.

    Args:
        service: As in a manifest (``endpoint_manifest_schema.json`` of restate-server), which was checked.
        revision: The version of the document.
        ingress_url: The server that the document names; none if it is not known.
    """
    schemas: Json = {}
    operations = [
        found
        for handler in service["handlers"]
        if not handler.get("ingressPrivate")
        for found in _Handler(service, handler, schemas).operations()
    ]
    about = {"title": service["name"], "version": str(revision), **_present("description", service, "documentation")}
    return {
        "openapi": "3.1.0",
        "info": about | _extensions(service),
        **({} if ingress_url is None else {"servers": [{"url": ingress_url, "description": "Restate ingress"}]}),
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": {path: {method: operation} for path, method, operation in operations},
        "components": {
            "schemas": schemas | {"RestateError": _ERROR},
            "parameters": _PARAMETERS,
            "responses": _RESPONSES,
        },
    }


def _present(name: str, described: Described, source: str) -> Json:
    return {} if described.get(source) is None else {name: described[source]}


def _extensions(described: Described) -> Json:
    return {"x-restate-extensions": described["metadata"]} if described.get("metadata") else {}


@dataclass(frozen=True, slots=True)
class _Handler:
    """The operations of one handler."""

    service: Described
    handler: Described
    schemas: Json
    """Components; those of this handler are added."""

    @property
    def name(self) -> str:
        name: str = self.handler["name"]
        return name

    def operations(self) -> Iterator[tuple[str, str, Json]]:
        """Paths, methods, and what they do."""
        kind, service = self.service["ty"], self.service["name"]
        key = [] if kind == "SERVICE" else ["key"]
        place = "/".join([service, *(f"{{{each}}}" for each in key), self.name])
        body, result = self._request(), self._result()
        sent = [*key, *([] if kind == "WORKFLOW" else ["idempotencyKeyHeader"])]
        answers = {"200": result, "default": error("GenericError")}
        yield f"/restate/call/{place}", "post", self._operation("", sent, body, answers)
        accepted = dict.fromkeys(("200", "202"), error("Send")) | {"default": error("GenericError")}
        yield f"/restate/send/{place}", "post", self._operation("Send", [*sent, "delay"], body, accepted)
        if kind != "WORKFLOW":
            yield from self._results(f"/restate/invocation/{place}/{{idempotencyKey}}", [*key, "idempotencyKeyPath"])
        elif self.handler.get("ty") == "WORKFLOW":
            yield from self._results(f"/restate/workflow/{service}/{{key}}", key)

    def _results(self, path: str, parameters: list[str]) -> Iterator[tuple[str, str, Json]]:
        result = self._result()
        for verb, more in (("Attach", {}), ("Output", {"470": error("InvocationNotReadyError")})):
            answers = {"200": result, "404": error("InvocationNotFoundError"), **more, "default": error("GenericError")}
            operation = self._operation(verb, parameters, {}, answers)
            yield f"{path}/{verb.lower()}", "get", operation | {"deprecated": True}

    def _operation(self, verb: str, parameters: list[str], body: Json, answers: Json) -> Json:
        does = _VERBS[verb].format(f"{self.service['name']}/{self.name}")
        return {
            "operationId": f"{self.name}{verb}",
            "summary": self.name,
            "description": does if self.handler.get("documentation") is None else self.handler["documentation"],
            **({"tags": [_TAGGED[verb]]} if verb else {}),
            "parameters": [parameter(each) for each in parameters],
            **body,
            "responses": answers,
            **_extensions(self.handler),
        }

    def _request(self) -> Json:
        described = _or_default(self.handler.get("input"), {"contentType": "*/*"})
        content_type, schema = described.get("contentType"), described.get("jsonSchema")
        if content_type is None:
            return {}
        media = self._media("Request", {} if schema is True else schema)
        required = described.get("required", False)
        return {"requestBody": {"required": required, "content": {content_type.strip(): media}}}

    def _result(self) -> Json:
        described = _or_default(self.handler.get("output"), {"contentType": "application/json"})
        content_type = described.get("contentType")
        if content_type is None:
            return {"description": "Empty."}
        media = self._media("Response", described.get("jsonSchema"))
        return {"description": "The handler's output.", "content": {content_type: media}}

    def _media(self, side: str, schema: Any) -> Json:
        if schema is None:
            return {}
        name = f"{self.name}{side}"
        self.schemas[name] = _moved(schema, f"#/components/schemas/{name}")
        return {"schema": reference("schemas", name)}


def _or_default(described: Described | None, default: Described) -> Described:
    return default if described is None else described


def _moved(schema: Any, place: str) -> Any:
    """With references that lead to where the schema stands now; they began at its own root."""
    if isinstance(schema, list):
        return [_moved(each, place) for each in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {name: _moved(each, place) for name, each in schema.items()}
    target = moved.get("$ref")
    return moved | {"$ref": place + target[1:]} if isinstance(target, str) and target.startswith("#") else moved


_VERBS: Final = {
    "": "Calls {} and waits for its result.",
    "Send": "Has {} called, without waiting for it.",
    "Attach": "Waits for the result of {}. Deprecated: look the invocation up, then attach to it.",
    "Output": "Gives the result of {}, if it is there. Deprecated: look the invocation up, then ask for its output.",
}
_TAGGED: Final = {"Send": "Send", "Attach": "Attach", "Output": "Get Output"}
_TAGS: Final = {
    "Request Response": "Call a handler and wait.",
    "Send": "Have a handler called.",
    "Attach": "Wait for a result.",
    "Get Output": "Ask for a result.",
}


def _parameter(name: str, place: str, **more: Any) -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": _TEXT, **more}


_PARAMETERS: Final[Json] = {
    "key": _parameter("key", "path"),
    "idempotencyKeyHeader": _parameter(
        "idempotency-key", "header", description="Requests with the same key start one invocation, and get its result."
    ),
    "idempotencyKeyPath": _parameter("idempotencyKey", "path", description="The idempotency key of the request."),
    "delay": _parameter(
        "delay", "query", description="When to start: `10s`, or an ISO 8601 duration such as `PT10S`.", example="10s"
    ),
}

_ERROR: Final[Json] = {
    "title": "RestateError",
    "description": "An error of the server (source `ingress`), or a terminal failure of a handler (`invocation`).",
    "type": "object",
    "properties": {
        "code": {"type": "number"},
        "message": _TEXT,
        "source": {"type": "string", "enum": ["ingress", "invocation"]},
        "stacktrace": _TEXT,
        "metadata": {"type": "object", "additionalProperties": _TEXT},
    },
    "required": ["message", "source"],
    "additionalProperties": False,
}

_SENT: Final[Json] = {
    "title": "RestateSendResponse",
    "type": "object",
    "properties": {
        "invocationId": _TEXT,
        "status": {"type": "string", "enum": ["Accepted", "PreviouslyAccepted"]},
        "executionTime": {"type": "string", "format": "date-time", "description": "Only with a delay."},
    },
    "required": ["invocationId", "status"],
    "additionalProperties": False,
}


def _answer(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_RESPONSES: Final[Json] = {
    "GenericError": _answer("A terminal failure, or an error of the server.", reference("schemas", "RestateError")),
    "InvocationNotFoundError": _answer("There is no such invocation.", reference("schemas", "RestateError")),
    "InvocationNotReadyError": _answer("It has not finished yet.", reference("schemas", "RestateError")),
    "Send": _answer("Accepted.", _SENT),
}
