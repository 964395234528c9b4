"""A real MCP server in a process, and what it was asked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.realserver.waiting import eventually
from tests.support import ROOT, lasting_port

__all__ = ["Weather", "weather"]

_PROGRAM = str(ROOT / "tests" / "agents" / "mcp_program.py")


@dataclass
class Weather:
    """How to reach the server: ``command``, ``args`` and ``env`` over stdio, or ``url``."""

    log: Path
    port: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    command = sys.executable

    @property
    def args(self) -> list[str]:
        return [_PROGRAM, "stdio"]

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "MCP_LOG": str(self.log)}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def asked(self) -> Counter[str]:
        """``list``, and ``forecast CITY``."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return Counter(line for line in lines if line != "start")

    def starts(self) -> int:
        return self.log.read_text().splitlines().count("start")

    def start(self) -> None:
        self.port = self.port or lasting_port()
        arguments = [self.command, _PROGRAM, "streamable-http", str(self.port)]
        self.processes.append(subprocess.Popen(arguments, env=self.env))
        eventually(self._listens, timeout=60)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.processes.clear()

    def restarted_once_gone(self) -> None:
        """Waits until a ``forecast gone`` has ended the process."""
        self.processes.pop().wait(60)
        self.start()

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


@contextmanager
def weather(folder: Path, transport: str) -> Iterator[Weather]:
    """Over stdio it is started by whoever connects."""
    server = Weather(folder / "asked")
    try:
        if transport == "http":
            server.start()
        yield server
    finally:
        server.stop()
