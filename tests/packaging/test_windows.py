"""What Windows has not is not needed for what is promised there; on Windows itself these tests show it for good.

Elsewhere a fresh process does without: modules that only Unix has can't be imported, and loops handle no signals.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

WITHOUT = """
import asyncio, signal, sys

for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty", "uvloop"):
    sys.modules[name] = None

def refuse(*_):
    raise NotImplementedError

asyncio.SelectorEventLoop.add_signal_handler = asyncio.SelectorEventLoop.remove_signal_handler = refuse
"""
PACKAGES = (
    "restate_reflect", "restate_reflect.cli", "restate_reflect.codecs", "restate_reflect.embedded",
    "restate_reflect.embedded.http.admin", "restate_reflect.embedded.http.ingress", "restate_reflect.endpoint",
    "restate_reflect.endpoint.asgi", "restate_reflect.endpoint.aws_lambda", "restate_reflect.ingress",
    "restate_reflect.lint", "restate_reflect.manifest", "restate_reflect.openapi", "restate_reflect.page",
    "restate_reflect.server", "restate_reflect.stubs", "restate_reflect.targets", "restate_reflect.testing",
)  # fmt: skip
GREETER = """
from restate_reflect import Context

class Greeter:
    async def greet(self, ctx: Context, name: str) -> str:
        return f"Hello {name}"
"""


def run(program: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WITHOUT + program]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environ)


def test_every_package_is_imported() -> None:
    """``dev`` and the processes of ``--workers`` apart, which are for Unix."""
    done = run("\n".join(f"import {package}" for package in PACKAGES))
    assert (done.returncode, done.stderr) == (0, "")


def test_services_run_in_a_test() -> None:
    """The test kit needs nothing of Unix."""
    done = run(
        f"""{GREETER}
from restate_reflect.testing import TestEnvironment

async def main():
    async with TestEnvironment(Greeter) as env:
        print(await env.call(Greeter.greet, "world"))

asyncio.run(main())
"""
    )
    assert (done.stdout, done.stderr) == ("Hello world\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals to a process of its own group")
def test_serve_answers_and_stops_on_a_signal(tmp_path: Path) -> None:
    """Without ``loop.add_signal_handler``."""
    (tmp_path / "greeting.py").write_text(GREETER)
    program = WITHOUT + "from restate_reflect.cli import main\nmain(['serve', 'greeting.py', '--port', '0'])"
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "http://" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(60) == 0, rest
        assert "stopping; once more stops at once" in rest
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("command", ["dev greeting.py", "serve greeting.py --workers 2", "serve greeting.py --reload"])
def test_what_needs_unix_says_so(tmp_path: Path, command: str) -> None:
    """With what to do instead."""
    (tmp_path / "greeting.py").write_text(GREETER)
    # Seen by the one module that asks: the standard library would look for the rest of Windows.
    program = f"""
import types
from restate_reflect.cli import _windows, main
_windows.sys = types.SimpleNamespace(platform="win32")
main({command.split()!r})
"""
    done = run(program, tmp_path)
    assert done.returncode == 2
    assert "needs Linux or macOS (WSL is one). On Windows: " in done.stderr
