"""A start that fails leaves what it has entered, whoever asked for it and however far it came."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.endpoint import endpoint, listening
from tests.support import ROOT

Served = Callable[..., tuple[Any, ...]]


class Diary:
    """A service that notes when it is entered and left."""

    def __init__(self, name: str, seen: list[str], *, fails: type[BaseException] | None = None) -> None:
        self._name, self._seen, self._fails = name, seen, fails

    async def __aenter__(self) -> Diary:
        self._seen.append(f"enter {self._name}")
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._seen.append(f"exit {self._name}")
        if self._fails is not None:
            raise self._fails("on leaving")


class First(Diary):
    async def ping(self, ctx: Context) -> int:
        return 1


class Second(Diary):
    async def ping(self, ctx: Context) -> int:
        return 2


class Failing:
    async def __aenter__(self) -> Failing:
        raise ConnectionError("no database")

    async def __aexit__(self, *failure: object) -> None: ...

    async def ping(self, ctx: Context) -> int:
        return 3


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as occupant:
        occupant.bind(("127.0.0.1", 0))
        occupant.listen()
        yield occupant.getsockname()[1]


def _as_services(*services: object) -> tuple[Any, ...]:
    return services


def _as_application(*services: object) -> tuple[Any, ...]:
    return (endpoint(*services),)


async def _try(*served: Any, port: int = 0) -> None:
    async with listening(*served, port=port):
        raise AssertionError("it started")


@pytest.mark.parametrize("served", [_as_services, _as_application])
def test_a_service_that_can_not_be_entered_lets_the_others_be_left(served: Served) -> None:
    """In reverse; what failed to be entered is not left."""
    seen: list[str] = []
    with pytest.raises(ConnectionError, match="no database"):
        asyncio.run(_try(*served(First("a", seen), Second("b", seen), Failing())))
    assert seen == ["enter a", "enter b", "exit b", "exit a"]


@pytest.mark.parametrize("served", [_as_services, _as_application])
def test_a_port_in_use_lets_services_be_left(served: Served, taken: int) -> None:
    seen: list[str] = []
    with pytest.raises(OSError, match="address already in use"):
        asyncio.run(_try(*served(First("a", seen)), port=taken))
    assert seen == ["enter a", "exit a"]


def test_a_service_that_fails_to_be_left_does_not_hide_why_the_start_failed(taken: int) -> None:
    seen: list[str] = []
    with pytest.raises(OSError, match="address already in use"):
        asyncio.run(_try(First("a", seen), Second("b", seen, fails=ValueError), port=taken))
    assert seen == ["enter a", "enter b", "exit b", "exit a"]


def test_a_start_that_is_given_up_leaves_what_it_entered() -> None:
    """Cancelled while the second service is being entered."""

    class Slow(Second):
        async def __aenter__(self) -> Diary:
            entering.set()
            await asyncio.Event().wait()
            raise AssertionError

    async def give_up() -> None:
        starting = asyncio.ensure_future(_try(First("a", seen), Slow("b", seen)))
        await entering.wait()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    seen: list[str] = []
    entering = asyncio.Event()
    asyncio.run(give_up())
    assert seen == ["enter a", "exit a"]


SHOP = """
    import os
    from restate_reflect import Context

    class A:
        async def __aenter__(self) -> "A":
            print("entered", flush=True)
            return self

        async def __aexit__(self, *_: object) -> None:
            print("left", flush=True)

        async def hi(self, ctx: Context) -> None: ...

    class B:
        async def __aenter__(self) -> "B":
            if os.environ.get("RESTATE_REFLECT_WORKER") == "1":
                raise ConnectionError("no database")
            return self

        async def __aexit__(self, *_: object) -> None: ...
        async def hi(self, ctx: Context) -> None: ...
"""


def _run(folder: Path, *arguments: str) -> str:
    """Everything that a command prints which does not start."""
    (folder / "shop.py").write_text(dedent(SHOP))
    done = subprocess.run(
        [sys.executable, "-m", "restate_reflect", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout


def test_serve_leaves_its_services_when_the_port_is_in_use(tmp_path: Path, taken: int) -> None:
    shown = _run(tmp_path, "serve", "shop.py", "--port", str(taken))
    assert shown.count("entered") == shown.count("left") == 1, shown
    assert f"port {taken} of 127.0.0.1 is in use" in shown


def test_workers_leave_their_services_when_one_of_them_does_not_start(tmp_path: Path) -> None:
    """The others have entered theirs, and are asked to stop; killed, they would keep what they hold."""
    shown = _run(tmp_path, "serve", "shop.py", "--port", "0", "--workers", "2")
    assert shown.count("entered") == shown.count("left") >= 1, shown
    assert "no database" in shown
