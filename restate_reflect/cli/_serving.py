"""Serves in this process: alone, or as a worker of a supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from restate_reflect.cli._logs import LogOptions
from restate_reflect.cli._page import PageOptions, add_page, page_beside
from restate_reflect.cli._terminal import say
from restate_reflect.processes.collector import relieve
from restate_reflect.processes.control import WORKER_VARIABLE, Control, user_files
from restate_reflect.processes.debugger import is_debugged
from restate_reflect.processes.stopping import stop_on_signals
from restate_reflect.processes.worker import SLACK
from restate_reflect.targets.target import Found

if TYPE_CHECKING:
    from restate_reflect.endpoint import Core

__all__ = ["ServeOptions", "places", "serve", "stop_orphan", "url_of"]

_LONGEST: Final = 86_400.0
"""Seconds; a longer grace period is none that an orphan gets."""

OnReady = Callable[[str], Awaitable[None]]


class ServeOptions(NamedTuple):
    """What ``serve`` was asked for; ``grace`` is seconds."""

    targets: tuple[str, ...]
    host: str
    port: int
    identity_keys: tuple[str, ...]
    grace: float
    workers: int
    reload: bool
    loop: str
    guard: str | None
    error_details: str | None
    interceptors: tuple[str, ...]
    payloads: str | None
    max_protocol_version: int | None
    page: PageOptions | None
    log: LogOptions = LogOptions()
    blocked_after: float = 1.0
    """Seconds; 0 for never."""
    folders: tuple[str, ...] = ()
    """Whose files are watched, too."""


def url_of(host: str, port: int) -> str:
    """The URL under which this machine reaches the endpoint."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)
    return f"http://{f'[{reachable}]' if ':' in reachable and '[' not in reachable else reachable}:{port}"


def places(options: ServeOptions, port: int, docs_port: int | None) -> list[str]:
    """Lines that tell where the endpoint listens, and where its page is."""
    lines = [f"listening on http://{options.host}:{port}"]
    if options.page is not None:
        url = url_of(options.host, port) if docs_port is None else url_of(options.page.host, docs_port)
        lines.append(f"page: {url}/docs/")
    return lines


async def serve(
    found: Sequence[Found], options: ServeOptions, on_ready: OnReady, control: Control | None = None
) -> None:
    """Serves until SIGINT or SIGTERM, or until the supervisor is gone.

    Raises:
        TargetError, ReflectionError: there is nothing to serve, or it can't be served.
        OSError: the port can't be had.
    """
    with stop_on_signals() as stop:
        app = await _application(found, options)
        await _listen(app, options, on_ready, control, stop)


async def _application(found: Sequence[Found], options: ServeOptions) -> Any:
    from restate_reflect.targets.application import application, definitions_of, servable
    from restate_reflect.targets.interceptors import load_interceptors
    from restate_reflect.targets.payloads import load_payloads
    from restate_reflect.targets.table import table

    with_page = options.page is not None and options.page.port is None
    make = application if with_page else servable
    app = await make(
        found,
        options.identity_keys,
        guard=options.guard,
        error_details=options.error_details,
        interceptors=load_interceptors(options.interceptors),
        payloads=load_payloads(options.payloads),
        max_protocol_version=options.max_protocol_version,
    )
    if options.page is not None and with_page:
        add_page(app, options.page)
    if os.environ.get(WORKER_VARIABLE, "0") == "0":
        say(table(definitions_of(app)))
    return app


async def _listen(
    app: Any, options: ServeOptions, on_ready: OnReady, control: Control | None, stop: asyncio.Event
) -> None:
    from restate_reflect.endpoint import listening

    reuse_port = control is not None
    async with (
        page_beside(app, options.page, reuse_port=reuse_port) as docs_port,
        listening(app, host=options.host, port=options.port, reuse_port=reuse_port) as listener,
    ):
        if control is None:
            say("\n".join(places(options, listener.port, docs_port)))
        else:
            control.tell({"files": user_files(), "ready": listener.port})
        relieve(asyncio.get_running_loop())
        with _observed(app, options):
            await on_ready(url_of(options.host, listener.port))
            await stop.wait()
            await listener.shutdown(options.grace)


@contextmanager
def _observed(app: Any, options: ServeOptions) -> Iterator[None]:
    """Logs requests if that is asked for, and whatever blocks the event loop; patient with who debugs."""
    from restate_reflect.endpoint.records import log_access, log_answer, logging_blocks
    from restate_reflect.manifest import patient

    core = _core(app)
    if options.reload or is_debugged():
        core.described = partial(patient, debugged=is_debugged())
    if options.log.access:
        core.environment.wrap_sink, core.on_answer = log_access, log_answer
    with logging_blocks(core.environment, options.blocked_after):
        yield


def _core(app: Any) -> Core:
    """Without aiohttp, which takes 13 MiB and 0.2 s, as long as nothing that is served needs it."""
    from restate_reflect.endpoint import Core

    if isinstance(app, Core):
        return app
    from restate_reflect.endpoint import CORE

    core: Core = app[CORE]
    return core


def stop_orphan(grace: float) -> None:
    """In a thread of a worker whose supervisor is gone: asks for a graceful end, and ends what does not come to it."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(min(grace, _LONGEST) + SLACK)
    os._exit(1)
