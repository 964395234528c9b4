"""The routes below ``/docs``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any, Final

import aiohttp
from aiohttp import web

from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.endpoint import CORE, Core
from restate_reflect.ingress import AdminClient
from restate_reflect.options import RetryPolicy
from restate_reflect.page._access import guarded
from restate_reflect.page._assets import SCRIPTS, asset
from restate_reflect.page._calls import forward
from restate_reflect.page._deployments import deployments
from restate_reflect.page._describe import describe, is_private
from restate_reflect.page._invocations import ACTIONS, act, attempts, found, summary
from restate_reflect.page._state import StateConflictError, edit, keys, look
from restate_reflect.page._timeline import Known, timeline
from restate_reflect.server import AdminError

__all__ = ["PLACES", "add_docs", "to_page"]

Json = dict[str, Any]

PLACES: Final = (
    ("GET", ""),
    ("GET", "/"),
    ("GET", "/page.css"),
    *(("GET", f"/{script}") for script in SCRIPTS),
    ("GET", "/api/services"),
    ("POST", "/api/call/{service}/{handler}"),
    ("GET", "/api/invocations"),
    ("GET", "/api/invocations/{id}"),
    *(("POST", f"/api/invocations/{{id}}/{action}") for action in ACTIONS),
    ("GET", "/api/state"),
    ("POST", "/api/state"),
    ("POST", "/api/sql"),
    ("GET", "/api/deployments"),
)
"""Everything that the page answers, below its path: whoever passes requests on to it passes these on, and no others."""

_INVOCATION_ID: Final = re.compile(r"inv_[A-Za-z0-9]{1,60}")
_MOST_ROWS: Final = 1000
"""Of an answer to SQL that are shown."""


def add_docs(
    app: web.Application,
    *,
    ingress_url: str,
    admin_url: str | None = None,
    path: str = "/docs",
    allowed_hosts: Collection[str] = (),
) -> None:
    """Adds the page to an application made by ``endpoint(...)``, before it is served.

    It is for developers: it calls every handler and shows journals. Only this machine may open it, under
    ``localhost`` and its like, unless ``allowed_hosts`` names others.

    Args:
        ingress_url: Where handlers are called, such as ``http://127.0.0.1:8080``.
        admin_url: Where invocations are looked up, such as ``http://127.0.0.1:9070``; without it the page shows
            no journals.
        path: Of the page.
        allowed_hosts: Host names (without port) under which anybody may open it who can reach this endpoint.

    Raises:
        ValueError: the application was not made by ``endpoint(...)``, or takes signed requests only.
    """
    core = app.get(CORE)
    if core is None:
        raise ValueError("add_docs needs an application made by restate_reflect.endpoint(...).")
    if core._identity is not None:
        raise ValueError(
            "this endpoint has identity keys, so it may stand where strangers reach it, and the page would let them "
            "call handlers without a signature. Serve the page with an endpoint that has no identity keys."
        )
    docs = _Docs(core, ingress_url.rstrip("/"), admin_url, allowed_hosts)
    app.cleanup_ctx.append(docs.clients)
    docs.add_routes(app.router, path.rstrip("/"))


class _Docs:
    def __init__(self, core: Core, ingress_url: str, admin_url: str | None, allowed_hosts: Collection[str]) -> None:
        self._core = core
        self._ingress_url = ingress_url
        self._admin_url = admin_url
        self._allowed_hosts = allowed_hosts
        self._session: aiohttp.ClientSession | None = None
        self._admin: AdminClient | None = None

    async def clients(self, app: web.Application) -> AsyncGenerator[None]:
        """Connections to the server, while the application runs."""
        # No limit of time: a call lasts as long as its handler.
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=10)) as session:
            self._session = session
            if self._admin_url is not None:
                # The page asks again by itself.
                self._admin = AdminClient(
                    self._admin_url, timeout=10, retry=RetryPolicy(max_attempts=1), payloads=self._core.payloads or ()
                )
            yield
            if self._admin is not None:
                await self._admin.close()

    def add_routes(self, routes: web.UrlDispatcher, path: str) -> None:
        handlers: dict[str, Any] = {
            "": _to_folder,
            "/": asset("index.html"),
            "/page.css": asset("page.css"),
            **{f"/{script}": asset(script) for script in SCRIPTS},
            "/api/services": self._services,
            "/api/call/{service}/{handler}": self._call,
            "/api/invocations": self._invocations,
            "/api/invocations/{id}": self._invocation,
            **{f"/api/invocations/{{id}}/{action}": self._action for action in ACTIONS},
            "/api/state": self._state,
            "/api/sql": self._sql,
            "/api/deployments": self._deployments,
        }
        for method, place in PLACES:
            handler = guarded(_plain_errors(handlers[place]), self._allowed_hosts)
            routes.add_route(method, f"{path}{place}", handler)

    # ------------------------------------------------------------ services and calls

    async def _services(self, request: web.Request) -> web.StreamResponse:
        described = describe(self._core.services.values())
        data = {"services": described, "ingress": self._ingress_url, "journal": self._admin is not None}
        # By it the page sees that the code was saved.
        revision = hashlib.blake2b(json.dumps(data).encode(), digest_size=12).hexdigest()
        if request.query.get("revision") == revision:
            return _json({"revision": revision})
        return _json(data | {"revision": revision})

    async def _call(self, request: web.Request) -> web.StreamResponse:
        service, handler = self._find(request.match_info["service"], request.match_info["handler"])
        if is_private(service, handler):
            raise web.HTTPBadRequest(text=f"{service.name}/{handler.name} is private: only handlers can call it.")
        assert self._session is not None
        return _json(await forward(self._session, self._ingress_url, service, handler, request))

    def _find(self, service_name: str, handler_name: str) -> tuple[ServiceDefinition, HandlerDefinition]:
        found = self._maybe_find(service_name, handler_name)
        if found is None:
            raise web.HTTPNotFound(text=f"no handler {service_name}/{handler_name} is served here.")
        return found

    def _maybe_find(self, service_name: str, handler_name: str) -> tuple[ServiceDefinition, HandlerDefinition] | None:
        service = self._core.services.get(service_name)
        handler = service.handlers.get(handler_name) if service else None
        return (service, handler) if service and handler else None

    # ------------------------------------------------------------ invocations

    async def _invocations(self, request: web.Request) -> web.StreamResponse:
        try:
            listed = await found(self._lookup(), request.query)
        except ValueError as error:
            raise web.HTTPBadRequest(text=f"no such filter: {error}") from None
        return _json({"invocations": listed})

    async def _invocation(self, request: web.Request) -> web.StreamResponse:
        admin, identifier = self._lookup(), _identifier(request)
        info = await admin.invocation(identifier)
        place = self._maybe_find(info.service, info.handler)
        steps = timeline(await admin.journal(identifier), place[1] if place else None, self._known(info.service))
        failed = await attempts(admin, identifier)
        return _json(summary(info) | {"steps": steps, "attempts": failed})

    def _known(self, service_name: str) -> Known:
        handlers = {
            (service.name, handler.name): handler
            for service in self._core.services.values()
            for handler in service.handlers.values()
        }
        return Known(handlers)

    async def _action(self, request: web.Request) -> web.StreamResponse:
        return _json(await act(self._lookup(), request.path.rpartition("/")[2], _identifier(request)))

    # ------------------------------------------------------------ state, SQL, deployments

    async def _state(self, request: web.Request) -> web.StreamResponse:
        admin, service, key = self._lookup(), request.query.get("service", ""), request.query.get("key", "")
        if not key:
            return _json({"keys": await keys(admin, service)})
        if request.method == "POST":
            await self._edit(admin, service, key, await _body(request))
        return _json(await look(admin, service, key))

    async def _edit(self, admin: AdminClient, service: str, key: str, body: Mapping[str, Any]) -> None:
        try:
            await edit(admin, service, key, body["changes"], str(body.get("version")))
        except StateConflictError as error:
            raise web.HTTPConflict(text=str(error)) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise web.HTTPBadRequest(text=f"no such change: {error}") from None

    async def _sql(self, request: web.Request) -> web.StreamResponse:
        query = str((await _body(request)).get("query", ""))
        try:
            rows = await self._lookup().query(query)
        except AdminError as error:
            if error.status is None:
                raise
            # The query's fault, whatever the server calls it; the words behind the request's own are about it.
            raise web.HTTPBadRequest(text=re.sub(r"^POST \S+: \d+ ", "", str(error))) from None
        # Columns that are null are left out of a row; the order is that of the first row that has one.
        columns = list(dict.fromkeys(column for row in rows for column in row))
        return _json({"columns": columns, "rows": rows[:_MOST_ROWS], "count": len(rows)})

    async def _deployments(self, request: web.Request) -> web.StreamResponse:
        return _json({"deployments": await deployments(self._lookup())})

    def _lookup(self) -> AdminClient:
        if self._admin is None:
            raise web.HTTPNotFound(text="the page was given no admin URL, so it can't look up invocations.")
        return self._admin


async def to_page(request: web.Request) -> web.StreamResponse:
    """For ``/`` of a port that has nothing else there."""
    return web.Response(status=307, headers={"location": "docs/"})


async def _to_folder(request: web.Request) -> web.StreamResponse:
    """Below a slash, so that the page's own links are relative to it, wherever the application is mounted."""
    return web.Response(status=308, headers={"location": f"{request.path.rpartition('/')[2]}/"})


def _plain_errors(handler: Any) -> Any:
    """Errors as ``{"message": ...}``, which the page shows."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            return web.json_response({"message": error.text}, status=error.status)
        except AdminError as error:
            status = error.status or 502
            return web.json_response({"message": str(error)}, status=status if 400 <= status < 500 else 502)
        return response

    return answered


def _identifier(request: web.Request) -> str:
    identifier = request.match_info["id"]
    if not _INVOCATION_ID.fullmatch(identifier):
        raise web.HTTPBadRequest(text=f"{identifier!r} is no invocation id, which starts with 'inv_'.")
    return identifier


async def _body(request: web.Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"the body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body is no JSON object.")
    return body


def _json(data: Any) -> web.Response:
    # Nothing of it may stay in a cache, or be read by another site's script.
    headers = {"cache-control": "no-store", "cross-origin-resource-policy": "same-origin"}
    return web.json_response(data, headers=headers)
