"""Each ordinary mistake of the table is answered by its sentence, at once."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from restate_reflect.cli import main
from tests.dev.running import DEADLINE, Dev, dev
from tests.mistakes.table import MISTAKES, Mistake


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("mistakes")
    for each in MISTAKES:
        if each.program:
            (found / f"{each.name}.py").write_text(each.program)
    return found


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Dev]:
    """One ``dev`` for all programs that load."""
    first, *more = [f"{each.name}.py" for each in MISTAKES if each.loads and each.command.startswith("call")]
    with dev(folder, *more, target=first) as started:
        yield started


def said(mistake: Mistake, folder: Path, environ: dict[str, str]) -> str:
    """What the command prints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner(env={"COLUMNS": "400", **environ}).invoke(
            main, shlex.split(mistake.command), prog_name="restate-reflect"
        )
    return " ".join(result.output.split())


def is_told(sentence: str, dev_: Dev) -> bool:
    """In what ``dev`` prints, within some time: its log is a process of its own."""
    end = time.monotonic() + DEADLINE
    while sentence not in dev_.shown() and time.monotonic() < end:
        time.sleep(0.05)
    return sentence in dev_.text


@pytest.mark.parametrize("mistake", MISTAKES, ids=[each.name for each in MISTAKES])
def test_a_mistake_is_answered_by_its_sentence(mistake: Mistake, folder: Path, request: pytest.FixtureRequest) -> None:
    if mistake.command.startswith(("manifest", "inspect")):
        assert mistake.sentence in said(mistake, folder, {})
        return
    served: Dev = request.getfixturevalue("running")
    output = said(mistake, folder, {"RESTATE_INGRESS_URL": served.ingress, "RESTATE_ADMIN_URL": served.admin})
    assert mistake.sentence in output or is_told(mistake.sentence, served), output


def test_there_are_a_hundred() -> None:
    assert len(MISTAKES) >= 100
    assert len({each.name for each in MISTAKES}) == len(MISTAKES)
