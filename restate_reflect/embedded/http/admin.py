"""The admin API: an aiohttp application that answers as restate-server's port 9070 does.

It covers deployments, services, handlers, what operators do with invocations, and SQL queries over some tables.
Everything else of the server's API answers 501.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from restate_reflect.definitions import ServiceKind
from restate_reflect.embedded import ids
from restate_reflect.embedded.deployments.catalog import ManifestError, Registration, ServiceInfo
from restate_reflect.embedded.deployments.connect import Connect
from restate_reflect.embedded.deployments.transport import TransportError
from restate_reflect.embedded.errors import InvocationStateError, RequestError, RuntimeStoppedError, StoreError
from restate_reflect.embedded.http.access import Access, guarding
from restate_reflect.embedded.http.admin_views import deployment_view, handler_view, registration_view, service_view
from restate_reflect.embedded.http.replies import AdminError, Untyped, json_reply, plain_headers
from restate_reflect.embedded.kernel.lifecycle import Reply
from restate_reflect.embedded.query.sql import Queries, QueryError
from restate_reflect.embedded.runtime import Runtime

__all__ = ["admin"]

_NOT_COVERED: Final = (
    "/subscriptions",
    "/kafka-clusters",
    "/cluster-health",
    "/rules",
    "/openapi",
    "/ui",
    "/internal",
    "/query/{path:.*}",
    "/subscriptions/{path:.*}",
    "/kafka-clusters/{path:.*}",
    "/internal/{path:.*}",
    "/ui/{path:.*}",
)


def admin(runtime: Runtime, *, connect: Connect | None = None, version: str = "1.7.12") -> web.Application:
    """The application for one runtime.

    Args:
        connect: For ``POST /deployments``; without it only services of this process are served.
        version: Answered by ``GET /version``.
    """
    server = _Admin(runtime, connect, version)
    guard = guarding(Access(), lambda refusal: AdminError(403, refusal).reply())
    app = web.Application(middlewares=[guard, _failing(runtime), _errors])
    routes = app.router
    routes.add_get("/health", server.health)
    routes.add_get("/version", server.version)
    routes.add_get("/deployments", server.deployments)
    routes.add_post("/deployments", server.register)
    routes.add_get("/deployments/{deployment}", server.deployment)
    routes.add_delete("/deployments/{deployment}", server.unregister)
    routes.add_get("/services", server.services)
    routes.add_get("/services/{service}", server.service)
    routes.add_patch("/services/{service}", _not_covered)
    routes.add_get("/services/{service}/openapi", _not_covered)
    routes.add_post("/services/{service}/state", server.set_state)
    routes.add_get("/services/{service}/handlers", server.handlers)
    routes.add_get("/services/{service}/handlers/{handler}", server.handler)
    routes.add_delete("/invocations/{invocation}", server.delete)
    routes.add_patch("/invocations/{invocation}/restart-as-new", _not_covered)
    routes.add_patch("/invocations/{invocation}/{operation}", server.operate)
    routes.add_post("/query", server.query)
    app.on_response_prepare.append(plain_headers)
    for path in _NOT_COVERED:
        routes.add_route("*", path, _not_covered)
    return app


def _failing(runtime: Runtime) -> Middleware:
    """Everything is a 503 once the runtime has stopped, health included, and what can't be read or stored."""

    @web.middleware
    async def failing(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if runtime.failure is not None:
                raise runtime.failure
            return await handler(request)
        except (RuntimeStoppedError, StoreError) as error:
            return AdminError(503, str(error)).reply()

    return failing


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except AdminError as error:
        return error.reply()
    except RequestError as error:
        return AdminError(400, str(error)).reply()
    except web.HTTPMethodNotAllowed as error:
        return _empty(405, {"allow": ",".join(sorted(error.allowed_methods - {"HEAD"}))})
    except web.HTTPNotFound:
        return _empty(404)


async def _not_covered(request: web.Request) -> web.StreamResponse:
    raise AdminError(501, f"the embedded runtime does not cover {request.method} {request.path}; use restate-server")


def _empty(status: int, headers: dict[str, str] | None = None) -> web.Response:
    return Untyped(status=status, headers=headers)


def _refusal(uri: str, error: TransportError | ManifestError) -> AdminError:
    if isinstance(error, ManifestError):
        return AdminError(400, str(error), "META0012")
    return AdminError(500, f"[META0003] [META0003] error when calling '{uri}': {error}", "META0003")


class _Admin:
    """Requests to a runtime."""

    def __init__(self, runtime: Runtime, connect: Connect | None, version: str) -> None:
        self._runtime, self._connect, self._version = runtime, connect, version
        self._queries = Queries(runtime.kernel)

    async def health(self, request: web.Request) -> web.StreamResponse:
        return _empty(200)

    async def version(self, request: web.Request) -> web.StreamResponse:
        body = {
            "version": self._version,
            "min_admin_api_version": 2,
            "max_admin_api_version": 4,
            "features": {"protocol_v7": self._runtime.settings.max_protocol_version >= 7},
        }
        return json_reply(200, body)

    # ------------------------------------------------------------ deployments

    async def deployments(self, request: web.Request) -> web.StreamResponse:
        views = [deployment_view(each, _revisions(each)) for each in self._runtime.deployments]
        return json_reply(200, {"deployments": views})

    async def deployment(self, request: web.Request) -> web.StreamResponse:
        registration = self._registration(request)
        services = [service_view(each, self._runtime.settings) for each in registration.services.values()]
        return json_reply(200, deployment_view(registration, services))

    async def unregister(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("force") != "true":
            return _empty(501)
        await self._runtime.unregister(self._registration(request).id)
        return _empty(202)

    def _registration(self, request: web.Request) -> Registration:
        identifier = request.match_info["deployment"]
        try:
            ids.check_deployment_id(identifier)
        except ids.DeploymentIdError as error:
            text = f"Invalid URL: Cannot parse `deployment` with value `{identifier}`: {error}"
            raise web.HTTPBadRequest(text=text) from None
        registration = self._runtime.kernel.catalog.registrations.get(identifier)
        if registration is None:
            raise AdminError(404, f"The requested deployment '{identifier}' does not exist")
        return registration

    async def register(self, request: web.Request) -> web.StreamResponse:
        body = await _read_json(request)
        if "arn" in body:
            raise AdminError(501, "the embedded runtime does not cover AWS Lambda; use restate-server")
        uri, headers = body.get("uri"), body.get("additional_headers") or {}
        if not isinstance(uri, str) or not _is_text_map(headers):
            raise _unfit("data did not match any variant of untagged enum RegisterDeploymentRequest")
        uri = uri if uri.endswith("/") else f"{uri}/"
        known = next((each for each in self._runtime.deployments if each.transport.address == uri), None)
        if known is not None and not body.get("force", False):
            return self._registered(known, 200)
        return await self._register(uri, body, known)

    async def _register(self, uri: str, body: Mapping[str, Any], known: Registration | None) -> web.StreamResponse:
        if self._connect is None:
            raise AdminError(501, "this embedded runtime serves only its own process; use restate-server")
        try:
            deployment = self._connect(uri, body.get("additional_headers") or {}, bool(body.get("use_http_11", False)))
        except TransportError as error:
            raise AdminError(400, str(error)) from None
        try:
            registration = await self._runtime.register(deployment, deployment_id=known.id if known else None)
        except (TransportError, ManifestError) as error:
            await deployment.close()
            raise _refusal(uri, error) from None
        if known is not None:
            await known.transport.close()
        return self._registered(registration, 201 if known is None else 200)

    def _registered(self, registration: Registration, status: int) -> web.Response:
        view = registration_view(registration, self._runtime.settings)
        return json_reply(status, view, {"location": f"deployments/{registration.id}"})

    # ------------------------------------------------------------ services

    async def services(self, request: web.Request) -> web.StreamResponse:
        known = self._runtime.kernel.catalog.services.values()
        return json_reply(200, {"services": [service_view(each, self._runtime.settings) for each in known]})

    async def service(self, request: web.Request) -> web.StreamResponse:
        return json_reply(200, service_view(self._service(request), self._runtime.settings))

    async def handlers(self, request: web.Request) -> web.StreamResponse:
        handlers = self._service(request).handlers.values()
        return json_reply(200, {"handlers": [handler_view(each) for each in handlers]})

    async def handler(self, request: web.Request) -> web.StreamResponse:
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
        """Replaces the state of a key. A key in use is a 409 here; the server waits for it."""
        body = await _read_json(request)
        key, values = _new_state(body)
        service = self._service(request)
        if service.kind is ServiceKind.SERVICE:
            raise AdminError(400, "Cannot modify state for service type Service")
        if body.get("version") is not None:
            raise AdminError(501, "the embedded runtime does not cover state versions; use restate-server")
        try:
            self._runtime.set_state(service.name, key, values, replace=True)
        except InvocationStateError as error:
            raise AdminError(409, f"Conflict: {error}") from None
        return _empty(202)

    async def query(self, request: web.Request) -> web.StreamResponse:
        """The rows as JSON; the server can also send Arrow."""
        sql = (await _read_json(request)).get("query")
        if not isinstance(sql, str):
            raise _unfit("missing field `query`")
        try:
            return web.Response(body=await self._queries.run(sql), headers={"content-type": "application/json"})
        except QueryError as error:
            raise AdminError(501, str(error)) from None

    # ------------------------------------------------------------ invocations

    async def operate(self, request: web.Request) -> web.StreamResponse:
        operation = request.match_info["operation"]
        if operation not in _OPERATIONS:
            return _empty(404)
        identifier = _invocation_id(request)
        if request.query.get("deployment", "keep").lower() not in ("keep", ""):
            self._repin(identifier, request.query["deployment"])
        reply: Reply = getattr(self._runtime, operation.replace("-", "_"))(identifier)
        return _answer(operation, identifier, reply)

    def _repin(self, identifier: str, deployment: str) -> None:
        if deployment.lower() != "latest":
            raise AdminError(501, "the embedded runtime resumes on the kept or the latest deployment only")
        if self._runtime.kernel.find(identifier) is not None:
            self._runtime.repin(identifier)

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """The older way: accepted whatever becomes of it."""
        identifier = _invocation_id(request)
        mode = request.query.get("mode", "cancel").lower()
        if mode not in ("cancel", "kill", "purge"):
            text = f"Failed to deserialize query string: mode: unknown variant `{request.query['mode']}`"
            raise web.HTTPBadRequest(text=text)
        getattr(self._runtime, mode)(identifier)
        return _empty(202)


_OPERATIONS: Final = frozenset({"cancel", "kill", "purge", "purge-journal", "pause", "resume"})

_REFUSALS: Final[dict[tuple[str, Reply], tuple[int, str]]] = {
    ("cancel", Reply.ALREADY_COMPLETED): (409, "The invocation '{}' was already completed."),
    ("kill", Reply.ALREADY_COMPLETED): (409, "The invocation '{}' was already completed."),
    ("purge", Reply.NOT_COMPLETED): (409, "The invocation '{}' is not yet completed."),
    ("purge-journal", Reply.NOT_COMPLETED): (409, "The invocation '{}' is not yet completed."),
    ("pause", Reply.NOT_RUNNING): (409, "The invocation '{}' is not running, cannot be paused."),
    ("resume", Reply.ALREADY_COMPLETED): (409, "The invocation '{}' is completed, cannot be resumed."),
    ("resume", Reply.NOT_STARTED): (425, "The invocation '{}' is either inboxed or scheduled, cannot be resumed."),
}


def _answer(operation: str, identifier: str, reply: Reply) -> web.Response:
    if reply is Reply.NOT_FOUND:
        raise AdminError(404, f"The requested invocation '{identifier}' does not exist")
    refusal = _REFUSALS.get((operation, reply))
    if refusal is not None:
        raise AdminError(refusal[0], refusal[1].format(identifier))
    return _empty(202 if reply is Reply.APPENDED else 200)


def _invocation_id(request: web.Request) -> str:
    identifier = request.match_info["invocation"]
    try:
        ids.parse_invocation_id(identifier)
    except ids.IdError as error:
        raise AdminError(400, f"The request field 'invocation_id' is invalid. Reason: {error}") from None
    return identifier


def _revisions(registration: Registration) -> list[dict[str, Any]]:
    return [{"name": each.name, "revision": each.revision} for each in registration.services.values()]


async def _read_json(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json" or "content-type" not in request.headers:
        raise web.HTTPUnsupportedMediaType(text="Expected request with `Content-Type: application/json`")
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"Failed to parse the request body as JSON: {error}") from None
    if not isinstance(body, dict):
        raise _unfit(f"invalid type: {type(body).__name__}, expected an object")
    return body


def _unfit(what: str) -> web.HTTPUnprocessableEntity:
    return web.HTTPUnprocessableEntity(text=f"Failed to deserialize the JSON body into the target type: {what}")


def _is_text_map(value: object) -> bool:
    """Names and values of headers, which hold no control characters."""
    return isinstance(value, dict) and all(
        isinstance(text, str) and text.isprintable() for pair in value.items() for text in pair
    )


def _new_state(body: Mapping[str, Any]) -> tuple[str, dict[str, bytes]]:
    """Key and values of a change of state; each value is an array of bytes, or a string that stands for its UTF-8."""
    key, state = body.get("object_key"), body.get("new_state")
    if not isinstance(key, str):
        raise _unfit("object_key: expected a string")
    if not isinstance(state, dict):
        raise _unfit("new_state: expected a map")
    return key, {name: _bytes(name, value) for name, value in state.items()}


def _bytes(name: str, value: object) -> bytes:
    try:
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, list) and all(type(each) is int for each in value):
            return bytes(value)
    except ValueError:  # not 0 to 255, or half of a surrogate pair
        pass
    raise _unfit(f"new_state.{name}: expected byte array")
