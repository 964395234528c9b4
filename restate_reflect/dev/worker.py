"""The process that runs the user's code for ``dev``: one for each revision.

``python -m restate_reflect.dev.worker JSON``, started by ``DevWorker`` only. What it has to tell goes to its
supervisor as JSON, one object a line: ``files``, ``ready`` (the port) with ``table``, ``broken`` (why the code does
not load), and the news of attempts.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import AbstractContextManager, AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from restate_reflect.durable.guards import Guard
from restate_reflect.errors import RestateReflectError
from restate_reflect.processes import debugger
from restate_reflect.processes.collector import put_off, resume
from restate_reflect.processes.control import Control, user_files
from restate_reflect.processes.exhaustion import tell_exhaustion_once
from restate_reflect.processes.lifeline import when_orphaned
from restate_reflect.processes.streams import tolerant_streams
from restate_reflect.processes.terminal import Desk, lent_terminal
from restate_reflect.targets.importing import import_anew_at_each_start, user_traceback
from restate_reflect.targets.target import Found, load_all

__all__ = ["main"]

BROKEN: Final = 2
"""Exit code for code that can't be served."""

BLOCKED: Final = 0.5
"""Seconds without an answer of the event loop after which it is told who blocks it."""

ORPHANED: Final = 1
"""Exit code of a worker whose supervisor is gone."""


@put_off()
@tolerant_streams()
def main() -> None:
    control = Control.from_environment()
    if control is None:
        raise SystemExit("this is a part of restate-reflect dev, which starts it")
    # First of all: an import may hang, too. Nobody would record what is done after the supervisor.
    when_orphaned(lambda: os._exit(ORPHANED))
    desk = lent_terminal()
    options: dict[str, Any] = json.loads(sys.argv[1])
    import_anew_at_each_start()
    try:
        # Before the loop starts: Ctrl-C can end an import that hangs.
        found = load_all(options["targets"])
        asyncio.run(_serve(found, options, control, desk))
    except Exception as error:
        control.tell({"files": user_files(error), "broken": _shown(error)})
        raise SystemExit(BROKEN) from None


def _shown(error: Exception) -> str:
    if isinstance(error, RestateReflectError):
        return f"{type(error).__name__}: {error}"
    return f"the service's own start-up failed:\n{user_traceback(error)}"


async def _serve(found: list[Found], options: dict[str, Any], control: Control, desk: Desk | None) -> None:
    from restate_reflect.dev.watching import watch
    from restate_reflect.durable.blocking import watching_for_blocks
    from restate_reflect.endpoint import CORE, listening
    from restate_reflect.manifest import patient
    from restate_reflect.targets.application import application, definitions_of
    from restate_reflect.targets.interceptors import load_interceptors
    from restate_reflect.targets.payloads import load_payloads
    from restate_reflect.targets.table import table

    tell_exhaustion_once(asyncio.get_running_loop())
    line = Line(control)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with AsyncExitStack() as running:
        tracing = [] if options["otlp"] is None else [running.enter_context(_tracing(options))]
        app = await application(
            found,
            interceptors=[*tracing, *load_interceptors(options["interceptors"])],
            payloads=load_payloads(options["payloads"]),
        )
        app[CORE].local_only = True
        if options["patient"]:
            app[CORE].described = partial(patient, debugged=debugger.is_debugged())
        if options["docs"]:
            _add_docs(app, options)
        listener = await running.enter_async_context(listening(app, host="127.0.0.1", port=options["port"]))
        await line.open()
        watch(app, Guard(options["guard"]), line.tell)
        line.tell({"files": user_files(), "ready": listener.port, "table": table(definitions_of(app))})
        resume()
        if desk is not None:
            attempts = app[CORE].environment.attempts
            watch_blocks = watching_for_blocks(
                BLOCKED, attempts, partial(_blocked, desk), on_debugging=partial(_debugging, desk)
            )
            running.enter_context(watch_blocks)
            _debugging(desk, False)
        watcher = asyncio.create_task(line.end_with_supervisor())
        await stop.wait()
        watcher.cancel()
        await listener.shutdown(options["grace"])


def _tracing(options: dict[str, Any]) -> AbstractContextManager[object]:
    from restate_reflect.telemetry.otlp import tracing_to

    return tracing_to(options["otlp"], Path(options["targets"][0].partition(":")[0]).stem)


def _blocked(desk: Desk, sentence: str) -> None:
    desk.tell({"blocked": sentence})


def _debugging(desk: Desk, is_debugged: bool) -> None:
    desk.tell({"debugged": is_debugged or debugger.is_debugged()})


def _add_docs(app: Any, options: dict[str, Any]) -> None:
    from restate_reflect.page import add_docs

    add_docs(app, ingress_url=options["ingress"], admin_url=options["admin"])


class Line:
    """To the supervisor, without blocking: there may be much to tell."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(sock=self._control._line)

    def tell(self, news: dict[str, Any]) -> None:
        self._writer.write(json.dumps(news, ensure_ascii=False).encode(errors="backslashreplace") + b"\n")

    async def end_with_supervisor(self) -> None:
        """As ``when_orphaned`` does, without waiting for its next look."""
        try:
            await self._reader.read()
        except OSError:
            pass  # the line broke while something was being told
        os._exit(ORPHANED)


if __name__ == "__main__":
    main()
