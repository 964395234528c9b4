"""``restate-reflect dev`` on either engine: saves, restarts, crashes."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.dev.running import dev
from tests.support import fetch, run_cli

pytestmark = pytest.mark.slow

SHOP = """
import asyncio
from pathlib import Path
from restate_reflect import ObjectContext, WorkflowContext, WorkflowSharedContext

class Counter:
    async def add(self, ctx: ObjectContext, amount: int) -> int:
        total = await ctx.get("count", int, default=0) + amount
        ctx.set("count", total)
        return total

async def answer() -> str:
    return "old"

class Slow:
    async def run(self, ctx: WorkflowContext) -> str:
        said = await ctx.run("answer", answer)
        return said + await ctx.promise("go", str)

    async def go(self, ctx: WorkflowSharedContext, word: str) -> None:
        await ctx.promise("go", str).resolve(word)

class Sleeper:
    async def run(self, ctx: WorkflowContext, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "awake"

async def step(number: int) -> int:
    with open("steps.txt", "a") as done:
        print(number, file=done)
    while number == 3 and not Path("open").exists():
        await asyncio.sleep(0.02)
    return number * number

class Five:
    async def run(self, ctx: WorkflowContext, start: int) -> list[int]:
        return [await ctx.run(f"step {number}", step, number) for number in range(start, start + 5)]
"""

TENFOLD = SHOP.replace("+ amount", "+ amount * 10").replace('"old"', '"new"')


@pytest.fixture(params=["embedded", pytest.param("server", marks=[pytest.mark.server, pytest.mark.slow])])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "shop.py"
    found.write_text(SHOP)
    return found


def steps(folder: Path) -> list[int]:
    """Executions of steps, in order."""
    return [int(line) for line in (folder / "steps.txt").read_text().split()]


def test_a_save_serves_the_new_code_and_old_invocations_finish_on_the_old(file: Path, engine: str) -> None:
    """The one that waits has recorded the old step, and goes on in the old process; a new one gets the new code."""
    with dev(file.parent, "--engine", engine) as running:
        assert running.post("Counter/a/add", 5) == 5
        running.post("Slow/ada/run/send")
        running.wait_for(r'run "answer" → "old"')
        (old,) = running.children()
        file.write_text(TENFOLD)
        running.wait_for("revision 2 serves")
        assert running.post("Counter/a/add", 5) == 55
        assert old in running.children()
        running.post("Slow/ada/go", " hat")
        assert running.attach("Slow/ada") == "old hat"


def test_a_restart_goes_on_with_what_was_running(file: Path, engine: str) -> None:
    """State and a sleeping workflow survive; ``--fresh`` forgets them."""
    with dev(file.parent, "--engine", engine) as running:
        assert running.post("Counter/a/add", 5) == 5
        running.post("Sleeper/ada/run/send", 1.0)
        running.wait_for("sleep .* …")
    with dev(file.parent, "--engine", engine) as again:
        assert again.post("Counter/a/add", 5) == 10
        assert again.attach("Sleeper/ada") == "awake"
    with dev(file.parent, "--engine", engine, "--fresh") as fresh:
        assert fresh.post("Counter/a/add", 5) == 5
    assert (file.parent / ".restate-reflect" / ".gitignore").read_text() == "*\n"


def test_a_crash_in_the_middle_of_a_step_repeats_that_step_only(file: Path, engine: str) -> None:
    """Everything is killed in step 3 of 1 to 5; the next start replays 1 and 2, and does 3 again."""
    with dev(file.parent, "--engine", engine) as running:
        running.post("Five/ada/run/send", 1)
        running.wait_for(r'run "step 3" …')
        running.kill()
    assert steps(file.parent) == [1, 2, 3]
    (file.parent / "open").touch()
    with dev(file.parent, "--engine", engine) as again:
        assert again.attach("Five/ada") == [1, 4, 9, 16, 25]
        again.wait_for(r'run "step 5" → 25')
        assert 'run "step 2" → 4\n' in again.text  # replayed: without a time
    assert steps(file.parent) == [1, 2, 3, 3, 4, 5]


def test_a_dead_process_is_started_again(file: Path, engine: str) -> None:
    """As after an out-of-memory kill or a native crash of the user's code; the engine finds it where it was."""
    with dev(file.parent, "--engine", engine) as running:
        running.post("Five/ada/run/send", 1)
        running.wait_for(r'run "step 3" …')
        (child,) = running.children()
        (file.parent / "open").touch()
        os.kill(child, signal.SIGKILL)
        running.wait_for("revision 1 ended by signal 9; starting it again")
        assert running.attach("Five/ada") == [1, 4, 9, 16, 25]
    assert steps(file.parent)[:2] == [1, 2]


def test_with_latest_a_save_moves_invocations_to_the_new_code(file: Path, engine: str) -> None:
    """What still fits goes on; what does not says what was recorded, what comes now, and where; a save mends it."""
    with dev(file.parent, "--engine", engine, "--latest") as running:
        running.post("Five/ada/run/send", 1)
        running.wait_for(r'run "step 3" …')
        changed = 'f"step {number}" if number < 3 else f"stage {number}"'
        file.write_text(SHOP.replace('f"step {number}"', changed))
        running.wait_for("revision 2 serves")
        for text in REPORT:
            running.wait_for(text)
        on_the_page = failure_on_the_page(running.docs)
        assert [text for text in REPORT if not re.search(text, on_the_page)] == []
        (file.parent / "open").touch()
        file.write_text(SHOP + "\n# as it was\n")
        running.wait_for("revision 3 serves")
        assert running.attach("Five/ada") == [1, 4, 9, 16, 25]


REPORT = (
    "journal mismatch at command 3",
    "recorded: run .*step 3",
    "current: .*stage 3",
    r"at: +shop\.py:\d+ in Five\.run",
    r"The steps before it, which fit:",
    r"1 +run .*step 1",
    r"shop\.py:\d+ in Five\.run.*: return .*ctx\.run\(",
    r"2 +run .*step 2",
    "Likeliest cause: a part of run 'stage 3' changes|Likeliest cause: run .*step 3.* was renamed to run .*stage 3",
    r"restate-reflect replay inv_\w+ TARGET --pdb",
)


def failure_on_the_page(docs: str) -> str:
    """The last failure of the invocation that has one, as the page gets it."""
    listed = fetch(f"{docs.rstrip('/')}/api/invocations", method="GET").json
    found: list[str] = [each["lastFailure"] for each in listed["invocations"] if each["lastFailure"]]
    return found[0]


def test_a_save_in_a_folder_that_is_watched_makes_a_revision(tmp_path: Path) -> None:
    """A template, say, which no module is."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "shop.py").write_text(
        "from pathlib import Path\nfrom restate_reflect import Context\n"
        "TEXT = ''.join(each.read_text() for each in Path('templates').iterdir())\n"
        "class Mail:\n    async def text(self, ctx: Context) -> str:\n        return TEXT\n"
    )
    with dev(tmp_path, "--reload-dir", "templates") as running:
        (tmp_path / "templates" / "mail.txt").write_text("hello")
        running.wait_for("revision 2 serves")
        assert running.post("Mail/text") == "hello"


def test_a_folder_to_watch_must_be_there(tmp_path: Path) -> None:
    done = run_cli("dev", "shop.py", "--reload-dir", "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert "'nowhere' does not exist" in done.stderr
