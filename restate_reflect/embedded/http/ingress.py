"""The ingress: an aiohttp application that answers as restate-server's port 8080 does."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from restate_reflect.definitions import HandlerKind
from restate_reflect.embedded import ids
from restate_reflect.embedded.deployments.catalog import HandlerInfo
from restate_reflect.embedded.deployments.rules import RuleError
from restate_reflect.embedded.durations import DurationError, parse_duration
from restate_reflect.embedded.errors import InvocationNotFoundError, RequestError, RuntimeStoppedError, StoreError
from restate_reflect.embedded.http.access import Access, guarding
from restate_reflect.embedded.http.bodies import expect
from restate_reflect.embedded.http.paths import (
    AwakeableRoute,
    ByBodyRoute,
    CallRoute,
    HealthRoute,
    ResultRoute,
    parse_path,
    split_target,
)
from restate_reflect.embedded.http.replies import (
    Bare,
    IngressError,
    TooLong,
    Untyped,
    failed,
    json_reply,
    not_found,
    plain_headers,
    rfc3339,
    succeeded,
)
from restate_reflect.embedded.kernel.records import Outcome
from restate_reflect.embedded.kernel.scopes import ScopeError, check_call, check_scope, checked_limit_key
from restate_reflect.embedded.runtime import Runtime
from restate_reflect.errors import TerminalError
from restate_reflect.identifiers import IdempotentRequest, InvocationTarget, WorkflowRun

__all__ = ["ingress"]

_NOT_FOUND: Final = TerminalError("not found", 404)
_MAX_BODY: Final = 32 * 1024 * 1024
_NOT_PASSED_ON: Final = frozenset({"connection", "host", "idempotency-key", "idempotency-expires"})
_VARY: Final = "origin, access-control-request-method, access-control-request-headers"


def ingress(runtime: Runtime, *, origins: Collection[str] = (), remote: bool = False) -> web.Application:
    """The application for one runtime; it has one catch-all route, and answers what no route can have, too.

    Args:
        origins: Of pages that may call handlers and read results; none by default, ``*`` for any, as restate-server.
        remote: Whether other machines may ask, see ``Access``.

    Raises:
        OriginError: One of them is no origin.
    """
    server, access = _Ingress(runtime), Access(origins, remote=remote)
    guard = guarding(access, lambda refusal: IngressError(403, refusal).reply())
    app = web.Application(client_max_size=_MAX_BODY, middlewares=[guard, _answering(access), _routed_here(server)])
    app.router.add_route("*", r"/{path:[\s\S]*}", server.handle, expect_handler=expect)
    app.on_response_prepare.append(plain_headers)
    return app


def _answering(access: Access) -> Middleware:
    """Tells browsers that a page of an allowed origin may ask, with credentials and any header, as on the server."""

    @web.middleware
    async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not access.is_open:
            return await handler(request)
        response = _preflight(request) if request.method == "OPTIONS" else await handler(request)
        if isinstance(response, (Bare, TooLong)):
            return response
        origin = request.headers.get("origin")
        if origin is not None and access.allows(origin):
            response.headers["access-control-allow-origin"] = origin
        response.headers["access-control-allow-credentials"] = "true"
        response.headers["vary"] = _VARY
        return response

    return cors


def _routed_here(server: _Ingress) -> Middleware:
    """Targets need no slash: ``http://localhost``, or that of CONNECT."""

    @web.middleware
    async def routed(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await server.handle(request)

    return routed


def _preflight(request: web.Request) -> web.StreamResponse:
    response = Untyped()
    for wanted, allowed in (
        ("access-control-request-method", "access-control-allow-methods"),
        ("access-control-request-headers", "access-control-allow-headers"),
    ):
        if wanted in request.headers:
            response.headers[allowed] = request.headers[wanted]
    return response


class _Ingress:
    """Requests to a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            if self._runtime.failure is not None:
                raise self._runtime.failure
            return await self._handle(request)
        except IngressError as error:
            return error.reply()
        except ScopeError as error:
            return IngressError(400, error.to_callers).reply()
        except (RuntimeStoppedError, StoreError) as error:
            return IngressError(503, str(error)).reply()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            path, _, _ = split_target(request.raw_path)
        except ValueError:
            return Bare(status=400)
        if (request.content_length or 0) > _MAX_BODY:
            return TooLong()
        route = parse_path(path, self._is_keyed)
        match route:
            case HealthRoute():
                _require(request, "GET")
                return json_reply(200, {"services": list(self._runtime.kernel.catalog.services)})
            case CallRoute():
                return await self._call(request, route)
            case ResultRoute():
                _require(request, "GET", before=lambda: self._check_target(route.target))
                return await self._result(route.target, route.verb)
            case ByBodyRoute():
                return await self._by_body(request, route)
            case AwakeableRoute():
                return await self._awakeable(request, route)

    def _is_keyed(self, service: str) -> bool | None:
        info = self._runtime.kernel.catalog.services.get(service)
        return None if info is None else info.kind.keyed

    # ------------------------------------------------------------ calls

    async def _call(self, request: web.Request, route: CallRoute) -> web.StreamResponse:
        info = self._handler(route)
        idempotency_key = _idempotency_key(request)
        if idempotency_key is not None and info.kind is HandlerKind.WORKFLOW:
            raise IngressError(
                400,
                "cannot use the idempotency key with workflow handlers. The handler invocation will already be"
                " idempotent by the workflow key itself.",
            )
        if route.scope is not None:
            kernel = self._runtime.kernel
            check_call(kernel.settings, route.scope, kernel.catalog.services[route.service].kind)
        if request.method not in ("GET", "POST"):
            raise IngressError(405, "method not allowed")
        body = await _read(request)
        try:
            info.input.check(request.headers.get("content-type"), body)
        except RuleError as error:
            raise IngressError(400, f"input validation error: {error}") from None
        delay = _delay(request)
        limit_key = _limit_key(request)
        if limit_key is not None and route.scope is None:
            raise IngressError(400, "limit-key requires a scope to be set")
        if delay is not None and not route.send:
            raise IngressError(
                400, "cannot use the delay query parameter with calls. The delay is supported only with sends"
            )
        options: dict[str, Any] = {
            "key": route.key,
            "idempotency_key": idempotency_key,
            "headers": _passed_on(request),
            "scope": route.scope,
            "limit_key": limit_key,
        }
        try:
            return await self._submit(route, info, body, delay, options)
        except RequestError as error:
            raise IngressError(400, str(error)) from None

    async def _submit(
        self, route: CallRoute, info: HandlerInfo, body: bytes, delay: int | None, options: dict[str, Any]
    ) -> web.StreamResponse:
        if route.send:
            return self._send(route, body, delay, options)
        outcome = await self._runtime.invoke(route.service, route.handler, body, **options)
        return _reply(outcome, info)

    def _handler(self, route: CallRoute) -> HandlerInfo:
        info = self._runtime.kernel.catalog.handler(route.service, route.handler)
        if info is None:
            raise IngressError(
                404,
                f"the service '{route.service}' exists, but the handler '{route.handler}' was not found, check that the"
                " handler exists in the latest registered service version.",
            )
        if not info.public:
            raise IngressError(400, "the invoked service is not public")
        return info

    def _send(self, route: CallRoute, body: bytes, delay: int | None, options: dict[str, Any]) -> web.Response:
        wait = None if delay is None else delay / 1000
        submission = self._runtime.send(route.service, route.handler, body, delay=wait, **options)
        answer: dict[str, Any] = {"invocationId": submission.invocation.id}
        if submission.invocation.execution_time is not None:
            answer["executionTime"] = rfc3339(submission.invocation.execution_time)
        answer["status"] = "Accepted" if submission.is_new else "PreviouslyAccepted"
        return json_reply(202, answer, {"x-restate-id": submission.invocation.id})

    # ------------------------------------------------------------ results

    async def _result(self, target: InvocationTarget, verb: str) -> web.StreamResponse:
        runtime = self._runtime
        try:
            outcome = await runtime.attach(target) if verb == "attach" else runtime.output(target)
            handler = runtime.invocation(target).target if outcome else None
        except InvocationNotFoundError as error:
            if verb == "output":
                raise IngressError(404, "invocation not found") from None
            return failed(Outcome(error.invocation_id, failure=_NOT_FOUND))
        if outcome is None or handler is None:
            raise IngressError(470, "the invocation exists but has not completed yet")
        info = runtime.kernel.catalog.handler(handler.service, handler.handler)
        if info is None and outcome.failure is None:
            raise not_found()
        return failed(outcome) if info is None else _reply(outcome, info)

    async def _by_body(self, request: web.Request, route: ByBodyRoute) -> web.StreamResponse:
        _require(request, "POST")
        target = _read_target(await _read(request), "lookup" if route.verb == "lookup" else "request")
        self._check_target(target)
        if route.verb == "lookup":
            return json_reply(200, {"invocationId": self._runtime.invocation_id(target)})
        return await self._result(target, route.verb)

    @staticmethod
    def _check_target(target: InvocationTarget) -> None:
        if not isinstance(target, str):
            if target.scope is not None:
                check_scope(target.scope)
        else:
            try:
                ids.parse_invocation_id(target)
            except ids.IdError as error:
                raise IngressError(400, f"bad invocation id '{target}': {error}") from None

    async def _awakeable(self, request: web.Request, route: AwakeableRoute) -> web.StreamResponse:
        _require(request, "POST")
        body = await _read(request)
        try:
            if route.resolve:
                self._runtime.resolve_awakeable(route.awakeable_id, body)
            else:
                self._runtime.reject_awakeable(route.awakeable_id, body.decode(errors="replace"))
        except ids.IdError as error:
            raise IngressError(400, f"bad awakeable id '{route.awakeable_id}': {error}") from None
        return Untyped(status=202)


def _reply(outcome: Outcome, info: HandlerInfo) -> web.Response:
    if outcome.failure is not None:
        return failed(outcome)
    return succeeded(outcome, info.output.content_type_for(outcome.value or b""))


def _require(request: web.Request, method: str, before: Callable[[], None] | None = None) -> None:
    if before is not None:
        before()
    if request.method != method:
        raise IngressError(405, "method not allowed")


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise IngressError(413, "cannot read body: length limit exceeded") from None


def _idempotency_key(request: web.Request) -> str | None:
    key = request.headers.get("idempotency-key")
    return None if key is None else _header_text("idempotency-key", key.encode(errors="surrogateescape"))


def _delay(request: web.Request) -> int | None:
    for name, value in parse_qsl(split_target(request.raw_path)[1], keep_blank_values=True):
        if name.lower() == "delay":
            try:
                return parse_duration(value)
            except DurationError as error:
                message = f"bad delay query parameter, must be a ISO8601 duration: {error}"
                raise IngressError(400, message) from None
    return None


def _limit_key(request: web.Request) -> str | None:
    """From a header, or from the query; ``None`` if it is empty."""
    header = request.headers.get("x-restate-limit-key")
    if header is not None:
        return checked_limit_key(_header_text("x-restate-limit-key", header.encode(errors="surrogateescape")))
    query = parse_qsl(split_target(request.raw_path)[1], keep_blank_values=True)
    return checked_limit_key(next((value for name, value in query if name.lower() == "limit-key"), ""))


def _passed_on(request: web.Request) -> list[tuple[str, str]]:
    """The headers a handler sees; of repeated ones the first, and the caller's own path if it gives one."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.raw_headers:
        name = raw_name.decode().lower()
        if name not in _NOT_PASSED_ON:
            headers.setdefault(name, _header_text(name, raw_value))
    return list({"x-restate-ingress-path": split_target(request.raw_path)[2], **headers}.items())


def _header_text(name: str, value: bytes) -> str:
    """Visible ASCII, blanks and tabs are text for the server."""
    if any(octet >= 0x7F or (octet < 0x20 and octet != 0x09) for octet in value):
        raise IngressError(400, f"bad header {name}: ToStrError {{ _priv: () }}")
    return value.decode()


def _read_target(body: bytes, kind: str) -> InvocationTarget:
    """The body of a lookup: which invocation is meant."""
    try:
        described = json.loads(body.decode())
        match described["target"]:
            case "workflow":
                name, workflow_key = (_text(described[each]) for each in ("workflowName", "workflowKey"))
                return WorkflowRun(name, workflow_key, _optional_text(described.get("scope")))
            case "idempotentInvocation":
                key, scope = (_optional_text(described.get(each)) for each in ("key", "scope"))
                service, handler, again = (_text(described[name]) for name in ("service", "handler", "idempotencyKey"))
                return IdempotentRequest(service, handler, again, key, scope)
            case "invocation":
                return _text(described["invocationId"])
            case other:
                raise ValueError(
                    f"unknown variant `{other}`, expected one of `workflow`, `idempotentInvocation`, `invocation`"
                )
    except KeyError as error:
        raise IngressError(500, f"cannot read body: invalid {kind} body: missing field `{error.args[0]}`") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise IngressError(500, f"cannot read body: invalid {kind} body: {error}") from None


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _text(value: object) -> str:
    """A text that can be hashed: JSON may hold halves of surrogate pairs."""
    if not isinstance(value, str):
        raise TypeError(f"invalid type: {type(value).__name__}, expected a string")
    value.encode()
    return value
