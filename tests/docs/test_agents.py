"""The table of the guide to agents, beside the official SDK: each row names tests that are there, or says why not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT

GUIDE = ROOT / "docs" / "guides" / "agents.md"
HEAD = "| `restate.ext` | here | test |"


def rows() -> list[tuple[str, str, str]]:
    table = GUIDE.read_text().partition(HEAD)[2].strip().partition("\n\n")[0]
    found = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in table.splitlines()[1:]]
    return [(official, here, tests) for official, here, tests in found]


def defined_in(file: Path) -> set[str]:
    """By their source: most of these need libraries that are not always there."""
    return {
        each.name
        for each in ast.parse(file.read_text()).body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_")
    }


def test_there_is_a_table() -> None:
    assert len(rows()) > 20


@pytest.mark.parametrize("official, here, named", rows(), ids=[f"{row[0]} {row[2]}" for row in rows()])
def test_a_row_names_tests_that_are_there(official: str, here: str, named: str) -> None:
    tests = re.findall(r"`([\w/]+(?:\.py::\w+)?)`", named)
    assert tests or here.startswith("none;"), f"the row of {official} names no test"
    for test in tests:
        file, _, name = test.partition("::")
        if not name:
            assert list((ROOT / file).glob("test_*.py")), test
        else:
            assert name in defined_in(ROOT / "tests" / "agents" / file), test
