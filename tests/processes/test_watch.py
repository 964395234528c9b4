"""Noticing changed files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from restate_reflect.processes.watch import Watch


def touch(file: Path) -> None:
    os.utime(file, ns=(1, 1))


def rewrite(file: Path) -> None:
    """As editors do: another file takes the name."""
    other = file.with_suffix(".new")
    other.write_text("x = 1")
    other.rename(file)


@pytest.mark.parametrize("change", [touch, rewrite, Path.unlink])
def test_a_change_is_noticed_once(change: Callable[[Path], object], tmp_path: Path) -> None:
    """The new look is known afterwards: a second wait does not return for it."""
    file, other = tmp_path / "a.py", tmp_path / "b.py"
    file.write_text("x = 1")
    other.write_text("y = 1")

    async def scenario() -> None:
        watch = Watch([str(file), str(other)])
        change(file)
        assert await asyncio.wait_for(watch.changed(), 10) == [str(file)]
        touch(other)
        assert await asyncio.wait_for(watch.changed(), 10) == [str(other)]

    asyncio.run(scenario())


def test_a_file_that_appears_is_a_change(tmp_path: Path) -> None:
    """A failed import may have named a file that was gone at that moment."""
    file = tmp_path / "late.py"

    async def scenario() -> None:
        watch = Watch([str(file)])
        waiting = asyncio.create_task(watch.changed())
        await asyncio.sleep(0)
        file.write_text("")
        assert await asyncio.wait_for(waiting, 10) == [str(file)]

    asyncio.run(scenario())


def test_adding_a_known_file_keeps_its_look(tmp_path: Path) -> None:
    """A change between two additions is not lost."""
    file = tmp_path / "a.py"
    file.write_text("x = 1")

    async def scenario() -> None:
        watch = Watch([str(file)])
        touch(file)
        watch.add([str(file)])
        assert await asyncio.wait_for(watch.changed(), 10) == [str(file)]

    asyncio.run(scenario())
