"""An endpoint with the page, served from a thread."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from restate_reflect.endpoint import endpoint, listening
from restate_reflect.page import add_docs
from tests.support import ServedInThread


class ServedWithPage(ServedInThread):
    """As ``ServedInThread``; ``docs`` are the keyword arguments of ``add_docs``.

    With ``mounted`` the application stands below ``/below`` of another one, which is served by aiohttp alone.
    """

    def __init__(self, *services: Any, docs: dict[str, Any], mounted: bool = False, **options: Any) -> None:
        super().__init__(*services, **options)
        self._docs, self._mounted = docs, mounted

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = endpoint(*self._services, **self._options)
        add_docs(app, **self._docs)
        await (self._mounted_until_stopped(app) if self._mounted else self._until_stopped(app))

    async def _until_stopped(self, app: web.Application) -> None:
        assert self._stop is not None
        async with listening(app, host="127.0.0.1", port=self._port) as listener:
            self._listening.set_result(listener.port)
            await self._stop.wait()

    async def _mounted_until_stopped(self, app: web.Application) -> None:
        assert self._stop is not None
        outer = web.Application()
        outer.add_subapp("/below", app)
        runner = web.AppRunner(outer)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        self._listening.set_result(runner.addresses[0][1])
        try:
            await self._stop.wait()
        finally:
            await runner.cleanup()
