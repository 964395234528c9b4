"""No block of the documentation is left unchecked, and all of them fit the types."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, Block, blocks

OUTPUT = {"text", "json", "yaml", "toml", "dockerfile", "proto", "ini"}
"""What something prints or reads; no program of ours."""


def all_blocks() -> list[Block]:
    return [block for page in PAGES for block in blocks(page)]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    """A block without a language would be looked at by nobody."""
    for block in blocks(page):
        assert block.language in {"python", "sh", *OUTPUT}, f"{page}:{block.line} is in {block.language!r}"


def test_blocks_that_are_not_run_are_few_and_have_reasons() -> None:
    """An excuse is a sentence, and what it excuses is at least Python."""
    excused = [block for block in all_blocks() if block.excuse is not None]
    for block in excused:
        assert len(block.excuse or "") > 10, f"{block.page}:{block.line}: the reason is too short"
        if block.language == "python":
            ast.parse(block.text)
    python = [block for block in all_blocks() if block.language == "python"]
    assert sum(not block.is_run for block in python) <= len(python) // 20


def test_every_page_can_be_found() -> None:
    """In the navigation of the site."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    pages = [page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")]
    assert [page for page in pages if f": {page}\n" not in navigation] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
def test_a_page_says_first_who_needs_it(page: str) -> None:
    """Whoever need not read it can leave at once."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert lines[2].startswith(("For everybody", "For whoever"))


def test_pictures_say_what_the_texts_say() -> None:
    """Those that are drawn from the README's table and terminal; ``.ci/pictures`` draws them anew."""
    drawn = runpy.run_path(str(ROOT / ".ci/pictures"))["pictures"]()
    assert {name: (ROOT / "docs/pictures" / name).read_text(encoding="utf-8") for name in drawn} == drawn


def test_pictures_are_small_shown_and_have_a_text() -> None:
    """No file is left that no page shows; whoever sees none reads what they say."""
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES) + (ROOT / "mkdocs.yml").read_text()
    for file in (ROOT / "docs/pictures").iterdir():
        assert file.stat().st_size < 150_000
        assert file.name in text, f"no page shows {file.name}"
    assert re.findall(r"!\[\]\(", text) == []


@pytest.mark.slow
def test_blocks_are_well_typed(docs_program: Path) -> None:
    """``mypy --strict`` over the program that the blocks make."""
    pytest.importorskip("mypy", reason="belongs to the extra 'lint'")
    files = sorted(path.name for path in docs_program.glob("*.py"))
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), *files]
    cache = ["--cache-dir", str(ROOT / ".mypy_cache" / "docs")]
    checked = subprocess.run(
        [*command, *cache],
        cwd=docs_program,
        env={"MYPYPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
