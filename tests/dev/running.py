"""``restate-reflect dev`` as a process on a project in a temporary folder."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import ROOT, Answer, fetch

__all__ = ["DEADLINE", "Dev", "dev"]

DEADLINE = 60.0
"""Seconds; on a busy machine a start takes ten times as long as on a quiet one."""


class Dev:
    """The process and what it printed."""

    def __init__(self, process: subprocess.Popen[str], deadline: float = DEADLINE) -> None:
        self.process, self._deadline = process, deadline
        self.lines: list[str] = []
        """Those that ``wait_for`` has passed."""
        self.ingress = self.admin = self.docs = ""
        self._news: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._news.put(line)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The next line that matches."""
        deadline = time.monotonic() + self._deadline
        while True:
            try:
                line = self._news.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError(f"no line like {pattern!r} in:\n{''.join(self.lines)}") from None
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found

    def begin(self) -> None:
        """Waits for the addresses and the first revision."""
        found = self.wait_for(r"ingress (http://\S+), admin (http://\S+?)(?:, docs (http://\S+))?$")
        self.ingress, self.admin, self.docs = found[1], found[2], found[3] or ""
        self.wait_for("revision 1 serves")

    def shown(self) -> str:
        """Everything that it has printed so far."""
        while not self._news.empty():
            self.lines.append(self._news.get())
        return self.text

    @property
    def text(self) -> str:
        """Everything that was waited past."""
        return "".join(self.lines)

    def end(self) -> str:
        """Ctrl-C, unless it has ended already; everything it printed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(self._deadline)
        self._reader.join(self._deadline)
        while not self._news.empty():
            self.lines.append(self._news.get())
        return self.text

    def ask(self, path: str, body: Any = None) -> Answer:
        """A request to the ingress; without a body if it is ``None``."""
        url = f"{self.ingress}/{path}"
        return fetch(url, timeout=DEADLINE) if body is None else fetch(url, body, timeout=DEADLINE)

    def post(self, path: str, body: Any = None) -> Any:
        """The decoded answer to a request that succeeds."""
        answer = self.ask(path, body)
        assert answer.status < 300, answer.body
        return answer.json

    def attach(self, workflow: str) -> Any:
        """The result of ``Workflow/key``."""
        answer = fetch(f"{self.ingress}/restate/workflow/{workflow}/attach", method="GET", timeout=DEADLINE)
        assert answer.status == 200, answer.body
        return answer.json

    def children(self) -> list[int]:
        """Process ids of those that run the user's code."""
        shown = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
        ).stdout
        rows = [line.split(None, 2) for line in shown.splitlines()]
        return [
            int(row[0]) for row in rows if int(row[1]) == self.process.pid and "restate_reflect.dev.worker" in row[-1]
        ]

    def kill(self) -> None:
        """As a crash of the machine: all of its processes at once, without warning."""
        for pid in [self.process.pid, *self.children()]:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(DEADLINE)


@contextmanager
def dev(folder: Path, *options: str, target: str = "shop.py", begin: bool = True) -> Iterator[Dev]:
    """Runs ``dev shop.py`` in the folder; ends it by Ctrl-C."""
    command = [sys.executable, "-m", "restate_reflect", "dev", target, "--ingress-port", "0", "--admin-port", "0"]
    paths = [path for path in (os.environ.get("PYTHONPATH"), str(ROOT)) if path]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    process = subprocess.Popen(
        [*command, "--docs-port", "0", *options],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    started = Dev(process)
    try:
        if begin:
            started.begin()
        yield started
    finally:
        started.end()
