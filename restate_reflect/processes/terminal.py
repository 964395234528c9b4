"""The terminal, lent to the worker that asks for it: ``breakpoint()``, ``pdb.set_trace()`` and ``input()`` then work.

Workers have process groups of their own, so none of them may read from the terminal. Their standard input is an object
that asks the supervisor for a line, over a socket that works while the worker's event loop stands still.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import click

__all__ = ["Desk", "Terminal", "lent_terminal", "pass_over_breakpoints"]

_FD: Final = "RESTATE_REFLECT_TERMINAL_FD"
_IS_THERE: Final = "RESTATE_REFLECT_TERMINAL"
_LINGERS: Final = 0.3
"""Seconds after a line in which a debugger mostly asks for the next one."""
_STDIN: Final = 0
NO_TERMINAL: Final = (
    "there is no terminal to debug in, so it goes on. Run this in a terminal, or attach a debugger:"
    " python -m debugpy --listen 5678 -m restate_reflect dev …"
)


def _nothing(held: bool) -> None:
    """Nothing else is printed there."""


class Terminal:
    """The supervisor's side."""

    def __init__(
        self, hold: Callable[[bool], object] = _nothing, on_news: Callable[[dict[str, Any]], object] | None = None
    ) -> None:
        """Args:
        hold: Told when other output should wait, and when it may come.
        on_news: Given whatever else workers say here.
        """
        self._hold, self._on_news = hold, on_news
        self._turn = asyncio.Lock()
        self._typed = b""
        self._line: asyncio.Future[None] | None = None
        self._release: asyncio.TimerHandle | None = None
        self._closed = False
        self._debugged: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_lent(self) -> bool:
        """Whether somebody stands in a debugger."""
        return self._line is not None or self._release is not None or bool(self._debugged)

    @contextmanager
    def line(self) -> Generator[tuple[dict[str, str], int]]:
        """For a worker that is about to start: its environment variables, and a descriptor that it inherits."""
        ours, theirs = socket.socketpair()
        environ = {_FD: str(theirs.fileno()), _IS_THERE: "1" if _has_terminal() else "0"}
        with theirs:
            yield environ, theirs.fileno()
        task = asyncio.create_task(self._serve(ours))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, one: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=one)
        try:
            async for raw in reader:
                message = json.loads(raw)
                if "line" in message:
                    async with self._turn:
                        typed = await self._read()
                    writer.write(json.dumps(typed).encode() + b"\n")
                elif "debugged" in message:
                    (self._debugged.add if message["debugged"] else self._debugged.discard)(id(one))
                elif self._on_news is not None:
                    self._on_news(message)
        except ConnectionError:
            pass  # the worker is gone
        finally:
            self._debugged.discard(id(one))
            writer.close()

    async def _read(self) -> str:
        """One line with its end; empty at the end of the input."""
        self._lend()
        while b"\n" not in self._typed and not self._closed:
            self._line = asyncio.get_running_loop().create_future()
            try:
                await self._line
            finally:
                self._line = None
        self._give_back()
        line, end, self._typed = self._typed.partition(b"\n")
        return (line + end).decode(errors="replace")

    def _lend(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None
        self._hold(True)
        asyncio.get_running_loop().add_reader(_STDIN, self._readable)

    def _give_back(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(_STDIN)
        self._release = loop.call_later(_LINGERS, self._released)

    def _released(self) -> None:
        self._release = None
        self._hold(False)

    def _readable(self) -> None:
        try:
            typed = os.read(_STDIN, 65_536)
        except OSError:
            typed = b""
        self._typed += typed
        self._closed = self._closed or not typed
        self._wake()

    def _wake(self) -> None:
        if self._line is not None and not self._line.done():
            self._line.set_result(None)

    def close(self) -> None:
        """From now on input has ended: who stands in a debugger is let go."""
        self._closed = True
        self._wake()


def _has_terminal() -> bool:
    """And this process may read from it."""
    try:
        return os.isatty(_STDIN) and os.tcgetpgrp(_STDIN) == os.getpgrp()
    except (OSError, AttributeError):  # no terminal, or no process groups (Windows)
        return False


class Desk:
    """The worker's side. Any thread may use it, while the event loop stands still, too."""

    def __init__(self, line: socket.socket) -> None:
        self._socket = line
        self._lines = line.makefile("r", encoding="utf-8")
        self._writing, self._asking = threading.Lock(), threading.Lock()

    def tell(self, message: dict[str, Any]) -> None:
        """Something for the supervisor; nothing happens if it is gone."""
        try:
            with self._writing:
                self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass

    def ask(self) -> str:
        """A line from the terminal; empty at its end."""
        sys.stdout.flush()
        with self._asking:
            self.tell({"line": True})
            answer = self._lines.readline()
        return str(json.loads(answer)) if answer else ""


class _Lent(io.TextIOBase):
    """Standard input."""

    encoding = "utf-8"

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def readable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        return self._desk.ask()

    def read(self, size: int | None = -1, /) -> str:
        return "".join(iter(self._desk.ask, ""))


def lent_terminal() -> Desk | None:
    """In a worker: its standard input becomes the supervisor's terminal, if there is one.

    Where there is none, ``breakpoint()`` says so and goes on: a debugger would end at once, with the handler.
    """
    number, is_there = os.environ.pop(_FD, None), os.environ.pop(_IS_THERE, "0")
    if number is None:
        return None
    desk = Desk(socket.socket(fileno=int(number)))
    if is_there == "1":
        sys.stdin = _Lent(desk)
    else:
        pass_over_breakpoints()
    return desk


def pass_over_breakpoints() -> None:
    """Without a terminal ``breakpoint()`` says so and goes on; a debugger that somebody has put there stays."""
    if "PYTHONBREAKPOINT" not in os.environ and sys.breakpointhook is sys.__breakpointhook__:
        sys.breakpointhook = _no_terminal


def _no_terminal(*args: object, **kwargs: object) -> None:
    frame = sys._getframe(1)
    click.echo(f"breakpoint() at {frame.f_code.co_filename}:{frame.f_lineno}: {NO_TERMINAL}", err=True)
