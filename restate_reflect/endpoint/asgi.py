"""A plain ASGI 3 application over the core, for servers such as hypercorn, granian or uvicorn.

With an HTTP/2 server the invocation stream is bidirectional; with HTTP/1.1 the server's own
buffering decides, and the manifest says REQUEST_RESPONSE.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from restate_reflect.durable.attempt import Attempt
from restate_reflect.endpoint.core import Accepted, Answer, Core, ProtocolMode, core_of, refuse_oversized
from restate_reflect.endpoint.lifespan import Presence
from restate_reflect.endpoint.sinks import QueueSink

if TYPE_CHECKING:  # loaded where there is a chain of payloads
    from restate_reflect.durable.translated import TranslatedAttempt

__all__ = ["AsgiApplication", "asgi_app"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

logger = logging.getLogger("restate_reflect")


def asgi_app(*services: object, **options: Any) -> AsgiApplication:
    """The application: ``app = asgi_app(Greeter, Counter)``; services and options as ``endpoint(...)`` takes them.

    Raises:
        ReflectionError: With every problem of every class.
    """
    return AsgiApplication(core_of(services, **options))


class AsgiApplication:
    """An ASGI 3 application.

    Services with ``__aenter__`` are entered by the server's lifespan protocol. An application that is mounted in
    another one hears nothing of that: give ``lifespan`` to the outer one, as ``FastAPI(lifespan=app.lifespan)``.
    Without either they are entered before the first attempt, and left when the event loop ends.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._presence = Presence(core)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await _request(self._core, self._presence, scope, receive, send)
        else:
            raise ValueError(f"restate_reflect serves http, not {scope['type']}")

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Enters the services, and lets attempts end before it leaves them; ``app`` is what frameworks give along."""
        async with self._presence.held():
            yield
            await self._core.drain(self._core.limits.shutdown_timeout)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        has_started = False
        try:
            async with self._presence.held():
                has_started = True
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await self._core.drain(self._core.limits.shutdown_timeout)
        except Exception as error:
            if has_started:
                raise
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})


async def _request(core: Core, presence: Presence, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    bidirectional = scope.get("http_version") == "2"
    mode: ProtocolMode = "BIDI_STREAM" if bidirectional else "REQUEST_RESPONSE"
    raw_path = scope.get("raw_path")  # optional in ASGI
    path = raw_path.decode("latin-1") if raw_path else scope["path"]
    decision = core.answer(scope["method"], path, headers, mode)
    if isinstance(decision, Answer):
        await _start(send, decision.status, decision.headers)
        await send({"type": "http.response.body", "body": decision.body})
        return
    try:
        await presence.needed()
    except Exception:
        logger.exception("a service could not be entered; the next attempt tries again")
        await _start(send, 500, (("content-type", "text/plain"),))
        await send({"type": "http.response.body", "body": b"a service's __aenter__ failed; the log has the error"})
        return
    await _attempt(core, decision, headers, receive, send, bidirectional=bidirectional)


async def _start(send: Send, status: int, headers: tuple[tuple[str, str], ...]) -> None:
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


async def _attempt(
    core: Core, accepted: Accepted, headers: dict[str, str], receive: Receive, send: Send, *, bidirectional: bool
) -> None:
    sink = QueueSink()
    attempt = core.start(accepted, sink, headers)

    async def follow() -> None:
        try:
            if not bidirectional or await _feed(attempt, receive, core.limits.max_request_bytes):
                await _disconnect(receive)
        finally:
            attempt.abort("the connection was closed before the attempt had ended")
            sink.close()

    if not bidirectional and not await _feed(attempt, receive, core.limits.max_request_bytes):
        attempt.abort("the connection was closed before the request had ended")
        return
    following = asyncio.ensure_future(follow())
    try:
        await _start(send, 200, accepted.headers)
        while (data := await sink.next()) is not None:
            await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        following.cancel()
        attempt.abort("the connection was closed before the attempt had ended")


async def _feed(attempt: Attempt | TranslatedAttempt, receive: Receive, left: int) -> bool:
    """Passes the body on, ``left`` bytes at most. Returns whether it came whole; if not, the peer is gone."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return False
        body = bytes(message.get("body", b""))  # a server may send a bytearray
        left -= len(body)
        if left < 0:
            refuse_oversized(attempt)
            return True
        attempt.receive(body)
        if not message.get("more_body", False):
            attempt.receive_eof()
            return True


async def _disconnect(receive: Receive) -> None:
    """Waits for the peer to leave; a step may still execute, for an attempt that the server has given up."""
    while (await receive())["type"] != "http.disconnect":
        pass
