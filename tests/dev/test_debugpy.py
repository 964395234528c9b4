"""debugpy, as VS Code uses it: by the documented command, by the documented ``launch.json``, on both engines."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from restate_reflect.server import RestateServer
from tests.dev.dap import DEADLINE, Editor
from tests.dev.running import Dev
from tests.dev.test_debugging import Caller
from tests.support import ROOT

pytest.importorskip("debugpy", reason="debugpy is a part of the extra test")
pytestmark = pytest.mark.slow

CODE = """\
from restate_reflect import Context, handler

class Shop:
    async def order(self, ctx: Context, number: int) -> int:
        twice = number * 2
        return await ctx.run("pay", self.pay, twice)

    def pay(self, amount: int) -> int:
        return amount + 10

    @handler(inactivity_timeout=1, abort_timeout=1)
    async def hasty(self, ctx: Context, number: int) -> int:
        print("hasty begins")
        one = await ctx.run("one", lambda: 1)
        return number + one
"""
IN_ORDER, IN_PAY, IN_HASTY = 5, 9, 15
LONGER = 4.0
"""Seconds; both timeouts of ``hasty`` are over by then."""
FREE = ("--ingress-port", "0", "--admin-port", "0", "--docs-port", "0")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "shop.py"
    found.write_text(CODE)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, *command: str) -> Iterator[Dev]:
    paths = [path for path in (os.environ.get("PYTHONPATH"), str(ROOT)) if path]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    started = Dev(process, DEADLINE)
    try:
        yield started
    finally:
        started.end()
        assert process.returncode == 0, started.text


def documented() -> dict[str, dict[str, Any]]:
    """The configurations of the guide's ``launch.json``, by what they request."""
    guide = (ROOT / "docs/guides/debugging.md").read_text()
    block = re.search(r"```json[^\n]*launch\.json\"\n(.*?)```", guide, re.S)
    assert block is not None
    return {each["request"]: each for each in json.loads(block[1])["configurations"]}


def attached(port: int, file: Path, *lines: int) -> Editor:
    return Editor(port, documented()["attach"] | {"connect": {"host": "127.0.0.1", "port": port}}, file, [*lines])


def debugging(port: int, *wait: str) -> tuple[str, ...]:
    return ("-m", "debugpy", "--listen", str(port), *wait, "-m", "restate_reflect")


@pytest.mark.parametrize("engine", ["embedded", pytest.param("server", marks=pytest.mark.server)])
def test_a_handler_and_a_step_are_stopped_in_and_no_timeout_ends_them(file: Path, engine: str) -> None:
    port = free_port()
    command = (*debugging(port, "--wait-for-client"), "dev", "shop.py", *FREE, "--engine", engine)
    with running(file.parent, *command) as shown, closing(attached(port, file, IN_ORDER, IN_PAY, IN_HASTY)) as editor:
        shown.begin()
        asked = Caller(f"{shown.ingress}/Shop/order", 5, DEADLINE)
        session, thread = editor.stopped()
        assert session.value(thread, "number") == "5"
        session.value(thread, "number = 16")
        session.ask("continue", threadId=thread)
        session, thread = editor.stopped()
        assert session.value(thread, "amount") == "32"
        session.ask("continue", threadId=thread)
        assert asked.answer.json == 42
        asked = Caller(f"{shown.ingress}/Shop/hasty", 5, DEADLINE)
        session, thread = editor.stopped()
        time.sleep(LONGER)  # as somebody who thinks
        session.ask("continue", threadId=thread)
        assert asked.answer.json == 6
        shown.wait_for("hasty .*returns 6")
    assert "tries again" not in shown.text
    assert "blocks the event loop" not in shown.text


def test_an_editor_may_come_later_and_its_breakpoints_stay_after_a_save(file: Path) -> None:
    port = free_port()
    with running(file.parent, *debugging(port), "dev", "shop.py", *FREE) as shown:
        shown.begin()
        with closing(attached(port, file, IN_ORDER)) as editor:
            file.write_text(CODE.replace("+ 10", "+ 20"))
            shown.wait_for("revision 2 serves")
            asked = Caller(f"{shown.ingress}/Shop/order", 5, DEADLINE)
            session, thread = editor.stopped()
            session.ask("continue", threadId=thread)
            assert asked.answer.json == 30


def test_the_documented_launch_begins_dev(file: Path) -> None:
    """As the editor does it: by an adapter that starts the program."""
    port = free_port()
    configuration: dict[str, Any] = documented()["launch"] | {"console": "internalConsole", "redirectOutput": True}
    configuration |= {"cwd": str(file.parent)}
    assert configuration["args"][0] == "dev"
    configuration |= {"args": ["dev", "shop.py", *FREE], "python": [sys.executable]}
    configuration["env"] = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    adapter = subprocess.Popen([sys.executable, "-m", "debugpy.adapter", "--port", str(port)])
    try:
        with closing(Editor(port, configuration, file, [IN_PAY])) as editor:
            ingress = editor.printed(r"ingress (http://[\d.:]+)")
            editor.printed("(revision 1 serves)")
            asked = Caller(f"{ingress}/Shop/order", 5, DEADLINE)
            session, thread = editor.stopped()
            assert session.value(thread, "amount") == "10"
            session.ask("continue", threadId=thread)
            assert asked.answer.json == 20
            editor.sessions[0].ask("disconnect", terminateDebuggee=True)
    finally:
        adapter.send_signal(signal.SIGTERM)
        adapter.wait(DEADLINE)


def test_serve_with_reload_is_debugged_against_restate_server(file: Path, restate_server: RestateServer) -> None:
    """Each process that a save starts is, and no timeout of a handler ends an attempt."""
    port = free_port()
    serve = ("serve", "shop.py", "--reload", "--port", "0", "--register", restate_server.admin_url)
    with running(file.parent, *debugging(port, "--wait-for-client"), *serve) as shown:
        with closing(attached(port, file, IN_ORDER, IN_HASTY)) as editor:
            shown.wait_for("registered Shop")
            file.write_text(CODE.replace("+ one", "+ one + 1"))
            shown.wait_for("reloaded")
            shown.wait_for("registered Shop")
            asked = Caller(f"{restate_server.ingress_url}/Shop/hasty", 5, DEADLINE)
            session, thread = editor.stopped()
            time.sleep(LONGER)
            session.ask("continue", threadId=thread)
            assert asked.answer.json == 7
    assert shown.text.count("hasty begins") == 1
