"""The aiohttp application: routes over the core, for HTTP/1.1 and for mounting."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.typedefs import Handler

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.guards import Guard
from restate_reflect.endpoint.core import SERVER_HEADER, Accepted, Answer, Core, core_of, text_answer
from restate_reflect.endpoint.lifespan import enter_services
from restate_reflect.endpoint.limits import DEFAULT_LIMITS, EndpointLimits, bounded
from restate_reflect.endpoint.sinks import QueueSink
from restate_reflect.options import ErrorDetails
from restate_reflect.protocol.versions import MAXIMUM

if TYPE_CHECKING:  # loaded where there is a chain
    from restate_reflect.durable.translated import TranslatedAttempt
    from restate_reflect.payloads import Chain

__all__ = ["CORE", "application", "endpoint"]

_OURS: Final = re.compile(r"/(?:health|discover|invoke/[^/]+/[^/]+)\Z")

_HOST: Final = re.compile(r"[^\x00-\x20\x7f/?#@]*")  # as :authority is checked over HTTP/2

CORE: Final = web.AppKey("restate_reflect_core", Core)


def endpoint(
    *services: ServiceDefinition | object,
    identity_keys: Sequence[str] = (),
    limits: EndpointLimits = DEFAULT_LIMITS,
    guard: Guard | str = Guard.OFF,
    executor: Executor | None = None,
    max_protocol_version: int = MAXIMUM,
    error_details: ErrorDetails = "message",
    interceptors: Iterable[object] = (),
    payloads: Chain | Iterable[object] = (),
) -> web.Application:
    """An application that serves ``/discover``, ``/health`` and ``/invoke/{service}/{handler}``.

    ``services`` are classes, instances or definitions. The application can be mounted under any
    prefix, and take more routes and middlewares; served by aiohttp alone it speaks HTTP/1.1,
    by ``listening`` (or ``restate-reflect serve``) HTTP/2 too.

    ``error_details`` says what of unexpected exceptions leaves the process, for services and handlers whose options do
    not: ``"full"`` with the stack trace, ``"message"``, or a ``"reference"`` to the log.

    ``interceptors`` are objects with hooks around handlers, steps, calls and attempts, outermost first.

    ``payloads`` are codecs of ``restate_reflect.payloads``, in the order of writing: what is done to what the server
    stores.

    Raises:
        ReflectionError: With every problem of every class.
        TypeError: Something is no interceptor, or no codec of payloads.
        ValueError: The order of these codecs would defeat one of them.
    """
    core = core_of(
        services,
        identity_keys=identity_keys,
        limits=limits,
        guard=guard,
        executor=executor,
        max_protocol_version=max_protocol_version,
        error_details=error_details,
        interceptors=interceptors,
        payloads=payloads,
    )
    app = application(core)
    app.cleanup_ctx.append(_lifespan)
    return app


def application(core: Core) -> web.Application:
    """The routes alone: entering and leaving the services is somebody else's."""
    app = web.Application(middlewares=[_prefixed])
    app[CORE] = core
    for path in ("/health", "/discover", "/invoke/{service}/{handler}"):
        app.router.add_route("*", path, _handle, expect_handler=_expected)
    return app


async def _lifespan(app: web.Application) -> AsyncGenerator[None]:
    """Enters the instances that are asynchronous context managers, and leaves them in reverse."""
    async with AsyncExitStack() as stack:
        await enter_services(stack, app[CORE])
        yield


@web.middleware
async def _prefixed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Serves our paths under any prefix, as over HTTP/2: the server signs and sends what was registered. What nobody
    else serves is refused in our way.

    Not by routes, which would come before those that a user adds.
    """
    if request.match_info.http_exception is None:
        return await handler(request)
    if _OURS.search(_path(request)):
        return await _handle(request)
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return await _handle(request)


def _path(request: web.Request) -> str:
    """As it was sent, without query: the part of an absolute target that HTTP/2 would call so."""
    return "*" if request.raw_path == "*" else request.rel_url.raw_path


async def _handle(request: web.Request) -> web.StreamResponse:
    core = request.config_dict[CORE]
    decision = _misframed(request) or _decide(core, request)
    if isinstance(decision, Answer):
        return _response(decision)
    return await _attempt(core, decision, request, _fields(request))


def _decide(core: Core, request: web.Request) -> Answer | Accepted:
    return core.answer(request.method, _path(request), _fields(request), "REQUEST_RESPONSE")


def _fields(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _response(answer: Answer) -> web.Response:
    return web.Response(status=answer.status, headers=list(answer.headers), body=answer.body)


def _misframed(request: web.Request) -> Answer | None:
    """What aiohttp lets pass and RFC 9112 does not (sections 2.3, 3.2 and 6.1)."""
    if request.version not in (HttpVersion10, HttpVersion11):
        return text_answer(505, "this port speaks HTTP/1.1, and HTTP/2 with prior knowledge")
    if "#" in request.raw_path or (request.raw_path == "*" and request.method != "OPTIONS"):
        return text_answer(400, "the request target has a fragment, or is '*' without OPTIONS")
    if not _HOST.fullmatch(request.headers.get("host", "")):
        return text_answer(400, "the host header names no host")
    coding = request.headers.get("transfer-encoding", "chunked")
    if coding.lower() != "chunked":
        return text_answer(501, f"transfer-encoding {coding[:32]!r} is not implemented here")
    return None


async def _expected(request: web.Request) -> web.StreamResponse | None:
    """``100 Continue`` for a body that will be read; the answer itself where it won't be (RFC 9110 section 10.1.1)."""
    decision = _misframed(request) or _decide(request.config_dict[CORE], request)
    if isinstance(decision, Answer):
        return _response(decision)
    if request.headers["expect"].lower() != "100-continue":
        return _response(text_answer(417, "the one expectation that is met here is 100-continue"))
    if request.version == HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # what has been written is no part of the response
    return None


async def _attempt(core: Core, accepted: Accepted, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
    """Request-response mode: the whole request is read before the first byte is answered."""
    if (request.content_length or 0) > core.limits.max_request_bytes:
        return _too_large(core)
    sink = QueueSink()
    attempt = core.start(accepted, sink, headers)
    try:
        refusal = await _read(core, attempt, request)
        return refusal or await _respond(core, accepted, sink, request)
    finally:
        attempt.abort("the connection was closed before the attempt had ended")


async def _read(core: Core, attempt: Attempt | TranslatedAttempt, request: web.Request) -> web.Response | None:
    """Passes the body on; the answer if it is too large or too slow."""
    left = core.limits.max_request_bytes
    try:
        async with asyncio.timeout(bounded(core.limits.journal_timeout)):
            async for chunk in request.content.iter_any():
                left -= len(chunk)
                if left < 0:
                    return _too_large(core)
                attempt.receive(chunk)
    except TimeoutError:
        return _refusal(408, f"the body took longer than {core.limits.journal_timeout:g} seconds (journal_timeout)")
    attempt.receive_eof()
    return None


async def _respond(core: Core, accepted: Accepted, sink: QueueSink, request: web.Request) -> web.StreamResponse:
    """Writes what the attempt writes; a peer that stops reading is cut off."""
    response = web.StreamResponse(status=200, headers=list(accepted.headers))
    await response.prepare(request)
    try:
        while (data := await sink.next()) is not None:
            async with asyncio.timeout(bounded(core.limits.write_timeout)):
                await response.write(data)
        async with asyncio.timeout(bounded(core.limits.write_timeout)):
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    return response


def _too_large(core: Core) -> web.Response:
    return _refusal(
        413, f"the request exceeds {core.limits.max_request_bytes} bytes (EndpointLimits.max_request_bytes)"
    )


def _refusal(status: int, text: str) -> web.Response:
    """An answer before the request has ended; the connection can't be used again."""
    response = web.Response(status=status, text=text, headers=[SERVER_HEADER])
    response.force_close()
    return response
