"""The admin API: an aiohttp application that answers as restate-server's port 9070 does.

It covers deployments, services, handlers, what operators do with invocations, and SQL queries over some tables, in
versions 2 to 4: ``/v3/deployments`` is the third's, ``/deployments`` the latest's. Everything else of the server's API
answers 501.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from restate_reflect.embedded.deployments.connect import Connect
from restate_reflect.embedded.errors import RequestError, RuntimeStoppedError, StoreError
from restate_reflect.embedded.http.access import Access, guarding
from restate_reflect.embedded.http.admin_deployments import Deployments
from restate_reflect.embedded.http.admin_invocations import Invocations
from restate_reflect.embedded.http.admin_services import Services
from restate_reflect.embedded.http.bodies import LATEST_VERSION, OLDEST_VERSION, empty, read_json, unfit
from restate_reflect.embedded.http.replies import AdminError, json_reply, plain_headers
from restate_reflect.embedded.query.sql import Form, Queries, QueryError
from restate_reflect.embedded.runtime import Runtime

__all__ = ["admin"]

_NOT_COVERED: Final = (
    "/subscriptions",
    "/kafka-clusters",
    "/openapi",
    "/ui",
    "/subscriptions/{path:.*}",
    "/kafka-clusters/{path:.*}",
    "/internal/{path:.*}",
    "/ui/{path:.*}",
)


_FEATURES: Final = (
    "invoker_yield",
    "kafka_scope",
    "preflight_invocation_termination_retention",
    "protocol_v7",
    "scoped_promise_table_migration",
    "scoped_state_table_migration",
    "scoped_virtual_objects",
    "unique_random_seeds",
    "vqueue_obsolete_cleanup",
    "vqueues",
    "vqueues_async_refill",
    "vqueues_migration_skip_completed",
)
"""The experiments of restate-server 1.7; clients ask whether one is on."""


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
    general, services = _General(runtime, version, ingress_url), Services(runtime, ingress_url)
    deployments, invocations = Deployments(runtime, connect), Invocations(runtime)
    guard = guarding(Access(remote=remote), lambda refusal: AdminError(403, refusal).reply())
    app = web.Application(middlewares=[guard, _failing(runtime), _errors])
    routes: dict[tuple[str, str], Handler] = {
        ("GET", "/health"): general.health,
        ("GET", "/version"): general.version,
        ("GET", "/cluster-health"): general.cluster_health,
        ("GET", "/subscriptions"): general.nothing("subscriptions"),
        ("GET", "/kafka-clusters"): general.nothing("clusters"),
        ("POST", "/subscriptions"): _not_covered,
        ("POST", "/kafka-clusters"): _not_covered,
        ("POST", "/query"): general.query,
        ("GET", "/deployments"): deployments.all,
        ("POST", "/deployments"): deployments.register,
        ("GET", "/deployments/{deployment}"): deployments.one,
        ("PATCH", "/deployments/{deployment}"): deployments.move,
        ("PUT", "/deployments/{deployment}"): deployments.put,
        ("DELETE", "/deployments/{deployment}"): deployments.remove,
        ("GET", "/services"): services.all,
        ("GET", "/services/{service}"): services.one,
        ("PATCH", "/services/{service}"): services.change,
        ("GET", "/services/{service}/openapi"): services.openapi,
        ("POST", "/services/{service}/state"): services.set_state,
        ("GET", "/services/{service}/handlers"): services.handlers,
        ("GET", "/services/{service}/handlers/{handler}"): services.handler,
        ("DELETE", "/invocations/{invocation}"): invocations.delete,
        ("PATCH", "/invocations/{invocation}/resume"): invocations.resume,
        ("PATCH", "/invocations/{invocation}/restart-as-new"): invocations.restart_as_new,
        ("PATCH", "/invocations/{invocation}/{operation}"): invocations.operate,
        **{("*", path): _not_covered for path in _NOT_COVERED},
    }
    for (method, path), handler in routes.items():
        for each in ("GET", "HEAD") if method == "GET" else (method,):
            for prefix in ("", _VERSIONED):
                app.router.add_route(each, f"{prefix}{path}", handler)
    app.router.add_route("*", "/v1/{path:.*}", _too_old)
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
        return await handler(request)
    except AdminError as error:
        return error.reply()
    except RequestError as error:
        return AdminError(400, str(error)).reply()
    except web.HTTPMethodNotAllowed as error:
        return empty(405, {"allow": ",".join(sorted(error.allowed_methods))})
    except web.HTTPNotFound:
        return empty(404)


async def _not_covered(request: web.Request) -> web.StreamResponse:
    raise AdminError(501, f"the embedded runtime does not cover {request.method} {request.path}; use restate-server")


async def _too_old(request: web.Request) -> web.StreamResponse:
    text = (
        f"Unsupported Admin API version V1. This server supports versions between V{OLDEST_VERSION} and"
        f" V{LATEST_VERSION}."
    )
    return web.Response(status=400, text=text)


class _General:
    """Requests about the whole."""

    def __init__(self, runtime: Runtime, version: str, ingress_url: str | None) -> None:
        self._runtime, self._version, self._ingress_url = runtime, version, ingress_url
        self._queries = Queries(runtime.kernel)

    async def health(self, request: web.Request) -> web.StreamResponse:
        return empty(200)

    async def version(self, request: web.Request) -> web.StreamResponse:
        features = dict.fromkeys(_FEATURES, False)
        features["protocol_v7"] = self._runtime.settings.max_protocol_version >= 7
        body = {
            "version": self._version,
            "min_admin_api_version": OLDEST_VERSION,
            "max_admin_api_version": LATEST_VERSION,
            **({} if self._ingress_url is None else {"ingress_endpoint": self._ingress_url}),
            "features": features,
        }
        return json_reply(200, body)

    async def cluster_health(self, request: web.Request) -> web.StreamResponse:
        """That of a server that is alone."""
        return json_reply(200, {"cluster_name": "localcluster", "metadata_cluster_health": {"members": [1]}})

    def nothing(self, name: str) -> Handler:
        """A list of what there can't be here; it is empty."""

        async def none(request: web.Request) -> web.StreamResponse:
            return json_reply(200, {name: []})

        return none

    async def query(self, request: web.Request) -> web.StreamResponse:
        """The rows as JSON if that is all that is accepted, as on the server; else as a stream of Arrow's."""
        sql = (await read_json(request)).get("query")
        if not isinstance(sql, str):
            raise unfit("missing field `query`")
        form: Form = "json" if request.headers.get("accept") == "application/json" else "arrow"
        try:
            return web.Response(body=await self._queries.run(sql, form), headers={"content-type": _TYPES[form]})
        except QueryError as error:
            return json_reply(error.status, {"message": str(error)})


_TYPES: Final[dict[Form, str]] = {"json": "application/json", "arrow": "application/vnd.apache.arrow.stream"}
