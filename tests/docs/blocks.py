"""The fenced blocks of the documentation, and the program they make.

Rules for writers of pages:

- Python blocks of a page make one module, top to bottom, with the page's line numbers. Its ``test_…`` functions are
  run as tests, with the ``durable`` and ``restate_env`` fixtures; everything is checked by ``mypy --strict``.
- A block with ``title="shop.py"`` is a file of that name instead, which other blocks of any page can import.
- ``sh`` blocks are commands; which of them are run, and how, stands in ``test_commands.py``.
- ``<!-- not run: reason -->`` above a block excuses it. ``text``, ``json`` and the like are what something prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Block", "blocks", "commands", "module_name", "write_program"]

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "docs" / "lint"
"""Pages of the linter's rules, each with an example of what not to write; ``tests/lint`` runs the linter over them."""
PAGES = [
    "README.md",
    *(
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "docs").rglob("*.md"))
        if path.parent != RULES or path.name == "index.md"
    ),
]

_FENCE = re.compile(r"^```(\w*)(?:\s+title=\"([^\"]+)\")?\s*$")
_EXCUSE = re.compile(r"^<!-- not run: (.+) -->$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    """Of its first line of text, from 1."""
    language: str
    title: str | None
    excuse: str | None
    text: str

    @property
    def is_run(self) -> bool:
        return self.language == "python" and self.excuse is None


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page. Raises ``ValueError`` for one that has no end."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    excuse, index = None, 0
    while index < len(lines):
        opening = _FENCE.match(lines[index])
        if opening is None:
            excuse = _excuse(lines[index], excuse)
            index += 1
            continue
        try:
            end = lines.index("```", index + 1)
        except ValueError:
            raise ValueError(f"{page}:{index + 1}: this block has no end") from None
        yield Block(page, index + 2, opening[1], opening[2], excuse, "\n".join(lines[index + 1 : end]))
        excuse, index = None, end + 1


def _excuse(line: str, before: str | None) -> str | None:
    """An excuse holds for the block that follows it, with nothing but empty lines between."""
    found = _EXCUSE.match(line)
    return found[1] if found else before if not line.strip() else None


def module_name(page: str) -> str:
    """``test_docs_guides_state`` for ``docs/guides/state.md``."""
    path = page.removesuffix(".md").removeprefix("docs/")
    return "test_docs_" + re.sub(r"\W", "_", path).lower()


def write_program(folder: Path) -> None:
    """Writes every block that is run into a file of its own or of its page."""
    for page in PAGES:
        run = [block for block in blocks(page) if block.is_run]
        for block in run:
            if block.title is not None:
                _write(folder / block.title, [block])
        untitled = [block for block in run if block.title is None]
        if untitled:
            _write(folder / f"{module_name(page)}.py", untitled)


def _write(file: Path, parts: Iterable[Block]) -> None:
    lines: list[str] = []
    for block in parts:
        if block.title is None:
            lines += [""] * (block.line - 1 - len(lines))
        lines += block.text.splitlines()
    if file.exists():
        raise ValueError(f"{file.name} is written by two blocks")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def commands(block: Block) -> Iterator[str]:
    """The commands of an ``sh`` block, with continued lines joined; comments at their end are kept."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()
