"""One listening socket for HTTP/2 with prior knowledge and HTTP/1.1.

A connection that opens with the HTTP/2 preface goes to our layer, any other to aiohttp's.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, cast

from aiohttp import web

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.endpoint.app import CORE, endpoint
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.h2 import open_stream
from restate_reflect.http2 import Connection

__all__ = ["Listener", "listening"]

logger = logging.getLogger("restate_reflect.http2")

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

CLOSE_TIMEOUT: Final = 5.0
"""Seconds a closed HTTP/2 connection gets to flush what it has to say."""


class Listener:
    """A socket that serves an application."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float) -> None:
        self.app = app
        self.core: Core = app[CORE]
        self._shutdown_timeout = shutdown_timeout
        # Signals are the command line's business; attempts are drained by us before aiohttp stops.
        self._runner = web.AppRunner(
            app, handle_signals=False, handler_cancellation=True, access_log=None, shutdown_timeout=1.0
        )
        self._connections: set[_H2Connection] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str, port: int, *, reuse_port: bool = False, sock: socket.socket | None = None) -> None:
        """Binds and listens."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        factory = partial(_Sniffer, self)
        if sock is not None:
            self._server = await loop.create_server(factory, sock=sock, backlog=1024)
        else:
            self._server = await loop.create_server(factory, host, port, reuse_port=reuse_port or None, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    def http1_protocol(self) -> asyncio.Protocol:
        """aiohttp's protocol for one connection."""
        server = self._runner.server
        assert server is not None
        return cast("asyncio.Protocol", server())

    def http2_protocol(self) -> _H2Connection:
        """Our protocol for one connection."""
        connection = _H2Connection(self.core, self._connections.discard)
        self._connections.add(connection)
        return connection

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stops accepting, lets attempts finish or suspend, then closes every connection.

        After ``timeout`` seconds (default: the endpoint's limit) attempts left are interrupted
        with a retryable error.
        """
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close()
        for connection in list(self._connections):
            connection.go_away()
        await self.core.drain(self._shutdown_timeout if timeout is None else timeout)
        for connection in list(self._connections):
            connection.close()
        await self._runner.cleanup()


class _Sniffer(asyncio.Protocol):
    """Waits for enough bytes to tell the protocol, then hands the connection over."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        if received.startswith(PREFACE):
            self._hand_over(self._listener.http2_protocol())
        elif not PREFACE.startswith(received):
            self._hand_over(self._listener.http1_protocol())

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        assert self._transport is not None
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._received)


class _H2Connection(asyncio.Protocol):
    """A transport on one side, the sans-IO connection on the other."""

    def __init__(self, core: Core, on_lost: Callable[[_H2Connection], Any]) -> None:
        self._on_lost = on_lost
        self._connection = Connection(partial(open_stream, core))
        self._connection.on_output = self._flush
        self._transport: asyncio.Transport | None = None
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._connection.receive(data)
        self._flush()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_lost(self)
        self._connection.connection_lost()

    def pause_writing(self) -> None:
        """A peer that does not read gets no more than its window and our backlog allow."""
        self._paused = True
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._paused = False
        self._connection.resume_writing()
        self._flush()

    def go_away(self) -> None:
        self._connection.shutdown()
        self._flush()

    def close(self) -> None:
        """Says goodbye; a peer that does not read it is cut off after ``CLOSE_TIMEOUT``."""
        self._connection.close()
        self._flush()
        if self._transport is not None:
            asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self._transport.abort)

    def _flush(self) -> None:
        if self._transport is None:
            return
        output = self._connection.take_output()
        if output:
            self._transport.write(output)
        if self._connection.should_close:
            self._log_failure()
            transport, self._transport = self._transport, None
            # A peer that does not read would keep a closing transport for ever.
            transport.abort() if self._paused else transport.close()

    def _log_failure(self) -> None:
        if self._connection.failure:
            logger.warning("an HTTP/2 connection was ended: %s", self._connection.failure)


@asynccontextmanager
async def listening(
    *served: web.Application | ServiceDefinition | object,
    host: str = "127.0.0.1",
    port: int = 0,
    reuse_port: bool = False,
    **options: Any,
) -> AsyncGenerator[Listener]:
    """Serves an application from ``endpoint(…)``, or services, until the block ends.

    ``port=0`` picks a free one; ``listener.port`` tells which. ``options`` are those of ``endpoint``.
    """
    app = _application(served, options)
    listener = Listener(app, shutdown_timeout=app[CORE].limits.shutdown_timeout)
    await listener.start(host, port, reuse_port=reuse_port)
    try:
        yield listener
    finally:
        await listener.shutdown()


def _application(served: tuple[object, ...], options: dict[str, Any]) -> web.Application:
    if len(served) == 1 and isinstance(served[0], web.Application):
        return served[0]
    return endpoint(*served, **options)
