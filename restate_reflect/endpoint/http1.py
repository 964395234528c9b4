"""The part of a listener that speaks HTTP/1.1: aiohttp's server over an application."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiohttp import web

from restate_reflect.endpoint.app import application
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.limits import EndpointLimits, bounded

__all__ = ["Http1", "serve_bare"]


class Http1:
    """aiohttp's protocols, one per connection."""

    def __init__(self, app: web.Application, limits: EndpointLimits) -> None:
        # Signals are the command line's business; attempts are drained by the listener before aiohttp stops.
        self._runner = web.AppRunner(
            app,
            handle_signals=False,
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=1.0,
            keepalive_timeout=bounded(limits.idle_timeout),
        )

    async def start(self) -> None:
        """Runs the application's start-up, its services' included."""
        await self._runner.setup()

    def protocol(self) -> asyncio.Protocol:
        """For one connection."""
        server = self._runner.server
        assert server is not None
        return cast("asyncio.Protocol", server())

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
