"""``/services`` of the admin API: list, describe, change options and state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from restate_reflect.definitions import ServiceKind
from restate_reflect.embedded.deployments.catalog import ServiceInfo
from restate_reflect.embedded.durations import DurationError, parse_duration
from restate_reflect.embedded.http.admin_document import ANY_JSON, EMPTY, Operation, json_of
from restate_reflect.embedded.http.admin_views import handler_view, service_view
from restate_reflect.embedded.http.bodies import empty, read_json, unfit
from restate_reflect.embedded.http.replies import AdminError, json_reply
from restate_reflect.embedded.kernel.scopes import problem_of
from restate_reflect.embedded.runtime import Runtime
from restate_reflect.openapi import published_openapi

__all__ = ["Services"]


class Services:
    """Requests about services and their handlers."""

    def __init__(self, runtime: Runtime, ingress_url: str | None) -> None:
        self._runtime, self._ingress_url = runtime, ingress_url

    def operations(self) -> tuple[Operation, ...]:
        each, tag, one, change = "/services/{service}", "service", json_of("ServiceMetadata"), "ModifyServiceRequest"
        handlers, handler = json_of("ListServiceHandlersResponse"), json_of("HandlerMetadata")
        return (
            Operation("GET", "/services", self.all, "list_services", tag, {200: json_of("ListServicesResponse")}),
            Operation("GET", each, self.one, "get_service", tag, {200: one}),
            Operation("PATCH", each, self.change, "modify_service", tag, {200: one}, change),
            Operation("GET", f"{each}/openapi", self.openapi, "get_service_openapi", tag, {200: ANY_JSON}),
            Operation(
                "POST",
                f"{each}/state",
                self.set_state,
                "modify_service_state",
                tag,
                {202: EMPTY},
                "ModifyServiceStateRequest",
            ),
            Operation(
                "GET", f"{each}/handlers", self.handlers, "list_service_handlers", "service_handler", {200: handlers}
            ),
            Operation(
                "GET",
                f"{each}/handlers/{{handler}}",
                self.handler,
                "get_service_handler",
                "service_handler",
                {200: handler},
            ),
        )

    async def all(self, request: web.Request) -> web.StreamResponse:
        """All services, each as its latest deployment has it."""
        known = self._runtime.kernel.catalog.services.values()
        return json_reply(200, {"services": [service_view(each, self._runtime.settings) for each in known]})

    async def one(self, request: web.Request) -> web.StreamResponse:
        """A service with its handlers."""
        return json_reply(200, service_view(self._service(request), self._runtime.settings))

    async def openapi(self, request: web.Request) -> web.StreamResponse:
        """How its handlers are called over the ingress: an OpenAPI document."""
        service = self._service(request)
        document = published_openapi(service.manifest, revision=service.revision, ingress_url=self._ingress_url)
        return json_reply(200, document)

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Gives it other options than its code has, until it is registered anew."""
        options = _new_options(await read_json(request))
        name = request.match_info["service"]
        if options and name not in self._runtime.kernel.catalog.services:
            raise AdminError(404, f"not found in the schema registry: service with name '{name}'")
        service = self._service(request)
        if _RUNS_ALONE in options and service.kind is not ServiceKind.WORKFLOW:
            kind = service_view(service, self._runtime.settings)["ty"]
            raise AdminError(400, f"modifying retention time for service type {kind} is unsupported")
        return json_reply(200, service_view(self._runtime.change_service(name, options), self._runtime.settings))

    async def handlers(self, request: web.Request) -> web.StreamResponse:
        """All handlers of a service."""
        handlers = self._service(request).handlers.values()
        return json_reply(200, {"handlers": [handler_view(each) for each in handlers]})

    async def handler(self, request: web.Request) -> web.StreamResponse:
        """A handler, with what its manifest says."""
        service, name = self._service(request), request.match_info["handler"]
        if name not in service.handlers:
            raise AdminError(404, f"The requested handler '{name}' on service '{service.name}' does not exist")
        return json_reply(200, handler_view(service.handlers[name]))

    def _service(self, request: web.Request) -> ServiceInfo:
        name = request.match_info["service"]
        service = self._runtime.kernel.catalog.services.get(name)
        if service is None:
            raise AdminError(404, f"The requested service '{name}' does not exist")
        return service

    async def set_state(self, request: web.Request) -> web.StreamResponse:
        """Replaces the state of a key, once it is free and if it is in the version that is told, as on the server."""
        body = await read_json(request)
        key, values = _new_state(body)
        name, version = request.match_info["service"], body.get("version")
        if version is not None and not isinstance(version, str):
            raise unfit("version: expected a string")
        scope = body.get("scope")
        if scope is not None and not isinstance(scope, str):
            raise unfit(f"scope: invalid type: {_shown(scope)}, expected a string")
        if values or name in self._runtime.kernel.catalog.services:  # that of services that are gone can be cleared
            self._check_has_state(self._service(request))
        if scope is not None and (problem := problem_of(scope)):
            raise AdminError(500, f"bad scope: {problem}")
        self._runtime.change_state(name, key, values, version, scope)
        return empty(202)

    def _check_has_state(self, service: ServiceInfo) -> None:
        if service.kind is ServiceKind.SERVICE:
            raise AdminError(400, "Cannot modify state for service type Service")


_RUNS_ALONE: Final = "workflowCompletionRetention"
_DURATIONS: Final = {
    "idempotency_retention": "idempotencyRetention",
    "workflow_completion_retention": _RUNS_ALONE,
    "journal_retention": "journalRetention",
    "inactivity_timeout": "inactivityTimeout",
    "abort_timeout": "abortTimeout",
}
"""Options that can be changed, with their names in manifests."""


def _new_options(body: Mapping[str, Any]) -> dict[str, Any]:
    """By their names in manifests; times in milliseconds."""
    public = body.get("public")
    if public is not None and not isinstance(public, bool):
        raise unfit(f"public: invalid type: {_shown(public)}, expected a boolean")
    options = {} if public is None else {"ingressPrivate": not public}
    given = ((name, named) for name, named in _DURATIONS.items() if body.get(name) is not None)
    return {**options, **{named: _duration(name, body[name]) for name, named in given}}


def _duration(name: str, value: object) -> int:
    if not isinstance(value, str):
        raise unfit(f"{name}: invalid type: {_shown(value)}, expected a human-friendly duration string")
    try:
        return parse_duration(value)
    except DurationError as error:
        raise unfit(f"{name}: {error}") from None


def _shown(value: object) -> str:
    """As the server's parser tells of it."""
    if isinstance(value, str):
        return f'string "{value}"'
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    return f"integer `{value}`" if isinstance(value, int) else type(value).__name__


def _new_state(body: Mapping[str, Any]) -> tuple[str, dict[str, bytes]]:
    """Key and values of a change of state; each value is an array of bytes, or a string that stands for its UTF-8."""
    key, state = body.get("object_key"), body.get("new_state")
    if not isinstance(key, str):
        raise unfit("object_key: expected a string")
    if not isinstance(state, dict):
        raise unfit("new_state: expected a map")
    return key, {name: _bytes(name, value) for name, value in state.items()}


def _bytes(name: str, value: object) -> bytes:
    try:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, list) and all(type(each) is int for each in value):
            return bytes(value)
    except ValueError:  # not 0 to 255, or half of a surrogate pair
        pass
    raise unfit(f"new_state.{name}: expected byte array")
