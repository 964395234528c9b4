"""Several worker processes on one port, and new ones when files change."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from restate_reflect.cli._errors import plain_errors
from restate_reflect.cli._logs import log_arguments
from restate_reflect.cli._page import PageOptions
from restate_reflect.cli._serving import OnReady, ServeOptions, places, url_of
from restate_reflect.cli._terminal import say
from restate_reflect.processes.collector import resume
from restate_reflect.processes.generation import Generation
from restate_reflect.processes.stopping import stop_on_signals
from restate_reflect.processes.terminal import Terminal
from restate_reflect.processes.watch import Watch
from restate_reflect.processes.worker import WorkerEndedError

__all__ = ["Supervisor"]


class Supervisor:
    """Runs workers until SIGINT or SIGTERM.

    With ``reload``, new workers start beside the old ones, which serve on until the new ones
    listen; if these fail, the old ones stay. The supervisor itself imports no user code.
    """

    def __init__(self, options: ServeOptions, on_ready: OnReady) -> None:
        self._options, self._on_ready = options, on_ready
        self._arguments: Sequence[str] = ()
        self._current: Generation | None = None
        self._watch = Watch((), options.folders)
        self._failure = 0
        self._terminal: Terminal

    async def run(self) -> int:
        """The exit code: 0 after a signal, else that of the workers that could not start."""
        resume()
        options, self._terminal = self._options, Terminal()
        with (
            stop_on_signals() as stop,
            _reserved_port(options.host, options.port) as port,
            _page_port(options.page) as docs_port,
        ):
            self._arguments = [*_arguments(options, port), *_page_arguments(options.page, docs_port)]
            try:
                if not await self._begin(stop):
                    return self._failure
                say("\n".join(places(options, port, docs_port)))
                await self._go_on(stop, url_of(self._options.host, port))
            finally:
                self._terminal.close()
                if self._current is not None:
                    await self._current.stop(self._options.grace)
        return 0

    async def _begin(self, stop: asyncio.Event) -> bool:
        """Whether workers serve; without ``reload`` there is one try."""
        while not await self._replace(stop):
            if not self._options.reload or not self._watch.files or stop.is_set():
                return False
            say("waiting for a change", err=True)
            if not await self._change(stop):
                return False
        return True

    async def _go_on(self, stop: asyncio.Event, url: str) -> None:
        await self._on_ready(url)
        while changed := await self._change(stop):
            say(f"changed: {_shortened(changed)}", err=True)
            if await self._replace(stop):
                say("reloaded", err=True)
                await self._on_ready(url)
            elif not stop.is_set():
                say("the code from before the change serves on", err=True)

    async def _change(self, stop: asyncio.Event) -> list[str]:
        """Changed files; none when it is time to stop."""
        stopping = asyncio.create_task(stop.wait())
        changing = asyncio.create_task(self._watch.changed()) if self._options.reload else stopping
        await asyncio.wait([stopping, changing], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        changing.cancel()
        if stop.is_set() or not isinstance(result := changing.result(), list):
            return []
        return result

    async def _replace(self, stop: asyncio.Event) -> bool:
        """Starts new workers and, once they listen, stops the old ones."""
        new = Generation(self._options.workers, self._arguments, self._terminal)
        starting, stopping = asyncio.create_task(new.start()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set() and not starting.done():
                return False
            starting.result()
        except WorkerEndedError as error:
            self._failure = error.code
            return False
        finally:
            self._watch.add(new.files)
            starting.cancel()
            stopping.cancel()
            await asyncio.wait([starting, stopping])
        old, self._current = self._current, new
        if old is not None:
            await old.stop(self._options.grace)
        return True


def _shortened(files: Sequence[str]) -> str:
    return ", ".join(os.path.relpath(file) for file in files)


@contextmanager
def _reserved_port(host: str, port: int) -> Iterator[int]:
    """Holds the port for the workers, which bind it again (SO_REUSEPORT); this socket never listens.

    Bound without SO_REUSEPORT first: with it, a second supervisor of the same user would get the
    port, too, and take half of the requests.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe, socket.socket(family) as held:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        chosen: int = probe.getsockname()[1]
        probe.close()
        if not hasattr(socket, "SO_REUSEPORT"):
            raise OSError(errno.ENOTSUP, "--workers and --reload need SO_REUSEPORT, which this system lacks")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, chosen))
        yield chosen


def _arguments(options: ServeOptions, port: int) -> list[str]:
    """What a worker is started with: the same, but for what the supervisor does itself."""
    keys = [argument for key in options.identity_keys for argument in ("--identity-key", key)]
    place = ["--host", options.host, "--port", str(port), "--grace", str(options.grace), "--loop", options.loop]
    guard = ["--guard", options.guard] if options.guard else []
    details = ["--error-details", options.error_details] if options.error_details else []
    around = [argument for each in options.interceptors for argument in ("--interceptor", each)]
    payloads = ["--payloads", options.payloads] if options.payloads else []
    protocol = ["--max-protocol-version", str(options.max_protocol_version)] if options.max_protocol_version else []
    reload = ["--reload"] if options.reload else []
    log = [*log_arguments(options.log), "--blocked-after", str(options.blocked_after)]
    return [*options.targets, *place, *keys, *guard, *details, *around, *payloads, *protocol, *reload, *log]


@contextmanager
def _page_port(page: PageOptions | None) -> Iterator[int | None]:
    """The same for the page, if it has a port of its own."""
    if page is None or page.port is None:
        yield None
        return
    with ExitStack() as held:
        with plain_errors(page.host, page.port, option="--docs-port"):
            port = held.enter_context(_reserved_port(page.host, page.port))
        yield port


def _page_arguments(page: PageOptions | None, port: int | None) -> list[str]:
    if page is None:
        return []
    own = [] if port is None else ["--docs-host", page.host, "--docs-port", str(port)]
    allowed = [argument for host in page.allowed_hosts for argument in ("--docs-allow", host)]
    return ["--docs", "--ingress", page.ingress_url, "--admin", page.admin_url, *own, *allowed]
