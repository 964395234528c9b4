"""One listening socket for HTTP/2 with prior knowledge and HTTP/1.1.

A connection that opens with the HTTP/2 preface goes to our layer, any other to aiohttp's.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, cast

from aiohttp import web

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.endpoint.app import CORE, endpoint
from restate_reflect.endpoint.connections import H2Connection, Sniffer
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.deadlines import Deadlines, Journals, Watched
from restate_reflect.endpoint.limits import EndpointLimits, bounded

__all__ = ["Listener", "listening"]

FLUSH_TIMEOUT: Final = 1.0
"""Seconds that a shutdown waits for peers to read what they were told last."""


class Listener:
    """A socket that serves an application."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float) -> None:
        self.app = app
        self.core: Core = app[CORE]
        self.limits: EndpointLimits = self.core.limits
        self._shutdown_timeout = shutdown_timeout
        # Signals are the command line's business; attempts are drained by us before aiohttp stops.
        self._runner = web.AppRunner(
            app,
            handle_signals=False,
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=1.0,
            keepalive_timeout=bounded(self.limits.idle_timeout),
        )
        self._connections: dict[Sniffer | H2Connection, None] = {}
        self._journals = Journals(lambda: self.core.environment.attempts, self.limits.journal_timeout)
        self._deadlines = Deadlines(self._watched, self.limits.check_interval)
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str, port: int, *, reuse_port: bool = False, sock: socket.socket | None = None) -> None:
        """Binds and listens."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        factory = partial(Sniffer, self)
        if sock is not None:
            self._server = await loop.create_server(factory, sock=sock, backlog=1024)
        else:
            self._server = await loop.create_server(factory, host, port, reuse_port=reuse_port or None, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        self._deadlines.start()

    def admits(self, sniffer: Sniffer) -> bool:
        """Takes up a new connection, unless there are too many."""
        if len(self._connections) + len(self._http1_connections()) >= self.limits.max_connections:
            return False
        self._connections[sniffer] = None
        return True

    def forget(self, connection: Sniffer | H2Connection) -> None:
        """The connection is over, or belongs to another protocol now."""
        self._connections.pop(connection, None)

    def _http1_connections(self) -> list[Any]:
        return [] if self._runner.server is None else self._runner.server.connections

    def _watched(self) -> Iterator[Watched]:
        yield self._journals
        yield from self._connections

    def http1_protocol(self) -> asyncio.Protocol:
        """aiohttp's protocol for one connection."""
        server = self._runner.server
        assert server is not None
        return cast("asyncio.Protocol", server())

    def http2_protocol(self) -> H2Connection:
        """Our protocol for one connection."""
        connection = H2Connection(self.core, self.forget)
        self._connections[connection] = None
        return connection

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stops accepting, lets attempts finish or suspend, then closes every connection.

        After ``timeout`` seconds (default: the endpoint's limit) attempts left are interrupted
        with a retryable error.
        """
        if self._server is None:
            return
        server, self._server = self._server, None
        all_lost = await _stop_accepting(server)
        for connection in list(self._connections):
            connection.go_away()
        await self.core.drain(self._shutdown_timeout if timeout is None else timeout)
        self._deadlines.stop()
        for connection in list(self._connections):
            connection.close()
        await self._runner.cleanup()
        await asyncio.wait([all_lost], timeout=FLUSH_TIMEOUT)
        for connection in list(self._connections):
            connection.abort()
        await asyncio.wait([all_lost], timeout=FLUSH_TIMEOUT)
        all_lost.cancel()


async def _stop_accepting(server: asyncio.Server) -> asyncio.Task[None]:
    """Closes the listening sockets; the task returned ends when the last connection is lost.

    A connection accepted in this turn of the loop gets its transport in the next one, and a closed server refuses to
    know it: asyncio would leave its socket open. So accepting ends two turns before the server does.
    """
    loop = asyncio.get_running_loop()
    for listening_socket in server.sockets:
        with suppress(NotImplementedError):  # Windows' loop accepts otherwise
            loop.remove_reader(listening_socket.fileno())
    all_lost = loop.create_task(server.wait_closed())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    server.close()
    return all_lost


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
