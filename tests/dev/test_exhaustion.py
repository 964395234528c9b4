"""A machine that has no more files or no more room: what ``dev`` says, and what is left afterwards."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent

import pytest

from tests.dev.running import DEADLINE, dev
from tests.support import ROOT, fetch

pytestmark = pytest.mark.slow

SHOP = """
    from restate_reflect import Context

    class Greeter:
        async def greet(self, ctx: Context, name: str) -> str:
            return name
"""


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process can be set on Linux only")
def test_too_many_open_files_are_told_once_with_the_count(tmp_path: Path) -> None:
    """asyncio alone reported each try, a hundred a second on each port."""
    (tmp_path / "shop.py").write_text(dedent(SHOP))
    with dev(tmp_path) as started:
        # 24 beyond what it has open, so that the engine is exhausted and its worker is not.
        files = Path(f"/proc/{started.process.pid}/fd")
        limit = (len(list(files.iterdir())) if files.exists() else 40) + 24
        _limit_files(started.process.pid, limit)
        port = int(started.ingress.rpartition(":")[2])
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        told = started.wait_for(r"too many open files; connections wait.* may have (\S+) files")
        assert told[1] == str(limit)
        for each in held:
            each.close()
        assert started.post("Greeter/greet", "still there") == "still there"
        over = started.wait_for(r"connections are accepted again; that had failed ([\d,]+) times")
        assert int(over[1].replace(",", "")) > 1
        text = started.end()
    assert text.count("open files") == 1
    assert "Traceback" not in text


def _limit_files(pid: int, limit: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, limit))


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))
from restate_reflect.cli import main
main(["dev", "shop.py", "--ingress-port", "{port}", "--admin-port", "0", "--no-docs"])
"""


def test_dev_ends_with_a_sentence_when_nothing_can_be_stored(tmp_path: Path) -> None:
    """A limit of the size of files is as good as a full disk. Each send that was acknowledged runs after a restart."""
    (tmp_path / "shop.py").write_text(dedent(SHOP))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", LIMITED.format(bytes=600_000, port=port)], cwd=tmp_path, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    acknowledged = []
    try:
        _wait_for(port)
        for number in range(1000):
            try:
                answer = fetch(f"http://127.0.0.1:{port}/Greeter/greet/send?delay=1s", "x" * 20_000 + str(number))
            except OSError:
                break  # it has ended
            if answer.status == 503:
                break
            assert answer.status == 202
            acknowledged.append(answer.invocation_id)
        assert process.wait(DEADLINE) == 1
    finally:
        process.kill()
        process.wait(DEADLINE)
        assert process.stderr is not None
        with process.stderr as errors:
            said = errors.read()
    assert acknowledged
    (sentence,) = [line for line in said.splitlines() if "the embedded runtime has stopped" in line]
    assert "invocations.db fails (" in sentence
    assert "start again: what was acknowledged is stored." in sentence
    assert "Traceback" not in said
    with dev(tmp_path) as later:
        for identifier in acknowledged:
            url = f"{later.ingress}/restate/invocation/{identifier}/attach"
            assert fetch(url, method="GET", timeout=DEADLINE).status == 200


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            assert fetch(f"http://127.0.0.1:{port}/restate/health", method="GET").status == 200
            return
        except OSError:
            assert time.monotonic() < deadline
            threading.Event().wait(0.05)
