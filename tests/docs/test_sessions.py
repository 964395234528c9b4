"""Sessions that the documentation shows (``$ restate-reflect …`` in a text block) are what the commands print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from restate_reflect.server import RestateServer
from tests.conformance.driver import eventually
from tests.conftest import ServeProcess
from tests.docs.blocks import blocks
from tests.support import call, run_cli

PAGE = "docs/guides/replay.md"
SHOWN_ID = "inv_1dceKvwtEc2n5wKFLqTbJJY5R0E8Vo2cJb"
_TYPED = re.compile(r"\(Pdb\) (.+)\n")


class Shown(NamedTuple):
    """A command, what is typed into it, and what it prints."""

    command: str
    typed: str
    output: str


def sessions() -> list[Shown]:
    return [each for block in blocks(PAGE) if block.language == "text" for each in _session(block.text)]


def _session(text: str) -> Iterator[Shown]:
    for part in text.split("$ restate-reflect ")[1:]:
        command, _, output = part.partition("\n")
        typed = "".join(f"{each}\n" for each in _TYPED.findall(output))
        yield Shown(command, typed, _TYPED.sub("(Pdb) ", output).strip())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for block in blocks(PAGE):
        if block.title is not None:
            (tmp_path / block.title).write_text(block.text + "\n", encoding="utf-8")
    return tmp_path


def test_the_session_of_the_replay_guide(
    embedded_server: RestateServer, serve_process: ServeProcess, folder: Path
) -> None:
    """From the first command to the last, on an invocation that really waits."""
    serve_process(embedded_server, "orders.py", cwd=folder)
    answer = call(embedded_server, "Orders", "place", {"sku": "tea", "card": "4111-1111"}, send=True)
    invocation: str = answer.json["invocationId"]
    counted = f"SELECT count(*) AS n FROM sys_journal WHERE id = '{invocation}'"
    eventually(lambda: embedded_server.query(counted)[0]["n"] == 3)
    env = {"RESTATE_ADMIN_URL": embedded_server.admin_url}
    shown = sessions()
    assert len(shown) == 5
    for each in shown:
        words = each.command.replace(SHOWN_ID, invocation).split()
        done = run_cli(*words, cwd=folder, env=env, typed=each.typed)
        printed = (done.stdout + done.stderr).replace(invocation, SHOWN_ID).replace(f"{folder}/", "")
        assert printed.strip() == each.output, each.command
        assert done.returncode == (1 if "mismatch" in each.output else 0), each.command
