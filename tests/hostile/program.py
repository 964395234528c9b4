"""What is served to hostile peers. It counts its handlers and steps: none may be left behind."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from restate_reflect import Context

__all__ = ["GUEST", "Guest", "running", "wait_until"]

_changed = threading.Condition()
_running: Counter[str] = Counter()


@contextmanager
def counted(what: str) -> Iterator[None]:
    """Counts what has begun and not ended."""
    _add(what, 1)
    try:
        yield
    finally:
        _add(what, -1)


def _add(what: str, change: int) -> None:
    with _changed:
        _running[what] += change
        _changed.notify_all()


def running(what: str) -> int:
    """How many of them run, in this process."""
    with _changed:
        return _running[what]


def wait_until(what: str, count: int, timeout: float = 10.0) -> None:
    """Waits until exactly so many run."""
    with _changed:
        reached = _changed.wait_for(lambda: _running[what] == count, timeout)
        assert reached, f"after {timeout:g} s there are {_running[what]} of {what}, not {count}"


class Guest:
    """Waits, answers, works and yields much."""

    async def echo(self, ctx: Context, text: str) -> str:
        return text

    async def wait(self, ctx: Context, name: str) -> str:
        with counted("wait"):
            return name + await ctx.signal("go", str)

    async def step(self, ctx: Context, name: str) -> None:
        with counted("step"):
            await ctx.run("endless", self._endless)

    async def _endless(self) -> None:
        with counted("body"):
            await asyncio.Event().wait()

    async def quick(self, ctx: Context, name: str) -> str:
        return await ctx.run("quick", self._quick, name)

    async def _quick(self, name: str) -> str:
        return name

    async def big(self, ctx: Context, size: int) -> str:
        return "x" * size

    async def rss(self, ctx: Context) -> int:
        """MiB that this process holds in memory."""
        return resident(os.getpid()) >> 20

    def block(self, ctx: Context, seconds: float) -> None:
        """Keeps the loop from running, as a bug in user code would."""
        time.sleep(seconds)


def resident(pid: int) -> int:
    """Bytes of a process in memory."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


GUEST = "tests.hostile.program:Guest"
"""As the command line names it."""
