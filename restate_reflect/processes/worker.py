"""A worker process as its supervisor sees it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from restate_reflect.processes.control import FD_VARIABLE, WORKER_VARIABLE
from restate_reflect.processes.terminal import Terminal

__all__ = ["SLACK", "Worker", "WorkerEndedError"]

_OPTIONS = "RESTATE_REFLECT_SERVE_"
SLACK = 5.0
"""Seconds beyond the grace period before a worker that should have ended is killed."""


class WorkerEndedError(Exception):
    """A worker ended before it was ready; it has printed why."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class Worker:
    """A child that runs ``restate-reflect serve``. Made by ``Worker.start``."""

    def __init__(
        self, number: int, process: asyncio.subprocess.Process, line: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.number = number
        self.pid = process.pid
        self.files: set[str] = set()
        self._process = process
        self._writer = writer
        self._ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._listener = asyncio.create_task(self._listen(line))

    @classmethod
    async def start(cls, number: int, arguments: Sequence[str], terminal: Terminal) -> Worker:
        """Starts a child with these arguments after ``serve``."""
        ours, theirs = socket.socketpair()
        # Options by variable are the supervisor's: it hands on what workers need.
        own = {name: value for name, value in os.environ.items() if not name.startswith(_OPTIONS)}
        environ = {**own, FD_VARIABLE: str(theirs.fileno()), WORKER_VARIABLE: str(number)}
        with theirs, terminal.line() as (more, descriptor):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "restate_reflect", "serve", *arguments,
                stdin=subprocess.DEVNULL, env=environ | more, pass_fds=[theirs.fileno(), descriptor],
                # A group of its own: Ctrl-C then reaches the supervisor alone, who passes it on once.
                process_group=0,
            )  # fmt: skip
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(number, process, reader, writer)

    async def ready(self) -> int:
        """The port, once the worker listens. Raises ``WorkerEndedError`` if it never will."""
        either: list[asyncio.Future[Any]] = [self._ready, self._listener]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._ready.done():
            return self._ready.result()
        raise WorkerEndedError(await self.ended())

    async def ended(self) -> int:
        """The exit code; negative is minus the signal."""
        code = await self._process.wait()
        await asyncio.wait([self._listener])
        self._writer.close()
        return code

    async def stop(self, grace: float) -> None:
        """SIGTERM; SIGKILL when the grace period and 5 s are over."""
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.ended(), grace + SLACK)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)
        await self.ended()

    def _signal(self, number: int) -> None:
        if self._process.returncode is None:
            try:
                self._process.send_signal(number)
            except ProcessLookupError:
                pass  # ended, but not yet seen by the loop

    async def _listen(self, line: asyncio.StreamReader) -> None:
        while raw := await _readline(line):
            message = json.loads(raw)
            self.files.update(message.get("files", ()))
            if "ready" in message:
                self._ready.set_result(message["ready"])


async def _readline(line: asyncio.StreamReader) -> bytes:
    try:
        return await line.readline()
    except ConnectionError:
        return b""
