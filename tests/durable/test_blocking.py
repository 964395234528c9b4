"""A handler that blocks the event loop is told while it does, with the line where it stands."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.durable.blocking import BlockedLoopWarning, watching_for_blocks
from restate_reflect.testing import TestEnvironment

DEADLINE = 60.0


class Blocking:
    """Blocks until the test has been told, or for ever."""

    def __init__(self) -> None:
        self.told = threading.Event()

    async def sleep(self, ctx: Context) -> int:
        self._wait()
        return 3

    def _wait(self) -> None:
        assert self.told.wait(DEADLINE), "nothing was told"

    async def loop(self, ctx: Context) -> int:
        for _ in range(10**9):
            if self.told.is_set():
                return 3
        raise AssertionError("nothing was told")

    async def fine(self, ctx: Context) -> int:
        await asyncio.sleep(3600)
        return await ctx.run("wait", self._shortly)

    def _shortly(self) -> int:
        time.sleep(1)  # in a thread
        return 3


def blocked(method: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    service = Blocking()
    said: list[str] = []

    def told(sentence: str, *_: object) -> None:
        said.append(sentence)
        service.told.set()

    monkeypatch.setattr("restate_reflect.testing._blocks.logger.warning", lambda _, sentence: told(sentence))

    async def call() -> None:
        async with TestEnvironment(service) as env:
            assert await env.call(method) == 3

    with pytest.warns(BlockedLoopWarning, match="blocks the event loop"):
        asyncio.run(call())
    return said[0]


def test_a_handler_that_sleeps_is_told_while_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its own line, whatever library it sleeps in."""
    found = blocked(Blocking.sleep, monkeypatch)
    assert found.startswith("the handler Blocking/sleep blocks the event loop for ")
    assert "test_blocking.py:" in found
    assert "in Blocking._wait: assert self.told.wait(DEADLINE)" in found
    assert "await ctx.run(" in found


def test_a_busy_loop_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Blocking/loop blocks the event loop" in blocked(Blocking.loop, monkeypatch)


def test_waiting_and_plain_steps_block_nothing() -> None:
    """No warning, which would be an error here."""

    async def call() -> None:
        async with TestEnvironment(Blocking) as env:
            assert await env.call(Blocking.fine) == 3

    asyncio.run(call())


def test_a_debugger_takes_its_time() -> None:
    """Whoever stands at a breakpoint knows that nothing goes on."""
    said: list[str] = []
    names: dict[str, Any] = {}
    # As a debugger: a frame of a file of that name.
    exec(compile("import time\ndef interaction(): time.sleep(1)\n", "/usr/lib/python3.11/bdb.py", "exec"), names)

    async def main() -> None:
        with watching_for_blocks(0.1, (), said.append):
            names["interaction"]()
            time.sleep(0)

    asyncio.run(main())
    assert said == []
