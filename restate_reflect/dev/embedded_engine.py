"""The embedded runtime as the engine of ``dev``: everything in one file of the data directory."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from restate_reflect.dev.engine import Registered, held
from restate_reflect.dev.spans import span
from restate_reflect.server import ServerError

if TYPE_CHECKING:
    from aiohttp import web

    from restate_reflect.embedded import Runtime

__all__ = ["EmbeddedEngine"]

_LOOKS: Final = 20
_PAUSE: Final = 0.05
"""Seconds between looks at an invocation whose failure the engine has not read yet."""


class EmbeddedEngine:
    """Ingress and admin API in this process. Modules are imported by ``start``: the first revision starts meanwhile."""

    name = "the embedded runtime"

    def __init__(
        self, folder: Path, ingress_port: int, admin_port: int, origins: Sequence[str] = (), host: str = "127.0.0.1"
    ) -> None:
        """``origins`` are those of pages that may call handlers, see ``ingress``."""
        self._file = folder / "invocations.db"
        self._origins = origins
        self._host = host
        self._is_remote = False
        self._resources = AsyncExitStack()
        self._sockets = [held(ingress_port, "--ingress-port", host), held(admin_port, "--admin-port", host)]
        self.ingress_url, self.admin_url = (f"http://{_named(host)}:{one.getsockname()[1]}" for one in self._sockets)
        self._runtime: Runtime
        self._is_open = False
        self.is_patient: Callable[[], bool] = lambda: False

    async def start(self) -> None:
        from restate_reflect.embedded import EmbeddedRuntimeError, Runtime, SqliteStore
        from restate_reflect.embedded.deployments.connect import connect
        from restate_reflect.embedded.http.admin import admin
        from restate_reflect.endpoint.hosts import is_loopback

        self._is_remote = not (self._host == "localhost" or is_loopback(self._host))
        try:
            self._runtime = await self._resources.enter_async_context(Runtime(SqliteStore(self._file)))
        except EmbeddedRuntimeError as error:
            raise ServerError(str(error)) from error
        self._runtime.wait_for_attempts(lambda: self.is_patient())
        # Deployments that somebody has registered by hand go on; those of an earlier `dev` are gone with its process.
        self._runtime.reconnect(connect)
        app = admin(self._runtime, connect=connect, ingress_url=self.ingress_url, remote=self._is_remote)
        await _serve(self._resources, app, self._sockets[1])

    async def register(self, port: int) -> Registered:
        from restate_reflect.embedded.deployments.catalog import ManifestError
        from restate_reflect.embedded.deployments.connect import connect
        from restate_reflect.embedded.deployments.transport import TransportError
        from restate_reflect.embedded.http.admin_views import service_view

        # Without the h2 library attempts can't stream both ways; they suspend at each await, which is slower.
        use_http_11 = importlib.util.find_spec("h2") is None
        try:
            found = await self._runtime.register(connect(f"http://127.0.0.1:{port}", {}, use_http_11), remembered=False)
        except (TransportError, ManifestError) as error:
            raise ServerError(str(error)) from error
        await self._open_ingress()
        services = [service_view(service, self._runtime.settings) for service in found.services.values()]
        return Registered(found.id, services)

    async def _open_ingress(self) -> None:
        """With the first revision: a 404 for a service that is about to come would mislead callers that wait."""
        from restate_reflect.embedded.http.ingress import ingress

        if not self._is_open:
            self._is_open = True
            app = ingress(self._runtime, origins=self._origins, remote=self._is_remote)
            await _serve(self._resources, app, self._sockets[0])

    async def move_all(self, to: Registered, port: int) -> None:
        self._runtime.repin()

    async def is_used(self, revision: Registered) -> bool:
        return any(live.deployment == revision.id for live in self._runtime.kernel.live.values())

    async def forget(self, revision: Registered) -> None:
        await self._runtime.unregister(revision.id)

    async def next_try(self, invocation_id: str) -> str:
        for _ in range(_LOOKS):
            found = self._runtime.kernel.find(invocation_id)
            if found is None:
                return "it is killed"
            if found.retry_at is not None:
                return f"tried again in {span(found.retry_at - time.time() * 1000)}"
            if found.status.value in ("paused", "completed"):
                return "paused" if found.status.value == "paused" else "given up"
            await asyncio.sleep(_PAUSE)
        return "tried again"

    async def failed(self) -> None:
        raise ServerError(str(await self._runtime.failed()))

    async def close(self) -> None:
        await self._resources.aclose()
        for one in self._sockets:
            one.close()


def _named(host: str) -> str:
    """How this machine reaches that address."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{reachable}]" if ":" in reachable else reachable


async def _serve(resources: AsyncExitStack, app: web.Application, at: socket.socket) -> None:
    from aiohttp import web

    from restate_reflect.embedded.http.bodies import READING

    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.5, **READING)
    await runner.setup()
    resources.push_async_callback(runner.cleanup)
    await web.SockSite(runner, at).start()
