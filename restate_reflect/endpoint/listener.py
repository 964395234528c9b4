"""One listening socket for HTTP/2 with prior knowledge and HTTP/1.1.

A connection that opens with the HTTP/2 preface goes to our layer, any other to aiohttp's.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.endpoint.connections import H2Connection, Sniffer
from restate_reflect.endpoint.core import Core, core_of
from restate_reflect.endpoint.deadlines import Deadlines, Journals, Watched
from restate_reflect.endpoint.lifespan import enter_services
from restate_reflect.endpoint.limits import EndpointLimits

if TYPE_CHECKING:
    from aiohttp import web

    from restate_reflect.endpoint.http1 import Http1

__all__ = ["Listener", "listening"]

logger = logging.getLogger("restate_reflect.endpoint")

FLUSH_TIMEOUT: Final = 1.0
"""Seconds that a shutdown waits for peers to read what they were told last."""


class Listener:
    """A socket that serves an application, or a core alone.

    A core needs no aiohttp before a peer speaks HTTP/1.1, which restate-server does only if told to: 16 MB, and a third
    of the time to the first answer.
    """

    def __init__(self, served: web.Application | Core, *, shutdown_timeout: float | None = None) -> None:
        """``shutdown_timeout`` is in seconds; ``None``: the endpoint's limit."""
        app = None if isinstance(served, Core) else served
        self.core: Core = served if isinstance(served, Core) else _core_in(served)
        self.limits: EndpointLimits = self.core.limits
        self._shutdown_timeout = self.limits.shutdown_timeout if shutdown_timeout is None else shutdown_timeout
        self._http1 = None if app is None else _http1_module().Http1(app, self.limits)
        self._loading: asyncio.Task[Http1] | None = None
        self._services = AsyncExitStack()
        self._connections: dict[Sniffer | H2Connection, None] = {}
        self._journals = Journals(lambda: self.core.environment.attempts, self.limits.journal_timeout)
        self._deadlines = Deadlines(self._watched, self.limits.check_interval)
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str, port: int, *, reuse_port: bool = False, sock: socket.socket | None = None) -> None:
        """Enters the services, binds and listens; if any of it fails, what was entered is left again."""
        try:
            await self._enter()
            self._server = await self._listen(host, port, reuse_port=reuse_port, sock=sock)
        except BaseException:
            try:
                await self._leave()
            except Exception:
                # Why the start failed is what the caller has to hear.
                logger.exception("a service could not be left after a start that failed")
            raise
        self.port = self._server.sockets[0].getsockname()[1]
        self._deadlines.start()

    async def _enter(self) -> None:
        if self._http1 is None:
            await enter_services(self._services, self.core)
        else:
            await self._http1.start()

    async def _listen(self, host: str, port: int, *, reuse_port: bool, sock: socket.socket | None) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        factory = partial(Sniffer, self)
        if sock is not None:
            return await loop.create_server(factory, sock=sock, backlog=1024)
        return await loop.create_server(factory, host, port, reuse_port=reuse_port or None, backlog=1024)

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
        return [] if self._http1 is None else self._http1.connections

    def _watched(self) -> Iterator[Watched]:
        yield self._journals
        yield from self._connections

    def http1_protocol(self) -> asyncio.Protocol | None:
        """aiohttp's protocol for one connection, once ``load_http1`` is done."""
        return None if self._http1 is None else self._http1.protocol()

    def load_http1(self) -> asyncio.Task[Http1]:
        """Makes ready for HTTP/1.1; attempts go on while aiohttp is imported, in a thread."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._load_http1())
        return self._loading

    async def _load_http1(self) -> Http1:
        module = await asyncio.to_thread(_http1_module)
        loaded: Http1 = await module.serve_bare(self.core)
        self._http1 = loaded
        return loaded

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
        await self._leave()
        await asyncio.wait([all_lost], timeout=FLUSH_TIMEOUT)
        for connection in list(self._connections):
            connection.abort()
        await asyncio.wait([all_lost], timeout=FLUSH_TIMEOUT)
        all_lost.cancel()

    async def _leave(self) -> None:
        if self._loading is not None:
            await asyncio.wait([self._loading])
        if self._http1 is not None:
            await self._http1.close()
        await self._services.aclose()


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
    *served: web.Application | Core | ServiceDefinition | object,
    host: str = "127.0.0.1",
    port: int = 0,
    reuse_port: bool = False,
    **options: Any,
) -> AsyncGenerator[Listener]:
    """Serves an application from ``endpoint(…)``, or services, until the block ends.

    ``port=0`` picks a free one; ``listener.port`` tells which. ``options`` are those of ``endpoint``.
    """
    listener = Listener(_served(served, options))
    await listener.start(host, port, reuse_port=reuse_port)
    try:
        yield listener
    finally:
        await listener.shutdown()


def _served(served: tuple[object, ...], options: dict[str, Any]) -> web.Application | Core:
    if len(served) == 1 and not options and _is_application(served[0]):
        return cast("web.Application", served[0])
    return core_of(served, **options)


def _is_application(candidate: object) -> bool:
    """One can't exist before aiohttp was imported."""
    aiohttp_web = sys.modules.get("aiohttp.web")
    return aiohttp_web is not None and isinstance(candidate, aiohttp_web.Application)


def _core_in(app: web.Application) -> Core:
    from restate_reflect.endpoint.app import CORE

    return app[CORE]


def _http1_module() -> ModuleType:
    return importlib.import_module("restate_reflect.endpoint.http1")
