"""``restate-reflect dev`` in less common surroundings; on the embedded runtime."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dev.running import DEADLINE, dev
from tests.dev.test_session import SHOP, TENFOLD
from tests.support import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "shop.py"
    found.write_text(SHOP)
    return found


def test_what_ran_in_a_dead_old_revision_goes_on_with_the_new_one(file: Path) -> None:
    """Its code is gone from the files, so nobody could start it again."""
    with dev(file.parent) as running:
        running.post("Slow/ada/run/send")
        running.wait_for(r'run "answer" → "old"')
        (old,) = running.children()
        file.write_text(TENFOLD)
        running.wait_for("revision 2 serves")
        os.kill(old, signal.SIGKILL)
        running.wait_for("revision 1 ended by signal 9; what ran on it goes on with revision 2")
        running.post("Slow/ada/go", " hat")
        assert running.attach("Slow/ada") == "old hat"  # recorded by the old code


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for a process of somebody else's by Linux' pidfd")
def test_an_old_revision_ends_when_nothing_runs_on_it(file: Path) -> None:
    """One process is left."""
    with dev(file.parent) as running:
        (first,) = running.children()
        file.write_text(TENFOLD)
        running.wait_for("revision 2 serves")
        # The end of the process shows as the end of its listening socket, not before.
        assert running.post("Counter/a/add", 1) == 10
        wait_until_gone(first)
        assert len(running.children()) == 1


def wait_until_gone(pid: int) -> None:
    """Until there is no such process."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], DEADLINE)[0]
    finally:
        os.close(descriptor)


def test_without_the_h2_library_attempts_suspend_at_each_await(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTP/1.1 the engine can't answer into an attempt; results are the same."""
    blocked = file.parent / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text("import sys\nsys.modules['h2'] = None\n")
    monkeypatch.setenv("PYTHONPATH", str(blocked))
    with dev(file.parent) as running:
        (file.parent / "open").touch()
        running.post("Five/ada/run/send", 1)
        assert running.attach("Five/ada") == [1, 4, 9, 16, 25]
        running.wait_for("suspended: uses no memory until that is there")
        running.wait_for(r"goes on: \d steps? replayed, not done again")


def test_an_application_of_the_users_own_is_served(file: Path) -> None:
    """With what it serves and how; ``dev`` only listens in."""
    file.write_text(f"{SHOP}\nfrom restate_reflect import endpoint\napp = endpoint(Counter)\n")
    with dev(file.parent, target="shop.py:app") as running:
        assert running.post("Counter/a/add", 5) == 5
        running.wait_for('set "count" = 5')
        assert running.ask("Sleeper/a/run", 1).status == 404


def test_a_chosen_port_is_that_of_the_first_revision(file: Path) -> None:
    """Two can't have it at a time."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with dev(file.parent, "--port", str(port)) as running:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE):
            pass
        file.write_text(TENFOLD)
        running.wait_for("revision 2 serves")
        assert running.post("Counter/a/add", 1) == 10


def test_it_can_be_stopped_while_it_starts(file: Path) -> None:
    """Also when an import never ends."""
    file.write_text("import time\nprint('importing', flush=True)\ntime.sleep(3600)\n")
    with dev(file.parent, begin=False) as running:
        for _ in range(2):  # two processes, and either may be the first
            running.wait_for("importing|data in")
        (child,) = running.children()
        running.end()
        assert running.process.returncode == 0
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def test_code_that_ends_the_process_does_not_load(file: Path) -> None:
    """Its exit code is told, as nothing else is there to tell."""
    file.write_text("import os\nos._exit(7)\n")
    with dev(file.parent, begin=False) as running:
        running.wait_for("revision 1 does not load; waiting for a change")
        running.wait_for("exit code 7")
        file.write_text(SHOP)
        running.wait_for("revision 2 serves")


def test_a_target_that_leads_to_no_file_ends_it(file: Path) -> None:
    """No save could mend that; anything else that is wrong is waited for."""
    with dev(file.parent, target="shp.py", begin=False) as running:
        running.wait_for("Did you mean 'shop.py'")
        running.process.wait(DEADLINE)
        assert running.process.returncode == 2
    with dev(file.parent, target="shop.py:Conter", begin=False) as running:
        running.wait_for("Did you mean 'Counter'")
        file.write_text(SHOP.replace("Counter", "Conter"))
        running.wait_for("revision 2 serves Conter")


def test_the_first_process_starts_before_the_heavy_imports() -> None:
    """Both processes then load at the same time; one after the other would take half a second more."""
    heavy = ["aiohttp", "pydantic", "google.protobuf", "rich", "restate_reflect.embedded"]
    code = f"import sys, restate_reflect.dev.session; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


DOUBLING = """
class Doubling:
    async def handler(self, ctx, call, proceed):
        return 2 * await proceed()
"""


def test_interceptors_are_around_all_handlers(file: Path) -> None:
    """And around those of the next revision."""
    file.write_text(SHOP + DOUBLING)
    with dev(file.parent, "--interceptor", "shop:Doubling") as running:
        assert running.post("Counter/a/add", 1) == 2
        file.write_text(TENFOLD + DOUBLING)
        running.wait_for("revision 2 serves")
        assert running.post("Counter/b/add", 1) == 20
