"""The running loop of a thread, read and set where asyncio keeps it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from restate_reflect.durable import running
from restate_reflect.durable.locations import IS_INTERPRETED
from restate_reflect.durable.running import exchange, running_loop

LOOP: Any = object()
OTHER: Any = object()


def test_a_running_loop_is_found() -> None:
    async def main() -> None:
        assert running_loop() is asyncio.get_running_loop()

    asyncio.run(main())
    assert running_loop() is None


def test_asyncio_sees_what_is_set() -> None:
    async def main() -> None:
        outer = asyncio.get_running_loop()
        assert exchange(LOOP) is outer
        assert asyncio._get_running_loop() is LOOP is running_loop()
        assert exchange(OTHER) is LOOP
        assert asyncio._get_running_loop() is OTHER
        assert exchange(outer) is OTHER
        assert asyncio.get_running_loop() is outer

    asyncio.run(main())


def test_without_a_loop() -> None:
    for _ in range(2):
        assert exchange(LOOP) is None
        assert asyncio._get_running_loop() is LOOP
        assert exchange(None) is LOOP
        assert asyncio._get_running_loop() is None is running_loop()


def test_what_asyncio_sets_meanwhile_is_found() -> None:
    async def main() -> None:
        outer = exchange(LOOP)
        asyncio._set_running_loop(OTHER)
        assert exchange(LOOP) is OTHER
        asyncio._set_running_loop(None)
        assert exchange(outer) is None
        assert asyncio.get_running_loop() is outer

    asyncio.run(main())


def test_a_loop_is_let_go() -> None:
    class Loop:
        pass

    async def main() -> None:
        loop: Any = Loop()
        before = sys.getrefcount(loop)
        for _ in range(3):
            outer = exchange(loop)
            running_loop()
            exchange(outer)
        assert sys.getrefcount(loop) == before

    asyncio.run(main())


def test_another_thread_has_its_own() -> None:
    found: list[Any] = []

    def look() -> None:
        found.extend([running_loop(), exchange(OTHER), asyncio._get_running_loop(), exchange(None)])

    async def main() -> None:
        outer = exchange(LOOP)
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert exchange(outer) is LOOP

    asyncio.run(main())
    assert found == [None, None, OTHER, OTHER]


FORK = """
import asyncio, os
from restate_reflect.durable.running import exchange, running_loop

async def here():
    loop = asyncio.get_running_loop()
    assert running_loop() is loop
    assert exchange(loop) is loop

async def main():
    outer = exchange(object())
    if child := os.fork():
        exchange(outer)
        assert running_loop() is outer
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        assert running_loop() is None, running_loop()
        asyncio.run(here())
        assert running_loop() is None
    except BaseException:
        os._exit(1)
    os._exit(42)

print(asyncio.run(main()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_child_has_none_until_it_runs_one() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60)
    assert done.stdout == "42\n", done.stderr


@pytest.mark.skipif(
    IS_INTERPRETED or sys.version_info >= (3, 12) or sys.platform == "win32",
    reason="only compiled code of 3.11 reads the loop where asyncio keeps it",
)
def test_asyncio_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would ask the operating system."""

    def refuse(*_: Any) -> None:
        raise AssertionError("asyncio was asked")

    async def main() -> None:
        outer = asyncio.get_running_loop()
        with monkeypatch.context() as patch:
            patch.setattr(running, "_get_running_loop", refuse)
            patch.setattr(running, "_set_running_loop", refuse)
            assert running_loop() is outer
            assert exchange(LOOP) is outer
            assert exchange(outer) is LOOP

    asyncio.run(main())
