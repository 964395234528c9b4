"""``restate-reflect dev`` on a project in a temporary folder, as a process."""

from __future__ import annotations

import json
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import ROOT

SHOP = """
import asyncio
from restate_reflect import Context, ObjectContext, WorkflowContext

class Counter:
    async def add(self, ctx: ObjectContext, amount: int) -> int:
        total = await ctx.get("count", int, default=0) + amount
        ctx.set("count", total)
        return total

async def answer() -> str:
    return "old"

class Slow:
    async def wait(self, ctx: Context, who: str) -> str:
        said = await ctx.run("answer", answer)
        return said + await ctx.awakeable(str)

class Sleeper:
    async def run(self, ctx: WorkflowContext, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "awake"
"""

DEADLINE = 60.0


class Dev:
    """The process and what it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._news.put(line)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The next line that matches."""
        deadline = time.monotonic() + DEADLINE
        while True:
            try:
                line = self._news.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError(f"no line like {pattern!r} in:\n{''.join(self.lines)}") from None
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found

    def begin(self) -> None:
        """Waits for the first revision."""
        self.ingress = self.wait_for(r"ingress (http://\S+), admin").group(1)
        self.wait_for("revision 1 serves")

    def post(self, path: str, body: Any = None) -> Any:
        data = b"" if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.ingress}/{path}", data, headers, method="POST")
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=DEADLINE) as response:
            return json.loads(response.read() or b"null")


@contextmanager
def dev(folder: Path, *options: str) -> Iterator[Dev]:
    """Runs ``dev shop.py`` in the folder; ends it by Ctrl-C."""
    command = [sys.executable, "-m", "restate_reflect", "dev", "shop.py", "--ingress-port", "0", "--admin-port", "0"]
    process = subprocess.Popen(
        [*command, *options],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    started = Dev(process)
    try:
        started.begin()
        yield started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE)
        assert process.stdout is not None
        process.stdout.close()


def project(folder: Path) -> Path:
    file = folder / "shop.py"
    file.write_text(SHOP)
    return file


def test_a_save_serves_the_new_code_and_old_invocations_finish_on_the_old(tmp_path: Path) -> None:
    """The invocation that waits has recorded the old step; a new one gets the new code."""
    file = project(tmp_path)
    with dev(tmp_path) as running:
        assert running.post("Counter/a/add", 5) == 5
        running.post("Slow/wait/send", "ada")
        running.wait_for(r"run done: \"old\"")
        file.write_text(SHOP.replace("+ amount", "+ amount * 10").replace('"old"', '"new"'))
        running.wait_for("revision 2 serves")
        assert running.post("Counter/a/add", 5) == 55


def test_a_save_that_does_not_load_keeps_the_old_code_serving(tmp_path: Path) -> None:
    """The error is shown; the next good save is served."""
    file = project(tmp_path)
    with dev(tmp_path) as running:
        file.write_text(SHOP + "\nthis is no Python\n")
        running.wait_for("revision 2 does not load")
        assert running.post("Counter/a/add", 1) == 1
        file.write_text(SHOP.replace("+ amount", "+ amount * 10"))
        running.wait_for("revision 3 serves")
        assert running.post("Counter/a/add", 1) == 11


def test_a_restart_goes_on_with_what_was_running(tmp_path: Path) -> None:
    """State and a sleeping workflow survive; ``--fresh`` forgets them."""
    project(tmp_path)
    with dev(tmp_path) as running:
        assert running.post("Counter/a/add", 5) == 5
        running.post("Sleeper/ada/run/send", 0.5)
        running.wait_for("sleep")
    with dev(tmp_path) as again:
        assert again.post("Counter/a/add", 5) == 10
        assert again.post("Sleeper/ada/run/send", 0.5)["status"] == "PreviouslyAccepted"
    with dev(tmp_path, "--fresh") as fresh:
        assert fresh.post("Counter/a/add", 5) == 5
    assert (tmp_path / ".restate-reflect" / ".gitignore").read_text() == "*\n"
