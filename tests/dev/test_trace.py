"""Tracebacks as ``dev`` and ``journal`` show them: the user's frames whole, those of libraries folded."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from restate_reflect.dev.trace import shown
from restate_reflect.frames import folded, split, user_frames


def parse(text: str) -> Any:
    return json.loads(text)


def order(text: str) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        raise RuntimeError("bad order") from error


def deep(number: int) -> int:
    return deep(number - 1) if number else 1 // number


async def group() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(asyncio.sleep(0))
        tasks.create_task(failing())


async def failing() -> None:
    parse("{")


def trace_of(call: Callable[[], Any]) -> str:
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - whatever it is
        call()
    return "".join(traceback.format_exception(raised.value))


def test_frames_of_the_user_are_whole_and_others_folded() -> None:
    """With their code and marks, and with the chain of causes."""
    trace = trace_of(lambda: order("{"))
    found = folded(trace)
    assert "json.loads(text)" in found
    assert "… 3 frames in json" in found
    assert "The above exception was the direct cause of the following exception:" in found
    assert found.count("Traceback (most recent call last):") == 2
    assert found.endswith("RuntimeError: bad order")
    assert "raw_decode" in trace
    assert "raw_decode" not in found
    assert [name for _, _, name, _ in user_frames(trace)][-2:] == ["<lambda>", "order"]


def test_groups_keep_their_shape() -> None:
    """Each line of a group stays in its margin."""
    found = folded(trace_of(lambda: asyncio.run(group())))
    assert "    |     parse(" in found
    assert "    |   … 3 frames in json" in found
    assert "ExceptionGroup: unhandled errors in a TaskGroup" in found


def test_repeated_frames_stay_the_users() -> None:
    assert "[Previous line repeated" in folded(trace_of(lambda: deep(20)))


def test_one_frame_without_a_cause_is_one_line() -> None:
    trace = 'Traceback (most recent call last):\n  File "/app/shop.py", line 3, in go\n    raise X\nX: y\n'
    assert shown(trace, full=False) == "at /app/shop.py:3 in go: raise X"
    assert shown(trace, full=True) == trace.rstrip()
    assert "… 3 frames in json" in shown(trace_of(lambda: order("{")), full=False)
    assert "raw_decode" in shown(trace_of(lambda: order("{")), full=True)


@pytest.mark.parametrize("begin", ["Traceback (most recent", "  + Exception Group Traceback (most recent"])
def test_a_message_is_told_from_the_traceback_behind_it(begin: str) -> None:
    assert split(f"[500] KeyError: x\n{begin} call last):\n") == ("[500] KeyError: x", f"{begin} call last):\n")
    assert split("Traceback is a word") == ("Traceback is a word", "")


@pytest.mark.parametrize(
    "file, name",
    [
        ("/srv/venv/lib/python3.12/site-packages/httpx/_client.py", "httpx"),
        ("C:\\app\\Lib\\site-packages\\httpx\\_client.py", "httpx"),
        ("/usr/lib/python3.13/asyncio/tasks.py", "asyncio"),
        ("restate_reflect/durable/attempt.py", "restate_reflect"),
    ],
)
def test_libraries_of_another_machine_are_folded(file: str, name: str) -> None:
    """A journal may come from anywhere."""
    trace = f'Traceback (most recent call last):\n  File "{file}", line 3, in go\n    x\nX: y'
    assert folded(trace) == f"Traceback (most recent call last):\n  … 1 frame in {name}\nX: y"
