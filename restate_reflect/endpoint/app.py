"""The aiohttp application: routes over the core, for HTTP/1.1 and for mounting."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from typing import Final

from aiohttp import web

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.durable.guards import Guard
from restate_reflect.endpoint.core import Accepted, Answer, Core
from restate_reflect.endpoint.lifespan import enter_services
from restate_reflect.endpoint.limits import DEFAULT_LIMITS, EndpointLimits
from restate_reflect.endpoint.sinks import QueueSink
from restate_reflect.protocol.versions import MAXIMUM, ProtocolVersion
from restate_reflect.reflection import reflect_all

__all__ = ["CORE", "endpoint"]

CORE: Final = web.AppKey("restate_reflect_core", Core)


def endpoint(
    *services: ServiceDefinition | object,
    identity_keys: Sequence[str] = (),
    limits: EndpointLimits = DEFAULT_LIMITS,
    guard: Guard | str = Guard.OFF,
    executor: Executor | None = None,
    max_protocol_version: int = MAXIMUM,
) -> web.Application:
    """An application that serves ``/discover``, ``/health`` and ``/invoke/{service}/{handler}``.

    ``services`` are classes, instances or definitions. The application can be mounted under any
    prefix, and take more routes and middlewares; served by aiohttp alone it speaks HTTP/1.1,
    by ``listening`` (or ``restate-reflect serve``) HTTP/2 too.

    Raises:
        ReflectionError: With every problem of every class.
    """
    core = Core(
        reflect_all(services),
        identity_keys=identity_keys,
        limits=limits,
        guard=Guard(guard),
        executor=executor,
        max_protocol_version=ProtocolVersion(max_protocol_version),
    )
    app = web.Application()
    app[CORE] = core
    app.cleanup_ctx.append(_lifespan)
    app.router.add_route("GET", "/health", _handle)
    app.router.add_route("GET", "/discover", _handle)
    app.router.add_route("*", "/invoke/{service}/{handler}", _handle)
    return app


async def _lifespan(app: web.Application) -> AsyncGenerator[None]:
    """Enters the instances that are asynchronous context managers, and leaves them in reverse."""
    async with AsyncExitStack() as stack:
        await enter_services(stack, app[CORE])
        yield


async def _handle(request: web.Request) -> web.StreamResponse:
    core = request.config_dict[CORE]
    headers = {name.lower(): value for name, value in request.headers.items()}
    decision = core.answer(request.method, request.path, headers, "REQUEST_RESPONSE")
    if isinstance(decision, Answer):
        return web.Response(status=decision.status, headers=list(decision.headers), body=decision.body)
    return await _attempt(core, decision, request, headers)


async def _attempt(core: Core, accepted: Accepted, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
    """Request-response mode: the whole request is read before the first byte is answered."""
    response = web.StreamResponse(status=200, headers=list(accepted.headers))
    sink = QueueSink()
    attempt = core.start(accepted, sink, headers)
    try:
        async for chunk in request.content.iter_any():
            attempt.receive(chunk)
        attempt.receive_eof()
        await response.prepare(request)
        while (data := await sink.next()) is not None:
            await response.write(data)
        await response.write_eof()
    finally:
        attempt.abort("the connection was closed before the attempt had ended")
    return response
