"""An embedded runtime behind real sockets, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from restate_reflect.embedded import Runtime, RuntimeSettings, SqliteStore
from restate_reflect.embedded.deployments.connect import connect
from restate_reflect.embedded.http.admin import admin
from restate_reflect.embedded.http.bodies import READING
from restate_reflect.embedded.http.ingress import ingress

JSON = {"accept": "application/json"}
"""Headers with which queries are answered in JSON."""


class ServedRuntime:
    """Ingress and admin API of a runtime with a real clock; a context manager.

    Args:
        services: Classes or instances to deploy in the process of the runtime.
        file: Of the SQLite store; without one, everything is in memory.
        ports: Of ingress and admin API; 0 for any.
        origins: Of pages that may call handlers.
    """

    def __init__(
        self,
        *services: Any,
        settings: RuntimeSettings | None = None,
        file: Path | None = None,
        ports: tuple[int, int] = (0, 0),
        origins: Sequence[str] = (),
    ) -> None:
        self._services, self._settings = services, settings or RuntimeSettings()
        self._file, self._ports, self._origins = file, ports, origins
        self._listening: Future[tuple[int, int]] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="embedded", daemon=True)
        self.runtime: Runtime

    def __enter__(self) -> Self:
        self._thread.start()
        self._ingress_port, self._admin_port = self._listening.result(30)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        assert not self._thread.is_alive(), "the runtime did not stop within 60 s"

    @property
    def ingress_url(self) -> str:
        return f"http://127.0.0.1:{self._ingress_port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self._admin_port}"

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._listening.done():
                raise
            self._listening.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        store = None if self._file is None else SqliteStore(self._file)
        async with Runtime(store, settings=self._settings) as self.runtime:
            self.runtime.reconnect(connect)
            if self._services:
                await self.runtime.deploy(*self._services)
            runners: list[web.AppRunner] = []
            ports: list[int] = []
            for make, port in zip((self._ingress, self._admin), self._ports, strict=True):
                runner = web.AppRunner(make(ports), shutdown_timeout=0.1, **READING)
                runners.append(runner)
                await runner.setup()
                site = web.TCPSite(runner, "127.0.0.1", port)
                await site.start()
                ports.append(runner.addresses[0][1])
            self._listening.set_result((ports[0], ports[1]))
            await self._stop.wait()
            for runner in runners:
                await runner.cleanup()

    def _ingress(self, ports: Sequence[int]) -> web.Application:
        return ingress(self.runtime, origins=self._origins)

    def _admin(self, ports: Sequence[int]) -> web.Application:
        return admin(self.runtime, connect=connect, ingress_url=f"http://127.0.0.1:{ports[0]}")
