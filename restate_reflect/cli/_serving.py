"""Serves in this process: alone, or as a worker of a supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click

from restate_reflect.cli._control import WORKER_VARIABLE, Control, user_files
from restate_reflect.cli._stopping import stop_on_signals
from restate_reflect.cli._targets import Found

__all__ = ["ServeOptions", "serve", "url_of"]

OnReady = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What ``serve`` was asked for; ``grace`` is seconds."""

    targets: tuple[str, ...]
    host: str
    port: int
    identity_keys: tuple[str, ...]
    grace: float
    workers: int
    reload: bool
    loop: str


def url_of(host: str, port: int) -> str:
    """The URL under which this machine reaches the endpoint."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)
    return f"http://{f'[{reachable}]' if ':' in reachable and '[' not in reachable else reachable}:{port}"


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
    from restate_reflect.cli._application import application, definitions_of
    from restate_reflect.cli._table import table

    app = await application(found, options.identity_keys)
    if os.environ.get(WORKER_VARIABLE, "0") == "0":
        click.echo(table(definitions_of(app)))
    return app


async def _listen(
    app: Any, options: ServeOptions, on_ready: OnReady, control: Control | None, stop: asyncio.Event
) -> None:
    from restate_reflect.endpoint import listening

    async with listening(app, host=options.host, port=options.port, reuse_port=control is not None) as listener:
        if control is None:
            click.echo(f"listening on http://{options.host}:{listener.port}")
        else:
            control.tell({"files": user_files(), "ready": listener.port})
        watcher = asyncio.create_task(_stop_with_supervisor(control)) if control else None
        try:
            await on_ready(url_of(options.host, listener.port))
            await stop.wait()
        finally:
            if watcher:
                watcher.cancel()
        await listener.shutdown(options.grace)


async def _stop_with_supervisor(control: Control) -> None:
    await control.supervisor_gone()
    os.kill(os.getpid(), signal.SIGTERM)
