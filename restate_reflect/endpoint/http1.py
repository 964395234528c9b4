"""The part of a listener that speaks HTTP/1.1: aiohttp's server over an application."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod, HttpProcessingError

from restate_reflect.endpoint.app import application
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.limits import EndpointLimits, bounded

__all__ = ["Http1", "serve_bare"]


_OPTIONS: Final[dict[str, Any]] = {"access_log": None, "auto_decompress": False}

logger = logging.getLogger("restate_reflect.http1")

_UNKNOWN_METHOD: Final = re.compile(r"b['\"][!#$%&'*+\-.^_`|~0-9A-Za-z]+ \S+ HTTP/1\.[01]")
"""A well-formed request line, which aiohttp keeps in the text of its error alone."""


class _Protocol(web.RequestHandler):
    """aiohttp's side of one connection.

    Bodies stay as they are: nobody here asks for an inflated one, and a megabyte of gzip may stand for a gigabyte.
    """

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        # Its parser knows some methods; any other is 501 and not 400 (RFC 9110 section 9.1).
        if isinstance(exc, BadHttpMethod) and _UNKNOWN_METHOD.search(str(exc)):
            status, message = 501, "this method is not implemented here"
        return super().handle_error(request, status, exc, message)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        # A traceback of the parser tells nobody more, and a peer can have as many as it likes.
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError):
            logger.warning("an HTTP/1.1 request was refused: %s", error.message.splitlines()[0])
        else:
            super().log_exception(*args, **kw)


class Http1:
    """aiohttp's protocols, one per connection."""

    def __init__(self, app: web.Application, limits: EndpointLimits) -> None:
        # Signals are the command line's business; attempts are drained by the listener before aiohttp stops.
        self._runner = web.AppRunner(
            app, handle_signals=False, handler_cancellation=True, access_log=None, shutdown_timeout=1.0
        )
        self._keepalive_timeout = bounded(limits.idle_timeout)

    async def start(self) -> None:
        """Runs the application's start-up, its services' included."""
        await self._runner.setup()

    def protocol(self) -> asyncio.Protocol:
        """For one connection."""
        server = self._runner.server
        assert server is not None
        loop = asyncio.get_running_loop()
        return _Protocol(server, loop=loop, keepalive_timeout=self._keepalive_timeout, **_OPTIONS)

    @property
    def connections(self) -> list[Any]:
        return [] if self._runner.server is None else self._runner.server.connections

    async def close(self) -> None:
        """Closes the connections and runs the application's clean-up."""
        await self._runner.cleanup()


async def serve_bare(core: Core) -> Http1:
    """Over the core's own routes. The instances that serve were entered before, by the listener."""
    http1 = Http1(application(core), core.limits)
    await http1.start()
    return http1
