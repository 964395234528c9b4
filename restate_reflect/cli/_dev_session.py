"""One run of ``dev``: an embedded runtime here, the user's code in a child process per revision."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from aiohttp import web

from restate_reflect.cli._dev_log import DevLog
from restate_reflect.cli._registration import show_calls
from restate_reflect.cli._stopping import stop_on_signals
from restate_reflect.cli._watch import Watch
from restate_reflect.cli._worker import Worker, WorkerEndedError
from restate_reflect.embedded import Registration, Runtime, SqliteStore
from restate_reflect.embedded.admin import admin
from restate_reflect.embedded.admin_views import service_view
from restate_reflect.embedded.connect import connect
from restate_reflect.embedded.ingress import ingress

__all__ = ["DevOptions", "DevSession"]

GRACE = 5.0
"""Seconds that a revision gets to end its attempts; the runtime starts those again on the next one."""

RETIRE_POLL = 0.5
"""Seconds between looks at whether an old revision is still needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """What ``dev`` was asked for."""

    targets: tuple[str, ...]
    port: int
    ingress_port: int
    admin_port: int
    folder: Path
    latest: bool


@dataclass(slots=True)
class _Revision:
    """The user's code as it was at one save."""

    worker: Worker
    registration: Registration


class DevSession:
    """Runs until SIGINT or SIGTERM."""

    def __init__(self, options: DevOptions) -> None:
        self._options = options
        self._current: _Revision | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._watch = Watch(())
        self._count = 0
        self._ingress_url = ""

    async def run(self) -> int:
        """The exit code."""
        async with AsyncExitStack() as resources:
            stop = resources.enter_context(stop_on_signals())
            self._runtime = Runtime(SqliteStore(self._options.folder / "invocations.db"))
            await resources.enter_async_context(self._runtime)
            DevLog(self._runtime).attach()
            self._ingress_url = await _serve(resources, ingress(self._runtime), self._options.ingress_port)
            admin_url = await _serve(resources, admin(self._runtime, connect=connect), self._options.admin_port)
            resources.push_async_callback(self._end)
            click.echo(f"ingress {self._ingress_url}, admin {admin_url}, data in {self._options.folder}")
            await self._revise()
            await self._follow(stop)
        return 0

    async def _follow(self, stop: asyncio.Event) -> None:
        """A new revision for every change, until the end."""
        while not stop.is_set():
            if await _first(self._watch.changed(), stop.wait()):
                await self._revise()

    async def _revise(self) -> None:
        """Starts the code as it is now; if it does not load, the one before stays."""
        self._count += 1
        worker = await Worker.start(0, self._arguments())
        try:
            port = await worker.ready()
        except WorkerEndedError:
            self._watch.add(worker.files)
            serving = "the code before it stays" if self._current else "waiting for a change"
            click.secho(f"revision {self._count} does not load; {serving}", fg="red", err=True)
            return
        self._watch.add(worker.files)
        # Without the h2 library attempts can't stream both ways; they suspend at each await, which is slower.
        use_http_11 = importlib.util.find_spec("h2") is None
        registration = await self._runtime.register(connect(f"http://127.0.0.1:{port}", {}, use_http_11))
        self._take_over(_Revision(worker, registration))

    def _arguments(self) -> list[str]:
        # A fixed port can only serve one revision at a time.
        port = self._options.port if self._current is None else 0
        return [*self._options.targets, "--host", "127.0.0.1", "--port", str(port), "--grace", str(GRACE)]

    def _take_over(self, new: _Revision) -> None:
        old, self._current = self._current, new
        click.secho(f"revision {self._count} serves {', '.join(new.registration.services)}", fg="green")
        if old is None:
            # Invocations of an earlier run: the process that served them is gone.
            self._runtime.repin()
            show_calls(self._ingress_url, _described(self._runtime, new.registration))
            return
        if self._options.latest:
            self._runtime.repin()
        task = asyncio.create_task(self._retire(old))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _retire(self, old: _Revision) -> None:
        """Ends an old revision once no invocation runs on it any more."""
        while self._is_used(old):  # noqa: ASYNC110 - the runtime tells nobody
            await asyncio.sleep(RETIRE_POLL)
        await self._runtime.unregister(old.registration.id)
        await old.worker.stop(GRACE)

    def _is_used(self, revision: _Revision) -> bool:
        return any(live.deployment == revision.registration.id for live in self._runtime.kernel.live.values())

    async def _end(self) -> None:
        for task in list(self._retiring):
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        if self._current is not None:
            await self._current.worker.stop(GRACE)


def _described(runtime: Runtime, registration: Registration) -> list[dict[str, Any]]:
    """The services as the admin API shows them, for the curl lines."""
    return [service_view(service, runtime.settings) for service in registration.services.values()]


async def _serve(resources: AsyncExitStack, app: web.Application, port: int) -> str:
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    resources.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def _first(wanted: Coroutine[Any, Any, Any], other: Coroutine[Any, Any, Any]) -> bool:
    """Whether ``wanted`` came first; the other one is given up."""
    tasks = [asyncio.ensure_future(wanted), asyncio.ensure_future(other)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    came = tasks[0].done()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return came
