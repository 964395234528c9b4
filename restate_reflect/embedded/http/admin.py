"""The admin API: an aiohttp application that answers as restate-server's port 9070 does.

It covers deployments, services, handlers, what operators do with invocations, and SQL queries over some tables, in
versions 2 to 4: ``/v3/deployments`` is the third's, ``/deployments`` the latest's. Everything else of the server's API
answers 501. Each class of requests tells which operations it answers; ``/openapi`` shows them.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from restate_reflect.embedded.deployments.connect import Connect
from restate_reflect.embedded.errors import RequestError, RuntimeStoppedError, StoreError
from restate_reflect.embedded.http.access import Access, guarding
from restate_reflect.embedded.http.admin_deployments import Deployments
from restate_reflect.embedded.http.admin_general import General
from restate_reflect.embedded.http.admin_invocations import Invocations
from restate_reflect.embedded.http.admin_services import Services
from restate_reflect.embedded.http.bodies import LATEST_VERSION, OLDEST_VERSION, empty, expect
from restate_reflect.embedded.http.replies import AdminError, plain_headers
from restate_reflect.embedded.runtime import Runtime

__all__ = ["admin"]

_NOT_COVERED: Final = (
    ("POST", "/subscriptions"),
    ("POST", "/kafka-clusters"),
    ("*", "/ui"),
    *(
        ("*", f"/{folder}/{{path:.*}}")
        for folder in ("subscriptions", "kafka-clusters", "limits", "vqueues", "internal", "ui")
    ),
)


def admin(
    runtime: Runtime,
    *,
    connect: Connect | None = None,
    version: str = "1.7.12",
    ingress_url: str | None = None,
    remote: bool = False,
) -> web.Application:
    """The application for one runtime.

    Args:
        connect: For ``POST /deployments``; without it only services of this process are served.
        version: Answered by ``GET /version``.
        ingress_url: Where the ingress is, as ``GET /version`` tells.
        remote: Whether other machines may ask, see ``Access``.
    """
    ingress_url = None if ingress_url is None else f"{ingress_url.rstrip('/')}/"
    general, services = General(runtime, version, ingress_url), Services(runtime, ingress_url)
    deployments, invocations = Deployments(runtime, connect), Invocations(runtime)
    guard = guarding(Access(remote=remote), lambda refusal: AdminError(403, refusal).reply())
    app = web.Application(middlewares=[guard, _failing(runtime), _errors])
    served = [each for part in (general, deployments, services, invocations) for each in part.operations()]
    general.served = served
    routes = [(each.method, each.path, each.handler) for each in served]
    for method, path, handler in (*routes, *((*each, _not_covered) for each in _NOT_COVERED)):
        for each in ("GET", "HEAD") if method == "GET" else (method,):
            for prefix in ("", _VERSIONED):
                app.router.add_route(each, f"{prefix}{path}", handler, expect_handler=expect)
    app.router.add_route("*", "/v1/{path:.*}", _too_old)
    for path in ("/", *(f"/v{version}" for version in range(OLDEST_VERSION, LATEST_VERSION + 1))):
        app.router.add_get(path, _to_page)
    app.on_response_prepare.append(plain_headers)
    return app


_VERSIONED: Final = f"/{{version:v[{OLDEST_VERSION}-{LATEST_VERSION}]}}"


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
        _check_path(request)
        return await handler(request)
    except AdminError as error:
        return error.reply()
    except RequestError as error:
        return AdminError(400, str(error)).reply()
    except web.HTTPMethodNotAllowed as error:
        return empty(405, {"allow": ",".join(sorted(error.allowed_methods, key=_order))})
    except web.HTTPNotFound:
        return empty(404)


def _check_path(request: web.Request) -> None:
    """What stands in a path is UTF-8."""
    try:
        unquote_to_bytes(request.raw_path.partition("?")[0]).decode()
    except UnicodeDecodeError:
        parameter = next((name for name, value in request.match_info.items() if "%" in value), None)
        if parameter is not None:
            raise web.HTTPBadRequest(text=f"Invalid URL: Invalid UTF-8 in `{parameter}`") from None


def _order(method: str) -> tuple[bool, bool, str]:
    """As the server lists methods."""
    return method != "GET", method != "HEAD", method


async def _to_page(request: web.Request) -> web.StreamResponse:
    """The server has its web UI there."""
    return empty(308, {"location": "/ui/"})


async def _not_covered(request: web.Request) -> web.StreamResponse:
    raise AdminError(501, f"the embedded runtime does not cover {request.method} {request.path}; use restate-server")


async def _too_old(request: web.Request) -> web.StreamResponse:
    text = (
        f"Unsupported Admin API version V1. This server supports versions between V{OLDEST_VERSION} and"
        f" V{LATEST_VERSION}."
    )
    return web.Response(status=400, text=text)
