"""The garbage collector: put off while a command starts, relieved while one serves, and then as it was."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from restate_reflect.cli import main
from restate_reflect.processes import collector
from tests.support import ROOT

SHOP = """
import gc
from restate_reflect import Context

class Shop:
    async def buy(self, ctx: Context, item: str) -> None: ...

"""

SERVE = """
import gc, os, signal
from restate_reflect.cli import main
from restate_reflect.cli._registration import Registration

def show(when):
    print(when, gc.isenabled(), gc.get_threshold(), gc.get_freeze_count() > 10_000)

async def served(self, url):
    show("serving")
    os.kill(os.getpid(), signal.SIGTERM)

Registration.__call__ = served
show("before")
try:
    main(["serve", "shop.py", "--port", "0", "--loop", "asyncio"], prog_name="restate-reflect")
finally:
    show("after")
"""


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Every test leaves the collector as it found it."""
    before = gc.isenabled(), gc.get_threshold()
    gc.set_threshold(*collector._OWN)
    yield
    found = gc.isenabled(), gc.get_threshold()
    gc.enable()
    gc.set_threshold(*before[1])
    assert found == (True, collector._OWN)


@pytest.mark.parametrize(
    "arguments, code",
    [
        ([], 2),
        (["--help"], 0),
        (["serve", "--help"], 0),
        (["sevre"], 2),
        (["serve", "no_such_module", "--port", "0"], 2),
        (["serve", "json", "--docs-host", "a"], 2),
        (["manifest", "no_such_module"], 2),
    ],
)
def test_a_command_that_does_not_serve_leaves_it_as_it_was(arguments: list[str], code: int) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == code


def test_it_is_put_off_until_it_is_resumed() -> None:
    """By what runs long and is not ``serve``."""
    with collector.put_off():
        assert gc.get_threshold()[0] > 100_000
        collector.resume()
        assert gc.get_threshold() == collector._OWN


def test_thresholds_of_others_are_left_alone() -> None:
    """Whether they were set before or meanwhile."""
    with collector.put_off():
        gc.set_threshold(900, 9, 9)
        collector.resume()
        assert gc.get_threshold() == (900, 9, 9)
    with collector.put_off():
        assert gc.get_threshold() == (900, 9, 9)
    assert gc.get_threshold() == (900, 9, 9)
    gc.set_threshold(*collector._OWN)


def serve(folder: Path, more: str = "", before: str = "") -> dict[str, str]:
    """What ``show`` printed, in a process of its own."""
    (folder / "shop.py").write_text(f"{SHOP}\n{more}\nprint('importing', gc.isenabled(), gc.get_threshold(), False)\n")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{before}\n{SERVE}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    return {when: shown for when, _, shown in lines if when in ("before", "importing", "serving", "after")}


def test_serving_relieves_it(tmp_path: Path) -> None:
    """Nothing that was imported is looked through again."""
    own = collector._OWN
    shown = serve(tmp_path)
    assert shown["before"] == f"True {own} False"
    assert shown["importing"] == f"True {(1_000_000, *own[1:])} False"
    assert shown["serving"] == f"True {(5_000, *own[1:])} True"
    assert shown["after"] == f"True {own} True"


@pytest.mark.parametrize("where", ["more", "before"])
def test_one_that_was_disabled_stays_so(where: str, tmp_path: Path) -> None:
    """By a module of the user, or before the command line was there."""
    own = collector._OWN
    shown = serve(tmp_path, **{where: "import gc; gc.disable()"})
    assert (shown["serving"], shown["after"]) == (f"False {own} False", f"False {own} False")


@pytest.mark.parametrize("where", ["more", "before"])
def test_thresholds_of_a_module_stay(where: str, tmp_path: Path) -> None:
    """It knows better; set before, they count as the interpreter's own afterwards."""
    shown = serve(tmp_path, **{where: "import gc; gc.set_threshold(900, 9, 9)"})
    own = (900, 9, 9)
    expected = f"True {own} False" if where == "more" else f"True {(5_000, *own[1:])} True"
    assert (shown["serving"], shown["after"][: len(f"True {own}")]) == (expected, f"True {own}")
