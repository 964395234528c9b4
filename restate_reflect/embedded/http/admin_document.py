"""The admin API's own OpenAPI document: one row for each operation, from which its route comes, too.

Names of operations, tags, parameters and schemas are those of restate-server 1.7, so that a client that was generated
from its document calls this one; what is not served is not in it. Summaries are the docstrings of those who answer.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp.typedefs import Handler

from restate_reflect.embedded.http.bodies import LATEST_VERSION, OLDEST_VERSION

__all__ = ["ANY_JSON", "EMPTY", "Operation", "admin_document", "json_of"]

Json = dict[str, Any]
Content = Mapping[str, Json]
"""Schemas by media type."""


def json_of(component: str) -> Content:
    """A body that is this schema's."""
    return {"application/json": {"schema": _reference(component)}}


EMPTY: Final[Content] = {}
ANY_JSON: Final[Content] = {"application/json": {"schema": {}}}


@dataclass(frozen=True, slots=True)
class Operation:
    """What one method of one path does, and who answers."""

    method: str
    path: str
    handler: Handler
    name: str
    """``operationId``."""
    tag: str
    answers: Mapping[int, Content]
    """Of what succeeds, by status."""
    body: str | None = None
    """The schema of a request's JSON."""
    query: Mapping[str, Json] = field(default_factory=dict)
    """Schemas of optional parameters."""
    deprecated: bool = False

    def described(self) -> Json:
        """For the document."""
        inside = [_parameter(name, "path", _TEXT) for name in re.findall(r"\{(\w+)\}", self.path)]
        behind = [_parameter(name, "query", schema) for name, schema in self.query.items()]
        return {
            "operationId": self.name,
            "summary": (inspect.getdoc(self.handler) or self.name).partition("\n")[0],
            "tags": [self.tag],
            "parameters": inside + behind,
            **({} if self.body is None else {"requestBody": {"required": True, "content": json_of(self.body)}}),
            "responses": {
                **{str(status): _answer(content) for status, content in self.answers.items()},
                "default": {"$ref": "#/components/responses/Error"},
            },
            **({"deprecated": True} if self.deprecated else {}),
        }


def admin_document(operations: Iterable[Operation], version: str) -> Json:
    """An OpenAPI 3.1 document of these operations.

    Args:
        version: Of the server whose API it is.
    """
    paths: dict[str, Json] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = each.described()
    prefixes = ("/", *(f"/v{number}" for number in range(OLDEST_VERSION, LATEST_VERSION + 1)))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Admin API", "version": version, "description": "What the embedded runtime answers of it."},
        "servers": [{"url": prefix} for prefix in prefixes],
        "paths": paths,
        "components": {"schemas": _SCHEMAS, "responses": {"Error": _ERROR}},
    }


def _reference(component: str) -> Json:
    return {"$ref": f"#/components/schemas/{component}"}


def _parameter(name: str, place: str, schema: Json) -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": schema}


def _answer(content: Content) -> Json:
    return {"description": "It is done." if content else "It is done; there is no body.", "content": dict(content)}


def _object(required: Json, optional: Json | None = None) -> Json:
    return {"type": "object", "properties": required | (optional or {}), "required": list(required)}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


def _map(value: Json) -> Json:
    return {"type": "object", "additionalProperties": value}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _any_of(*names: str) -> Json:
    return {"type": "string", "enum": list(names)}


_TEXT: Final[Json] = {"type": "string"}
_FLAG: Final[Json] = {"type": "boolean"}
_COUNT: Final[Json] = {"type": "integer", "minimum": 0}
_DURATION: Final[Json] = {"type": "string", "description": "`5m 30s`, or as in ISO 8601, `PT5M30S`."}
_TIMEOUTS: Final[Json] = {
    "idempotency_retention": _DURATION,
    "journal_retention": _DURATION,
    "inactivity_timeout": _DURATION,
    "abort_timeout": _DURATION,
}
_RUN_RETENTION: Final[Json] = {"workflow_completion_retention": _DURATION}
_POLICY: Final[Json] = {
    "initial_interval": _DURATION,
    "exponentiation_factor": {"type": "number"},
    "max_interval": _or_null(_DURATION),
    "on_max_attempts": _any_of("Pause", "Kill"),
}
_ATTEMPTS: Final[Json] = {"max_attempts": _or_null(_COUNT)}
_ABOUT: Final[Json] = {"documentation": _TEXT, "metadata": _map(_TEXT)}
_VERSIONS: Final[Json] = {"min_protocol_version": _COUNT, "max_protocol_version": _COUNT}
_SDK: Final[Json] = {"sdk_version": _TEXT}
_ADDRESS: Final[Json] = {
    "uri": {"type": "string", "format": "uri"},
    "additional_headers": _map(_TEXT),
    "use_http_11": _FLAG,
}


def _deployment(service: str) -> Json:
    return _object(
        {
            "id": _TEXT,
            "uri": _TEXT,
            "protocol_type": _any_of("RequestResponse", "BidiStream"),
            "http_version": _TEXT,
            "created_at": {"type": "string", "format": "date-time"},
            **_VERSIONS,
            "services": _list(_reference(service)),
        },
        {"additional_headers": _map(_TEXT), "metadata": _map(_TEXT), **_SDK},
    )


_SCHEMAS: Final[Json] = {
    "ErrorDescriptionResponse": _object({"message": _TEXT, "restate_code": _or_null(_TEXT)}),
    "VersionInformation": _object(
        {
            "version": _TEXT,
            "min_admin_api_version": _COUNT,
            "max_admin_api_version": _COUNT,
            "features": _map(_FLAG),
        },
        {"ingress_endpoint": _TEXT},
    ),
    "ClusterHealthResponse": _object(
        {"cluster_name": _TEXT, "metadata_cluster_health": _object({"members": _list(_COUNT)})}
    ),
    "RegisterDeploymentRequest": _object(
        {"uri": _ADDRESS["uri"]},
        {**_ADDRESS, "metadata": _map(_TEXT), "force": _FLAG, "breaking": _FLAG, "dry_run": _FLAG},
    ),
    "RegisterDeploymentResponse": _object(
        {"id": _TEXT, "services": _list(_reference("ServiceMetadata")), **_VERSIONS}, _SDK
    ),
    "UpdateDeploymentRequest": _object({}, {**_ADDRESS, "overwrite": _FLAG, "dry_run": _FLAG}),
    "ServiceNameRevPair": _object({"name": _TEXT, "revision": _COUNT}),
    "DeploymentResponse": _deployment("ServiceNameRevPair"),
    "DetailedDeploymentResponse": _deployment("ServiceMetadata"),
    "ListDeploymentsResponse": _object({"deployments": _list(_reference("DeploymentResponse"))}),
    "ServiceRetryPolicyMetadata": _object(_POLICY | _ATTEMPTS),
    "HandlerRetryPolicyMetadata": _object(_ATTEMPTS, _POLICY),
    "ServiceMetadata": _object(
        {
            "name": _TEXT,
            "ty": _any_of("Service", "VirtualObject", "Workflow"),
            "handlers": _list(_reference("HandlerMetadata")),
            "deployment_id": _TEXT,
            "revision": _COUNT,
            "public": _FLAG,
            **_TIMEOUTS,
            "enable_lazy_state": _FLAG,
            "retry_policy": _reference("ServiceRetryPolicyMetadata"),
        },
        _ABOUT | _RUN_RETENTION,
    ),
    "HandlerMetadata": _object(
        {
            "name": _TEXT,
            "public": _FLAG,
            "input_description": _TEXT,
            "output_description": _TEXT,
            "retry_policy": _reference("HandlerRetryPolicyMetadata"),
        },
        {
            "ty": _any_of("Exclusive", "Shared", "Workflow"),
            **_ABOUT,
            **_TIMEOUTS,
            "enable_lazy_state": _FLAG,
            "input_json_schema": {},
            "output_json_schema": {},
        },
    ),
    "ListServicesResponse": _object({"services": _list(_reference("ServiceMetadata"))}),
    "ListServiceHandlersResponse": _object({"handlers": _list(_reference("HandlerMetadata"))}),
    "ModifyServiceRequest": _object({}, {"public": _FLAG, **_TIMEOUTS, **_RUN_RETENTION}),
    "ModifyServiceStateRequest": _object(
        {"object_key": _TEXT, "new_state": _map({"anyOf": [_list(_COUNT | {"maximum": 255}), _TEXT]})},
        {"version": _or_null(_TEXT), "scope": _or_null(_TEXT)},
    ),
    "RestartAsNewInvocationResponse": _object({"new_invocation_id": _TEXT}),
    "ListSubscriptionsResponse": _object({"subscriptions": _list({})}),
    "ListKafkaClustersResponse": _object({"clusters": _list({})}),
    "QueryRequest": _object({"query": _TEXT}),
}
_ERROR: Final[Json] = {
    "description": "It is refused; what can't be read as a request is told in plain text, or by the status alone.",
    "content": {**json_of("ErrorDescriptionResponse"), "text/plain": {"schema": _TEXT}},
}
