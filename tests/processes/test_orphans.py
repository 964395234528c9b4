"""A worker ends with its supervisor, however that ended and whatever the worker is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from textwrap import dedent

import pytest

from tests.dev.running import DEADLINE, Dev, dev
from tests.support import ROOT

pytestmark = pytest.mark.slow

SHOP = """
    import os, threading, time
    from restate_reflect import Context

    def loses_its_descriptors() -> None:
        os.closerange(3, 200)
        print("ready to be orphaned", flush=True)
        threading.Event().wait()

    class Shop:
        async def blocks(self, ctx: Context) -> None:
            print("ready to be orphaned", flush=True)
            time.sleep(600)

        async def spins(self, ctx: Context) -> None:
            print("ready to be orphaned", flush=True)
            while True:
                pass

        async def closes(self, ctx: Context) -> None:
            await ctx.run("close", loses_its_descriptors)

        async def talks(self, ctx: Context) -> None:
            print("ready to be orphaned", flush=True)
            for number in range(100_000):
                await ctx.run("step", str, number)
"""


def has_ended(pid: int) -> bool:
    """A zombie has: nobody in a container may be there to reap it."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return shown.strip() == "" or shown.strip().startswith("Z")


def wait_until_ended(pid: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while not has_ended(pid):
        assert time.monotonic() < deadline, f"{pid} lives on"
        threading.Event().wait(0.05)


def kill(started: Dev) -> list[int]:
    """SIGKILL for the supervisor alone; its children."""
    children = started.children()
    os.kill(started.process.pid, signal.SIGKILL)
    started.process.wait(DEADLINE)
    return children


@pytest.mark.parametrize("handler", ["blocks", "spins", "closes", "talks"])
def test_sigkill_of_dev_ends_its_worker(handler: str, tmp_path: Path) -> None:
    """Also one whose loop is blocked, whose pipe was closed by user code, or that has much to tell just then."""
    (tmp_path / "shop.py").write_text(dedent(SHOP))
    with dev(tmp_path) as started:
        started.post(f"Shop/{handler}/send")
        started.wait_for("ready to be orphaned")
        (worker,) = kill(started)
        wait_until_ended(worker)


def test_sigkill_of_dev_ends_a_worker_that_is_stuck_in_an_import(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import time\nprint('stuck', flush=True)\ntime.sleep(600)\n")
    with dev(tmp_path, begin=False) as started:
        started.wait_for("stuck")
        (worker,) = kill(started)
        wait_until_ended(worker)


def test_workers_of_serve_end_though_their_loop_is_blocked(tmp_path: Path) -> None:
    """Gracefully where that is possible; this one is cut off after its grace period."""
    (tmp_path / "shop.py").write_text(
        dedent("""
            import os, threading, time
            from restate_reflect import Context

            class Shop:
                async def __aenter__(self) -> "Shop":
                    print("worker", os.getpid(), flush=True)
                    time.sleep(600)
                    return self
                async def __aexit__(self, *_: object) -> None: ...
                async def hi(self, ctx: Context) -> None: ...
        """)
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "restate_reflect", "serve", "shop.py", "--workers", "2", "--port", "0", "--grace", "0"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout as lines:
        workers = [int(line.split()[1]) for line in (next(lines) for _ in range(4)) if line.startswith("worker")]
        process.kill()
        process.wait(DEADLINE)
    for worker in workers:
        wait_until_ended(worker)
    assert workers
