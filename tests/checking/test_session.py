"""The command, as ``docs/cli.md`` shows it."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from restate_reflect.checking import Report
from restate_reflect.cli._check import command
from restate_reflect.ingress import SyncClient
from restate_reflect.processes.collector import put_off
from tests.checking.test_changes import imported, settle
from tests.embedded.served import ServedRuntime
from tests.support import ROOT, run_cli

OLD = """\
from datetime import timedelta

from restate_reflect import Context


class Reminders:
    async def send(self, ctx: Context, to: str) -> str:
        await ctx.sleep(timedelta(days=1))
        return await ctx.run("mail", str.upper, to)
"""
NEW = """\
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from restate_reflect import Context


class Reminders:
    async def send(self, ctx: Context, to: Annotated[str, Field(max_length=12)]) -> str:
        to = await ctx.run("look up", str.lower, to)
        await ctx.sleep(timedelta(days=1))
        return await ctx.run("mail", str.upper, to)
"""


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ServedRuntime]:
    """Three reminders that sleep; one is to a long name."""
    (tmp_path / "old_reminders.py").write_text(OLD)
    module = imported("old_reminders", tmp_path / "old_reminders.py")
    with ServedRuntime(module.Reminders) as runtime:
        with SyncClient(runtime.ingress_url) as client:
            sent = [client.send(module.Reminders.send, to) for to in ("ada", "grace", "everybody else")]
        settle(runtime.admin_url, {each.id for each in sent})
        yield runtime


def test_the_session_of_the_documentation(runtime: ServedRuntime, tmp_path: Path) -> None:
    """Word for word, but for ids; and as JSON, with the exit codes."""
    (tmp_path / "reminders.py").write_text(NEW)
    said = run_cli("check", str(tmp_path / "reminders.py"), "--against", runtime.admin_url)
    assert (said.returncode, said.stderr) == (1, "")
    page = (ROOT / "docs" / "cli.md").read_text()
    shown = re.search(r"\$ restate-reflect check reminders\.py\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    assert ids_left_out(said.stdout) == ids_left_out(shown[1])
    data = json.loads(run_cli("check", str(tmp_path / "reminders.py"), "--against", runtime.admin_url, "--json").stdout)
    assert [each["kind"] for each in data["findings"]] == ["input-refused", "mismatch"]
    (tmp_path / "reminders.py").write_text(OLD)
    fits = run_cli("check", str(tmp_path / "reminders.py"), "--against", runtime.admin_url)
    assert (fits.returncode, fits.stdout.splitlines()[-1]) == (0, "it fits")


def test_garbage_is_collected_while_it_checks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Commands put that off while they start; 10,000 replays would keep 115 MiB of cycles."""
    (tmp_path / "reminders.py").write_text(NEW)
    wanted, found = gc.get_threshold(), []

    async def check(*_: object, **__: object) -> Report:
        found.append(gc.get_threshold())
        return Report()

    monkeypatch.setattr("restate_reflect.checking.check", check)
    with put_off():
        assert gc.get_threshold() != wanted
        assert CliRunner().invoke(command, [str(tmp_path / "reminders.py")]).exit_code == 0
    assert found == [wanted]


def ids_left_out(text: str) -> list[str]:
    return [re.sub(r"inv_\w+", "inv", line).rstrip() for line in text.splitlines()]
