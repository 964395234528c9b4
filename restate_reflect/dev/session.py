"""One run of ``dev``: an engine, and the user's code in a process for each revision."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from restate_reflect.dev.child import Child
from restate_reflect.dev.embedded_engine import EmbeddedEngine
from restate_reflect.dev.engine import DevEngine, held
from restate_reflect.dev.log import DevLog
from restate_reflect.dev.revisions import Revision, Revisions
from restate_reflect.dev.server_engine import ServerEngine
from restate_reflect.processes.collector import resume
from restate_reflect.processes.debugger import is_debugged
from restate_reflect.processes.stopping import stop_on_signals
from restate_reflect.processes.terminal import Terminal
from restate_reflect.processes.watch import Watch
from restate_reflect.server import ServerError

__all__ = ["DevOptions", "DevSession"]

_DOCS_PORT: Final = 9081
"""Tried first for the page, so that its address stays the same from run to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """What ``dev`` was asked for."""

    targets: tuple[str, ...]
    port: int
    ingress_port: int
    admin_port: int
    docs: bool
    docs_port: int | None
    open_page: bool = False
    """In the browser, once it is there."""
    folder: Path
    host: str = "127.0.0.1"
    """Of ingress, admin API and page."""
    folders: tuple[str, ...] = ()
    """Whose files are watched, too."""
    latest: bool
    engine: str
    server_binary: str | None
    guard: str
    interceptors: tuple[str, ...] = ()
    payloads: str | None = None
    otlp: str | None = None
    """Where spans are sent."""
    full_trace: bool = False
    """Whether tracebacks show the frames of libraries, too."""
    origins: tuple[str, ...] = ()
    """Of pages that may call handlers; for the embedded runtime."""


class DevSession:
    """Runs until SIGINT or SIGTERM."""

    def __init__(self, options: DevOptions) -> None:
        self._options = options
        self._engine = _engine(options)
        self._log = DevLog(self._engine.next_try, full_trace=options.full_trace)
        child = {
            "targets": list(options.targets),
            "guard": options.guard,
            "interceptors": list(options.interceptors),
            "payloads": options.payloads,
            "otlp": options.otlp,
            "docs": options.docs,
            "patient": options.engine == "server",
            "ingress": self._engine.ingress_url,
            "admin": self._engine.admin_url,
        }
        self._watch = Watch((), options.folders)
        self._terminal = Terminal(self._log.hold, self._log.news)
        self._engine.is_patient = lambda: self._terminal.is_lent or is_debugged()
        self._revisions = Revisions(
            self._engine,
            self._log,
            self._watch,
            child,
            port=options.port,
            latest=options.latest,
            terminal=self._terminal,
        )
        self._table = ""
        self._to_open: str | None = None
        """The page's URL, until it is opened."""

    async def run(self) -> int:
        """The exit code.

        Raises:
            ServerError: The engine can't be started, or a port can't be had.
            TargetError: A target leads to no file.
        """
        async with AsyncExitStack() as resources:
            stop = resources.enter_context(stop_on_signals())
            resources.push_async_callback(self._engine.close)
            resources.push_async_callback(self._revisions.close)
            resources.callback(self._terminal.close)
            await _until(stop, self._work(resources))
        return 0

    async def _work(self, resources: AsyncExitStack) -> None:
        """Everything, without end."""
        # Both take most of a second, on two cores side by side.
        child = await self._revisions.begin()
        await self._engine.start()
        docs_url = await self._serve_docs(resources)
        self._greet(docs_url)
        self._to_open = docs_url if self._options.open_page else None
        resume()
        await _first(self._serve(child), self._engine.failed())

    async def _serve(self, child: Child) -> None:
        while True:
            revision = await self._finish(child)
            await self._change(is_broken=revision is None)
            child = await self._revisions.begin()

    async def _serve_docs(self, resources: AsyncExitStack) -> str | None:
        if not self._options.docs:
            return None
        from restate_reflect.dev.docs import serve_docs

        at = _docs_socket(self._options.docs_port, self._options.host)
        await serve_docs(resources, at, lambda: self._revisions.port)
        return f"http://127.0.0.1:{at.getsockname()[1]}/docs"

    def _greet(self, docs_url: str | None) -> None:
        docs = f", docs {docs_url}" if docs_url else ""
        engine = self._engine
        self._log.say(f"ingress {engine.ingress_url}, admin {engine.admin_url}{docs}", "bold")
        self._log.say(f"{engine.name}; data in {os.path.relpath(self._options.folder)} (--fresh forgets it)", "dim")

    async def _change(self, *, is_broken: bool) -> None:
        """Returns when a file has changed."""
        around = self._revisions.around if is_broken else Watch(())
        await _first(self._watch.changed(), around.changed())

    async def _finish(self, child: Child) -> Revision | None:
        try:
            revision = await self._revisions.finish(child)
        except ServerError as error:
            self._revisions.look_around()
            self._log.problem(f"{self._engine.name} refuses the new code", str(error))
            return None
        self._show(revision)
        if revision is not None:
            self._open_page()
        return revision

    def _open_page(self) -> None:
        """With the first revision: until then there is nothing to see."""
        if self._to_open is None:
            return
        import threading
        import webbrowser

        # A browser in the terminal would block until it is closed.
        threading.Thread(target=webbrowser.open, args=(self._to_open,), daemon=True).start()
        self._to_open = None

    def _show(self, revision: Revision | None) -> None:
        if revision is None:
            return
        services = ", ".join(service["name"] for service in revision.registered.services)
        self._log.say(f"revision {revision.number} serves {services}", "bold green")
        if revision.table != self._table:
            self._table = revision.table
            self._log.say(f"\n{revision.table}\n")
            self._show_calls(revision)

    def _show_calls(self, revision: Revision) -> None:
        from restate_reflect.openapi._curl import curl_lines

        lines = curl_lines(self._engine.ingress_url, revision.registered.services)
        if lines:
            self._log.say("\n".join(["try:", *(f"  {line}" for line in lines), "", "Ctrl-C stops.", ""]))


def _engine(options: DevOptions) -> DevEngine:
    if options.engine == "server":
        return ServerEngine(options.folder, options.ingress_port, options.admin_port, options.server_binary)
    return EmbeddedEngine(options.folder, options.ingress_port, options.admin_port, options.origins, options.host)


def _docs_socket(port: int | None, host: str) -> Any:
    if port is not None:
        return held(port, "--docs-port", host)
    try:
        return held(_DOCS_PORT, "--docs-port", host)
    except ServerError:
        return held(0, "--docs-port", host)


async def _first(*wanted: Coroutine[Any, Any, Any]) -> None:
    """Returns when the first of them does; the others are given up."""
    tasks = [asyncio.ensure_future(each) for each in wanted]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
    for result in done:
        if isinstance(result, Exception):
            raise result


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Does the work until it is time to stop. Raises what the work raises."""
    await _first(work, stop.wait())
