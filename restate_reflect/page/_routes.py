"""The routes below ``/docs``."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Collection
from typing import Any, Final

import aiohttp
from aiohttp import web

from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.endpoint import CORE, Core
from restate_reflect.ingress import AdminClient, AdminNotFoundError, InvocationInfo
from restate_reflect.options import RetryPolicy
from restate_reflect.page._access import guarded
from restate_reflect.page._assets import asset
from restate_reflect.page._calls import forward
from restate_reflect.page._describe import describe, is_private
from restate_reflect.page._timeline import timeline
from restate_reflect.server import AdminError

__all__ = ["PLACES", "add_docs"]

Json = dict[str, Any]

PLACES: Final = (
    ("GET", ""),
    ("GET", "/"),
    ("GET", "/page.css"),
    ("GET", "/page.js"),
    ("GET", "/api/services"),
    ("POST", "/api/call/{service}/{handler}"),
    ("GET", "/api/invocations"),
    ("GET", "/api/invocations/{id}"),
    ("POST", "/api/invocations/{id}/cancel"),
)
"""Everything that the page answers, below its path: whoever passes requests on to it passes these on, and no others."""

_INVOCATION_ID: Final = re.compile(r"inv_[A-Za-z0-9]{1,60}")
_RECENT: Final = 10
"""Invocations that the list shows."""


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
                self._admin = AdminClient(self._admin_url, timeout=10, retry=RetryPolicy(max_attempts=1))
            yield
            if self._admin is not None:
                await self._admin.close()

    def add_routes(self, routes: web.UrlDispatcher, path: str) -> None:
        handlers: dict[str, Any] = {
            "": _to_folder,
            "/": asset("index.html"),
            "/page.css": asset("page.css"),
            "/page.js": asset("page.js"),
            "/api/services": self._services,
            "/api/call/{service}/{handler}": self._call,
            "/api/invocations": self._invocations,
            "/api/invocations/{id}": self._invocation,
            "/api/invocations/{id}/cancel": self._cancel,
        }
        for method, place in PLACES:
            handler = guarded(_plain_errors(handlers[place]), self._allowed_hosts)
            routes.add_route(method, f"{path}{place}", handler)

    # ------------------------------------------------------------ services and calls

    async def _services(self, request: web.Request) -> web.StreamResponse:
        described = describe(self._core.services.values())
        return _json({"services": described, "ingress": self._ingress_url, "journal": self._admin is not None})

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
        service, handler = self._find(request.query.get("service", ""), request.query.get("handler", ""))
        found = await self._lookup().invocations(
            service=service.name, handler=handler.name, key=request.query.get("key") or None, limit=_RECENT
        )
        return _json({"invocations": [_summary(info) for info in found]})

    async def _invocation(self, request: web.Request) -> web.StreamResponse:
        admin, identifier = self._lookup(), _identifier(request)
        info = await admin.invocation(identifier)
        found = self._maybe_find(info.service, info.handler)
        steps = timeline(await admin.journal(identifier), found[1] if found else None)
        return _json(_summary(info) | {"steps": steps})

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        await self._lookup().cancel(_identifier(request))
        return _json({})

    def _lookup(self) -> AdminClient:
        if self._admin is None:
            raise web.HTTPNotFound(text="the page was given no admin URL, so it can't look up invocations.")
        return self._admin


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
        except AdminNotFoundError as error:
            return web.json_response({"message": str(error)}, status=404)
        except AdminError as error:
            return web.json_response({"message": str(error)}, status=502)
        return response

    return answered


def _identifier(request: web.Request) -> str:
    identifier = request.match_info["id"]
    if not _INVOCATION_ID.fullmatch(identifier):
        raise web.HTTPBadRequest(text=f"{identifier!r} is no invocation id, which starts with 'inv_'.")
    return identifier


def _summary(info: InvocationInfo) -> Json:
    times = {"created": info.created_at, "completed": info.completed_at, "nextRetry": info.next_retry_at}
    failure = info.last_failure
    return {
        "id": info.id,
        "target": info.target,
        "status": info.status,
        "success": info.success,
        "failure": info.failure,
        "lastFailure": failure.message if failure else None,
        "retries": info.retry_count,
        **{name: None if value is None else value.isoformat() for name, value in times.items()},
    }


def _json(data: Any) -> web.Response:
    # Nothing of it may stay in a cache, or be read by another site's script.
    headers = {"cache-control": "no-store", "cross-origin-resource-policy": "same-origin"}
    return web.json_response(data, headers=headers)
