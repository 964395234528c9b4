"""The parts of the document that are the same for all services: what the ingress itself takes and answers."""

from __future__ import annotations

from typing import Any

__all__ = [
    "BINARY",
    "GENERAL_PATHS",
    "HEADERS",
    "PARAMETERS",
    "RESPONSES",
    "SCHEMAS",
    "error",
    "parameter",
    "reference",
]

Json = dict[str, Any]

_NOT_READY = "the invocation exists but has not completed yet"
_INVOCATION_ID = "inv_1gdJBtdVEcM942bjcDmb1c1khoaJe11Hbz"


def reference(kind: str, name: str) -> Json:
    """A reference to a component."""
    return {"$ref": f"#/components/{kind}/{name}"}


def parameter(name: str) -> Json:
    return reference("parameters", name)


def error(name: str) -> Json:
    return reference("responses", name)


PARAMETERS: Json = {
    "key": {
        "name": "key",
        "in": "path",
        "required": True,
        "description": "The object or workflow, percent-encoded.",
        "schema": {"type": "string", "minLength": 1},
        "example": "my-key",
    },
    "idempotencyKeyHeader": {
        "name": "idempotency-key",
        "in": "header",
        "required": False,
        "description": "Requests with the same key start one invocation, and get its result. Visible ASCII.",
        "schema": {"type": "string", "minLength": 1, "pattern": "^[!-~]+$"},
    },
    "idempotencyKeyPath": {
        "name": "idempotencyKey",
        "in": "path",
        "required": True,
        "description": "The idempotency key of the request, as it is: the server does not decode it.",
        "schema": {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9_.~-]+$"},
    },
    "delay": {
        "name": "delay",
        "in": "query",
        "required": False,
        "description": "When to start: `10s`, `500ms`, `2h`, or an ISO 8601 duration such as `PT10S`.",
        "schema": {"type": "string", "pattern": "^([0-9]{1,6}(ms|s|m|h|d)|PT[0-9]{1,6}[SMH])$"},
        "example": "10s",
    },
    "invocationId": {
        "name": "invocationId",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^inv_[A-Za-z0-9]+$"},
        "example": _INVOCATION_ID,
    },
    "awakeableId": {
        "name": "awakeableId",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^(sign|prom)_[A-Za-z0-9_-]+$"},
    },
}

SCHEMAS: Json = {
    "RestateError": {
        "title": "RestateError",
        "description": "An error of the server (source `ingress`), or a terminal failure of a handler (`invocation`).",
        "type": "object",
        "properties": {
            "code": {"type": "integer", "description": "The HTTP status, or the code the handler chose."},
            "message": {"type": "string"},
            "source": {"type": "string", "enum": ["ingress", "invocation"]},
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
            "stacktrace": {"type": "string"},
        },
        "required": ["message", "source"],
    },
    "RestateSendResponse": {
        "title": "RestateSendResponse",
        "type": "object",
        "properties": {
            "invocationId": {"type": "string"},
            "status": {"type": "string", "enum": ["Accepted", "PreviouslyAccepted"]},
            "executionTime": {"type": "string", "format": "date-time", "description": "Only with a delay."},
        },
        "required": ["invocationId", "status"],
    },
    "RestateInvocationTarget": {
        "title": "RestateInvocationTarget",
        "description": "An invocation by its workflow and key, or by its idempotency key.",
        "type": "object",
        "oneOf": [
            {
                "properties": {
                    "target": {"const": "workflow"},
                    "workflowName": {"type": "string"},
                    "workflowKey": {"type": "string"},
                    "scope": {"type": "string"},
                },
                "required": ["target", "workflowName", "workflowKey"],
            },
            {
                "properties": {
                    "target": {"const": "idempotentInvocation"},
                    "service": {"type": "string"},
                    "key": {"type": "string"},
                    "handler": {"type": "string"},
                    "idempotencyKey": {"type": "string"},
                    "scope": {"type": "string"},
                },
                "required": ["target", "service", "handler", "idempotencyKey"],
            },
        ],
    },
}

HEADERS: Json = {
    "x-restate-id": {"description": "The invocation id.", "schema": {"type": "string"}},
    "x-restate-error-source": {
        "description": "Who failed: the server (`ingress`) or the handler (`invocation`).",
        "schema": {"type": "string", "enum": ["ingress", "invocation"]},
    },
}


def _error(description: str, code: int, message: str, source: str) -> Json:
    example = {"code": code, "message": message, "source": source}
    return {
        "description": description,
        "headers": {"x-restate-error-source": reference("headers", "x-restate-error-source")},
        "content": {"application/json": {"schema": reference("schemas", "RestateError"), "example": example}},
    }


RESPONSES: Json = {
    "Send": {
        "description": "Accepted; the handler will run.",
        "headers": {"x-restate-id": reference("headers", "x-restate-id")},
        "content": {
            "application/json": {
                "schema": reference("schemas", "RestateSendResponse"),
                "example": {"invocationId": _INVOCATION_ID, "status": "Accepted"},
            }
        },
    },
    "GenericError": _error("The handler's terminal failure, or an error of the server.", 409, "sold out", "invocation"),
    "InvocationNotFoundError": _error("No such invocation, or past its retention.", 404, "not found", "invocation"),
    "InvocationNotReadyError": _error("Not finished yet.", 470, _NOT_READY, "ingress"),
    "AlreadyInvokedError": _error(
        "This key has run before; attach to it, or use send.",
        409,
        "the workflow method was already invoked",
        "invocation",
    ),
}

BINARY: Json = {"type": "string", "format": "binary"}
_ANYTHING: Json = {"application/json": {"schema": {}}, "application/octet-stream": {"schema": BINARY}}
"""Generators of clients know no ``*/*``."""
_ANY_RESULT: Json = {"description": "The handler's output.", "content": _ANYTHING}
_TAG = "Invocations"


def _result_of_invocation(verb: str, summary: str) -> Json:
    not_ready = {"470": error("InvocationNotReadyError")} if verb == "output" else {}
    return {
        "get": {
            "operationId": f"restate_{verb}",
            "summary": summary,
            "tags": [_TAG],
            "parameters": [parameter("invocationId")],
            "responses": {
                "200": _ANY_RESULT,
                "404": error("InvocationNotFoundError"),
                **not_ready,
                "default": error("GenericError"),
            },
        }
    }


def _completion(verb: str, summary: str, content: Json) -> Json:
    return {
        "post": {
            "operationId": f"restate_{verb}_awakeable",
            "summary": summary,
            "tags": [_TAG],
            "parameters": [parameter("awakeableId")],
            "requestBody": {"required": False, "content": content},
            "responses": {"202": {"description": "Accepted."}, "default": error("GenericError")},
        }
    }


GENERAL_PATHS: Json = {
    "/restate/attach/{invocationId}": _result_of_invocation("attach", "Wait for an invocation"),
    "/restate/output/{invocationId}": _result_of_invocation("output", "Result of an invocation, if it is there"),
    "/restate/lookup": {
        "post": {
            "operationId": "restate_lookup",
            "summary": "Invocation id of a workflow or an idempotency key",
            "description": "It is computed; the invocation need not exist.",
            "tags": [_TAG],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": reference("schemas", "RestateInvocationTarget"),
                        "example": {"target": "workflow", "workflowName": "Signup", "workflowKey": "ada"},
                    }
                },
            },
            "responses": {
                "200": {
                    "description": "The invocation id.",
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"invocationId": {"type": "string"}},
                                "required": ["invocationId"],
                            }
                        }
                    },
                },
                "default": error("GenericError"),
            },
        }
    },
    "/restate/awakeables/{awakeableId}/resolve": _completion(
        "resolve", "Deliver the result of an awakeable", {"application/json": {"schema": {}}}
    ),
    "/restate/awakeables/{awakeableId}/reject": _completion(
        "reject",
        "Fail an awakeable with a message",
        {"text/plain": {"schema": {"type": "string"}}, "application/octet-stream": {"schema": BINARY}},
    ),
}
"""Since restate-server 1.7, but for the awakeables."""
