"""The process of one revision, as ``dev`` sees it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from restate_reflect.processes.control import FD_VARIABLE, WORKER_VARIABLE
from restate_reflect.processes.terminal import Terminal
from restate_reflect.processes.worker import Worker

__all__ = ["Child"]

_LONGEST_LINE: Final = 1 << 24
"""Bytes of one message; a traceback alone may have 64 kB."""

News = Callable[[dict[str, Any]], None]


class Child(Worker):
    """Made by ``Child.begin``."""

    table = ""
    """The services as text, once it is ready."""
    broken: str | None = None
    """Why the code does not load."""
    on_news: News

    @classmethod
    async def begin(cls, options: Mapping[str, Any], on_news: News, terminal: Terminal) -> Self:
        """Starts the process; ``ready`` tells its port, or raises once ``broken`` tells why there is none."""
        ours, theirs = socket.socketpair()
        environ = {
            **os.environ,
            FD_VARIABLE: str(theirs.fileno()),
            WORKER_VARIABLE: "0",
            # What handlers print stands between their steps.
            "PYTHONUNBUFFERED": "1",
        }
        with theirs, terminal.line() as (more, descriptor):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "restate_reflect.dev.worker", json.dumps(dict(options)),
                stdin=subprocess.DEVNULL, env=environ | more, pass_fds=[theirs.fileno(), descriptor],
                # A group of its own: Ctrl-C then reaches dev alone, which ends it when its turn comes.
                process_group=0,
            )  # fmt: skip
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
        child = cls(0, process, reader, writer)
        child.on_news = on_news
        return child

    async def _listen(self, line: asyncio.StreamReader) -> None:
        try:
            async for raw in line:
                self._heard(json.loads(raw))
        except ConnectionError:
            pass  # it has ended

    def _heard(self, message: dict[str, Any]) -> None:
        self.files.update(message.pop("files", ()))
        if "ready" in message:
            self.table = message["table"]
            self._ready.set_result(message["ready"])
        elif "broken" in message:
            self.broken = message["broken"]
        elif message:
            self.on_news(message)
