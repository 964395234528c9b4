"""The commands in the examples' docstrings work, and print what they say."""

from __future__ import annotations

import importlib
import itertools
import json
import shlex
from pathlib import Path
from typing import Protocol

import pytest

from tests.conftest import ServeProcess, ServerMaker
from tests.realserver.waiting import eventually
from tests.support import ROOT, Answer, fetch

EXAMPLES = sorted(path.stem for path in Path(ROOT, "examples").glob("*.py") if path.stem != "__init__")


def commands(module: str) -> list[str]:
    """The curl lines, without those that need something from an earlier answer."""
    lines = (importlib.import_module(module).__doc__ or "").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("curl ") and "<" not in line]


class HasIngress(Protocol):
    """A restate-server, or ``restate-reflect dev``."""

    @property
    def ingress_url(self) -> str: ...


def run(server: HasIngress, command: str) -> Answer:
    """Does what curl would do."""
    words = shlex.split(command.partition("  #")[0])
    url = next(word for word in words if word.startswith("localhost:8080"))
    url = url.replace("localhost:8080", server.ingress_url)
    if "--json" in words:
        given = [after for word, after in itertools.pairwise(words) if word == "-H"]
        headers = dict(each.split(": ", 1) for each in given)
        return fetch(url, json.loads(words[words.index("--json") + 1]), headers=headers)
    return fetch(url, method="POST" if "POST" in words else "GET")


def fits(answer: Answer, comment: str) -> bool:
    """A comment is a status with an explanation, or begins with the JSON that is answered."""
    word, colon, _ = comment.strip().partition(":")
    if colon and len(word) == 3 and word.isdecimal():
        return answer.status == int(word)
    return answer.status in (200, 202) and (not word or answer.json == json.loads(word))


def check(server: HasIngress, command: str) -> None:
    """Runs a command and compares; one that asks for a status may have to wait for what a send has begun."""
    comment = command.partition("  #")[2]
    if "/status" in command.lower():
        eventually(lambda: fits(run(server, command), comment))
        return
    answer = run(server, command)
    assert fits(answer, comment), f"{command} answers {answer.status} {answer.body!r}"


def test_all_examples_are_there() -> None:
    """One module for each kind of program that the documentation speaks of."""
    assert EXAMPLES == [
        "approval",
        "counter",
        "fan_out",
        "greeter",
        "interceptors",
        "payloads",
        "payment_saga",
        "repository",
        "signup",
        "tickets",
    ]


def test_the_commands_work_as_written(server_with: ServerMaker, serve_process: ServeProcess) -> None:
    """One ``serve`` of all the modules, then each line in order."""
    server = server_with()  # a fresh one: the examples speak of keys nobody has used
    serve_process(server, *(f"examples.{name}" for name in EXAMPLES))
    done = 0
    for name in EXAMPLES:
        for command in commands(f"examples.{name}"):
            if "/attach" not in command:
                check(server, command)
                done += 1
    assert done > 20


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_docstring_tells_how_to_serve_it(name: str) -> None:
    """The first command is the one that starts it."""
    text = importlib.import_module(f"examples.{name}").__doc__ or ""
    assert f"Try it::\n\n    restate-reflect serve examples.{name} --with-server\n    curl localhost:8080/" in text
