"""The command in a terminal: a debugger that stops where it is asked to, and a replay on each save."""

from __future__ import annotations

import pdb
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from restate_reflect.replay import LastFailure, Outcome, RecordedJournal, Replay, save
from restate_reflect.replay._debugging import SKIPPED, Stop
from tests.checking.test_changes import imported
from tests.dev.terminal import in_terminal
from tests.journals import M, command, done, given_input
from tests.replay.recorded import recorded, replayed
from tests.support import run_cli

Debugged: TypeAlias = Callable[..., tuple[str, Replay]]

SHOP = """\
from restate_reflect import Context


class Shop:
    async def buy(self, ctx: Context, sku: str) -> str:
        reserved = await ctx.run("reserve", self.act, "reserve " + sku)
        charged = await ctx.run("charge", self.act, "charge " + sku)
        shipped = await self.ship(ctx, charged)
        return reserved + shipped

    async def ship(self, ctx: Context, charged: str) -> str:
        code = charged.partition("-")[2]
        return await ctx.run("ship", self.act, code)

    async def act(self, what: str) -> str:
        return what
"""

RESERVED = [command(M.RUN_COMMAND, name="reserve", result_completion_id=1), done(M.RUN_COMPLETION, 1, b'"r-1"')]
CHARGED = [command(M.RUN_COMMAND, name="charge", result_completion_id=2), done(M.RUN_COMPLETION, 2, b'"c-2"')]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def journal(*entries: bytes, **known: Any) -> RecordedJournal:
    return recorded(given_input(b'"tea"'), *entries, **known)


@pytest.fixture
def debugged(folder: Path) -> Debugged:
    """Stops a debugger into which these lines are typed; what it shows, and what came of the replay."""
    shop = imported("debugged_shop", folder / "shop.py").Shop

    def replay(found: RecordedJournal, step: str, *typed: str) -> tuple[str, Replay]:
        output = StringIO()
        lines = StringIO("".join(f"{line}\n" for line in typed))
        debugger = pdb.Pdb(stdin=lines, stdout=output, skip=SKIPPED, nosigint=True, readrc=False)
        debugger.use_rawinput = False
        failed = None if found.failure is None else found.failure.command_index
        replayed_ = replayed(found, shop, on_step=Stop(step, failed, debugger))
        return output.getvalue(), replayed_

    return replay


# ---------------------------------------------------------------- the debugger


@pytest.mark.parametrize("step", ["charge", "2"])
def test_it_stops_at_a_step_by_its_name_and_its_number(debugged: Debugged, step: str) -> None:
    """In the handler's frame, with what it has; nothing after it has run."""
    said, found = debugged(journal(*RESERVED, *CHARGED), step, "p reserved, 'charged' in locals()", "c")
    assert "shop.py(7)buy()" in said
    assert "('r-1', False)" in said
    assert [each.title for each in found.new_steps] == ["run 'ship'"]


def test_it_stops_at_the_first_step_that_the_journal_has_not(debugged: Debugged) -> None:
    """Also in a helper; steps that are recorded pass by."""
    said, _ = debugged(journal(*RESERVED, *CHARGED), "", "p code", "up", "p sku", "c")
    assert re.findall(r"shop\.py\((\d+)\)|^\(Pdb\) ('.+')", said, re.MULTILINE) == [
        ("13", ""), ("", "'2'"), ("8", ""), ("", "'tea'"),
    ]  # fmt: skip


def test_it_stops_at_the_step_that_does_not_fit(debugged: Debugged) -> None:
    other = [command(M.RUN_COMMAND, name="hold", result_completion_id=1), done(M.RUN_COMPLETION, 1, b'"r-1"')]
    said, found = debugged(journal(*other), "", "p sku", "c")
    assert "shop.py(6)buy()" in said
    assert "'tea'" in said
    assert found.outcome is Outcome.MISMATCH


def test_it_stops_at_the_step_that_the_last_attempt_failed_with(debugged: Debugged) -> None:
    """Though the journal has it: its result was never stored."""
    said, found = debugged(
        journal(*RESERVED, CHARGED[0], failure=LastFailure("no bank", "500", 2)), "", "p reserved", "c"
    )
    assert "shop.py(7)buy()" in said
    assert "'r-1'" in said
    assert found.outcome is Outcome.WAITS


def test_one_can_go_on_line_by_line(debugged: Debugged) -> None:
    """Past the awaits and into a helper, without what lies between; not into the frames that are closed at the end."""
    said, _ = debugged(journal(*RESERVED, *CHARGED), "reserve", "n", "n", "s", "s", "s", "s", "s")
    lines = [(file, int(line)) for file, line in re.findall(r"> \S*?(\w+\.py)\((\d+)\)", said)]
    assert list(dict.fromkeys(lines)) == [("shop.py", line) for line in (6, 7, 8, 11, 12, 13)]
    assert "GeneratorExit" not in said


def test_quitting_ends_the_replay(debugged: Debugged) -> None:
    _, found = debugged(journal(*RESERVED, *CHARGED), "charge", "q")
    assert len(found.steps) == 3


def typed_into(folder: Path, option: str, *typed: str) -> str:
    """What the command prints."""
    save(journal(*RESERVED, *CHARGED), folder / "order.json")
    said = run_cli("replay", "order.json", "shop.py", option, cwd=folder, typed="".join(f"{line}\n" for line in typed))
    return said.stdout + said.stderr


def test_it_stops_where_an_exception_was_raised(folder: Path) -> None:
    """That of the last attempt comes again, as its handler gets the same results."""
    (folder / "shop.py").write_text(SHOP.replace('code = charged.partition("-")[2]', 'code = {"c-1": "one"}[charged]'))
    said = typed_into(folder, "--pdb", "p charged", "q")
    assert "shop.py(12)ship()" in said
    assert "'c-2'" in said
    assert "fails: KeyError" in said


def test_a_step_that_does_not_come_is_told(folder: Path) -> None:
    assert "the debugger has not stopped: no such step" in typed_into(folder, "--pdb=refund")


# ---------------------------------------------------------------- again on each save


def test_it_is_replayed_again_whenever_a_file_is_saved(folder: Path) -> None:
    """The target's file and one that it imports, also if it is replaced; errors are shown, and Ctrl-C ends it."""
    shop, helper = folder / "shop.py", folder / "helper.py"
    source = f"from helper import MARK\n\n{SHOP}".replace('"charge"', "MARK")
    shop.write_text(source)
    helper.write_text('MARK = "charge"\n')
    save(journal(*RESERVED), folder / "order.json")
    with in_terminal(folder, "replay", "order.json", "shop.py", "--edit") as terminal:
        terminal.wait_for(r"would go on with run 'charge'")
        terminal.wait_for(r"waiting for changes; Ctrl-C ends")
        helper.write_text('MARK = "collect"\n')
        terminal.wait_for(r"helper\.py changed")
        terminal.wait_for(r"would go on with run 'collect'")
        terminal.wait_for(r"waiting for changes")
        (folder / "shop.new").write_text(source.replace('"reserve", self', '"hold", self'))
        (folder / "shop.new").replace(shop)  # as editors do it
        terminal.wait_for(r"shop\.py changed")
        terminal.wait_for(r"mismatch: journal mismatch at command 1")
        terminal.wait_for(r"waiting for changes")
        shop.write_text(source.replace("class Shop:", "class Shop"))
        terminal.wait_for(r"expected ':'")
        terminal.wait_for(r"waiting for changes")
        terminal.end()
        assert terminal.process.returncode == 0
