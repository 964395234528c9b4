"""``dev`` and ``serve`` in a terminal of their own (a pty), typed into as somebody would."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.dev.running import DEADLINE
from tests.support import ROOT

__all__ = ["Terminal", "in_terminal"]


class Terminal:
    """A process that has a terminal, and what it shows."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self._master = master
        self._shown = b""
        self._at = 0
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65_536)
            except OSError:  # nobody has it open any more
                data = b""
            with self._news:
                self._shown += data
                self._news.notify_all()
            if not data:
                return

    @property
    def text(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown.decode(errors="replace"))

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The next text that matches, behind what was waited for before."""
        end = time.monotonic() + DEADLINE
        with self._news:
            while (found := re.compile(pattern).search(self.text, self._at)) is None:
                left = end - time.monotonic()
                assert left > 0, f"no {pattern!r} in:\n{self.text[self._at :]}"
                self._news.wait(left)
        self._at = found.end()
        return found

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

    def end(self) -> str:
        """Ctrl-C, unless it has ended already."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return self.text


@contextmanager
def in_terminal(folder: Path, *arguments: str) -> Iterator[Terminal]:
    """``restate-reflect ARGUMENTS`` in a session whose terminal is a new pty."""
    master, slave = pty.openpty()
    paths = [path for path in (os.environ.get("PYTHONPATH"), str(ROOT)) if path]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TERM": "xterm", "COLUMNS": "200"}
    command = [sys.executable, "-c", _WITH_TERMINAL, *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=environ, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    running = Terminal(process, master)
    try:
        yield running
    finally:
        running.end()
        os.close(master)


# The terminal becomes the controlling one of the new session, as a terminal emulator does it.
_WITH_TERMINAL = """
import fcntl, signal, sys, termios
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from restate_reflect.cli import main
sys.argv[0] = "restate-reflect"
main()
"""
