"""Each rule has a page, whose bad example it finds and whose good one nothing is found in."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from restate_reflect.lint import RULES, fixed, lint
from tests.support import ROOT

PAGES = ROOT / "docs" / "lint"


def examples(code: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (PAGES / f"{code.lower()}.md").read_text(), re.DOTALL)


def found(folder: Path, source: str) -> list[str]:
    file = folder / "example.py"
    file.write_text(source)
    return [finding.code for finding in lint([file])]


@pytest.mark.parametrize("code", RULES)
def test_the_bad_example_is_found_and_the_good_one_is_not(code: str, tmp_path: Path) -> None:
    """And the bad one shows nothing else."""
    bad, good = examples(code)
    assert set(found(tmp_path, bad)) == {code}
    assert found(tmp_path, good) == []


@pytest.mark.parametrize("code", RULES)
def test_the_page_has_the_title_and_says_whether_it_is_mended(code: str) -> None:
    """The table is what ``--rules`` prints."""
    text = (PAGES / f"{code.lower()}.md").read_text()
    assert text.startswith(f"# {code}: {RULES[code].title}\n")
    assert ("`--fix` mends" in text) == RULES[code].is_fixed


@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if rule.is_fixed])
def test_a_fix_mends_the_bad_example(code: str, tmp_path: Path) -> None:
    """What it writes is Python, in which nothing is found."""
    bad, _ = examples(code)
    file = tmp_path / "example.py"
    file.write_text(bad)
    source, mended = fixed(bad, lint([file]))
    assert mended == 1
    ast.parse(source)
    assert found(tmp_path, source) == []
