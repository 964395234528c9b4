"""Sessions that the documentation shows (``$ restate-reflect …`` in a text block) are what the commands print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from restate_reflect.server import RestateServer
from tests.conformance.driver import eventually
from tests.conftest import ServeProcess
from tests.docs.blocks import blocks
from tests.embedded.server import EmbeddedServer
from tests.support import call, run_cli

SHOWN_ID = "inv_1dceKvwtEc2n5wKFLqTbJJY5R0E8Vo2cJb"
_TYPED = re.compile(r"\(Pdb\) (.+)\n")


class Shown(NamedTuple):
    """A command, what is typed into it, and what it prints."""

    command: str
    typed: str
    output: str


def sessions(page: str) -> list[list[Shown]]:
    """Of each text block that has some."""
    found = [[*_session(block.text)] for block in blocks(page) if block.language == "text"]
    return [each for each in found if each]


def _session(text: str) -> Iterator[Shown]:
    for part in text.split("$ restate-reflect ")[1:]:
        command, _, output = part.partition("\n")
        typed = "".join(f"{each}\n" for each in _TYPED.findall(output))
        yield Shown(command, typed, _TYPED.sub("(Pdb) ", output).strip())


def written(page: str, folder: Path) -> Path:
    """The folder, with the files of a page."""
    for block in blocks(page):
        if block.title is not None:
            (folder / block.title).write_text(block.text + "\n", encoding="utf-8")
    return folder


def compare(
    shown: Shown, folder: Path, *, admin_url: str = "", invocation: str = SHOWN_ID, fails: bool = False
) -> None:
    """Runs the command in a folder, and holds what it prints against the page."""
    words = shown.command.replace(SHOWN_ID, invocation).split()
    done = run_cli(*words, cwd=folder, env={"RESTATE_ADMIN_URL": admin_url}, typed=shown.typed)
    printed = (done.stdout + done.stderr).replace(invocation, SHOWN_ID).replace(f"{folder}/", "")
    assert printed.strip() == shown.output, shown.command
    assert done.returncode == fails, shown.command


def waiting(server: RestateServer, service: str, handler: str, body: object, entries: int) -> str:
    """The id of a new invocation, once its journal has so many entries."""
    invocation: str = call(server, service, handler, body, send=True).json["invocationId"]
    counted = f"SELECT count(*) AS n FROM sys_journal WHERE id = '{invocation}'"
    eventually(lambda: server.query(counted)[0]["n"] == entries)
    return invocation


def test_the_session_of_the_replay_guide(
    embedded_server: RestateServer, serve_process: ServeProcess, tmp_path: Path
) -> None:
    """From the first command to the last, on an invocation that really waits."""
    folder = written("docs/guides/replay.md", tmp_path)
    serve_process(embedded_server, "orders.py", cwd=folder)
    invocation = waiting(embedded_server, "Orders", "place", {"sku": "tea", "card": "4111-1111"}, 3)
    shown = [each for block in sessions("docs/guides/replay.md") for each in block]
    assert len(shown) == 5
    for each in shown:
        fails = "mismatch" in each.output
        compare(each, folder, admin_url=embedded_server.admin_url, invocation=invocation, fails=fails)


def test_the_session_about_version_gates(serve_process: ServeProcess, tmp_path: Path) -> None:
    """One invocation on each side, then on the new one alone, then on none: what can be removed of the gate."""
    folder = written("docs/guides/versions.md", tmp_path)
    with EmbeddedServer() as server:
        serve_process(server, "gated:OldOrders", cwd=folder)
        old = waiting(server, "GatedOrders", "place", "tea", 3)
        serve_process(server, "gated:NewOrders", cwd=folder)
        new = waiting(server, "GatedOrders", "place", "tea", 7)
        both, later, last = sessions("docs/guides/versions.md")
        for each in both:
            compare(each, folder, admin_url=server.admin_url, invocation=old)
        for invocation, block in ((old, later), (new, last)):
            server.admin.request("PATCH", f"/invocations/{invocation}/kill")
            eventually(partial(ended, server, invocation))
            for each in block:
                compare(each, folder, admin_url=server.admin_url)


def ended(server: RestateServer, invocation: str) -> bool:
    return bool(server.query(f"SELECT id FROM sys_invocation WHERE id = '{invocation}' AND status = 'completed'"))


def test_the_session_of_the_linter(tmp_path: Path) -> None:
    """What is found, and what is left once it is mended."""
    folder = written("docs/lint/index.md", tmp_path)
    ((found, mended),) = sessions("docs/lint/index.md")
    compare(found, folder, fails=True)
    compare(mended, folder)
