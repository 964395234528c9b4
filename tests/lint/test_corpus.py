"""How much is found, how much is told for nothing, and what it costs.

``corpus/unseen`` was written from the list of what is to be found, before its author had read the rules' sources;
``corpus/seen`` after that. A marker at the end of a line names what is wrong with it:
``# expect: RR101``, several with blanks between them, ``/`` between codes of which one will do. ``corpus/clean`` holds
what only looks like a fault.
"""

from __future__ import annotations

import ast
import re
import shutil
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from restate_reflect.lint import Config, Finding, lint
from tests.support import ROOT

CORPUS = Path(__file__).parent / "corpus"
SHARE = 0.95
"""Of the faults, at least."""

Place = tuple[str, int]


def expected(folder: Path) -> dict[Place, list[set[str]]]:
    """Faults by file and line; each is a set of codes of which one will do."""
    places: dict[Place, list[set[str]]] = {}
    for path in sorted(folder.rglob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            marker = re.search(r"# expect: (.+)", line)
            if marker is not None:
                places[str(path), number] = [set(each.split("/")) for each in marker[1].split()]
    return places


def found(findings: list[Finding]) -> dict[Place, set[str]]:
    places: dict[Place, set[str]] = {}
    for finding in findings:
        places.setdefault((str(finding.path), finding.line), set()).add(finding.code)
    return places


@pytest.mark.parametrize("half", ["unseen", "seen"])
def test_nearly_all_faults_are_found(half: str) -> None:
    """95 % of a hundred at the line where they are; whoever adds a fault that is missed leaves it in."""
    faults, told = expected(CORPUS / half), found(lint([CORPUS / half]))
    missed = [(place, codes) for place, each in faults.items() for codes in each if not codes & told.get(place, set())]
    count = sum(map(len, faults.values()))
    assert count >= 100
    assert count - len(missed) >= SHARE * count, missed


def test_every_rule_about_handlers_has_faults_in_the_corpus() -> None:
    """Otherwise the share says nothing about it."""
    from restate_reflect.lint import RULES

    named = {code for each in expected(CORPUS).values() for codes in each for code in codes}
    assert named == set(RULES) - {"RR001"}


@pytest.mark.parametrize("half", ["unseen", "seen", "clean"])
def test_nothing_else_is_told(half: str) -> None:
    """Each finding has its marker."""
    faults = expected(CORPUS / half)
    extra = {
        place: codes - set().union(*faults.get(place, []))
        for place, codes in found(lint([CORPUS / half])).items()
        if codes - set().union(*faults.get(place, []))
    }
    assert extra == {}


# ---------------------------------------------------------------- ordinary code


LIBRARIES = ("aiohttp", "anyio", "h2", "hypothesis", "_pytest", "asyncio")


def library(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def sources() -> Iterator[Path]:
    for name in LIBRARIES:
        yield from sorted(library(name).rglob("*.py"))


def lines(paths: list[Path]) -> int:
    return sum(path.read_bytes().count(b"\n") for path in paths)


def test_nothing_is_told_of_ordinary_libraries(tmp_path: Path) -> None:
    """Asyncio's own sources, aiohttp, anyio and others, in a project with handlers: 20,000 lines at least."""
    for name in LIBRARIES:
        shutil.copytree(library(name), tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    shutil.copytree(CORPUS / "clean", tmp_path / "clean")
    assert lines(list(tmp_path.rglob("*.py"))) > 20_000
    assert [each for each in lint([tmp_path]) if each.code != "RR001"] == []


STRUCTURAL = ("RR110", "RR203", "RR204", "RR205", "RR206", "RR301", "RR304", "RR305", "RR306")
"""Rules about how asyncio is used; what a library does with sockets, clocks and ``self`` is right where it is."""


@pytest.mark.slow
def test_asyncio_and_aiohttp_use_asyncio_in_an_ordinary_way(tmp_path: Path) -> None:
    """Also if each of their coroutine functions were a handler's helper: no loop, task, call or set is told of."""
    count = 0
    for name in ("asyncio", "aiohttp"):
        for path in library(name).rglob("*.py"):
            source = path.read_text()
            count += source.count("\n")
            target = tmp_path / name / path.relative_to(library(name))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(as_helpers(source))
    assert count > 20_000
    findings = lint([tmp_path], Config(select=STRUCTURAL))
    assert [(each.path.name, each.line, each.code) for each in findings] == []
    assert lint([tmp_path], Config(select=("RR106",))) != []  # they were looked at


def as_helpers(source: str) -> str:
    """The same module, in which each ``async def`` takes a context, too."""
    tree = ast.parse(source)
    methods = {id(each) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for each in node.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef):
            place = 1 if id(node) in methods and node.args.args else 0
            node.args.args.insert(place, ast.arg("durable_context", ast.Name("DurableContext")))
    first = next((index for index, node in enumerate(tree.body) if not _is_heading(node)), 0)
    tree.body.insert(first, ast.parse("from restate_reflect import Context as DurableContext").body[0])
    return ast.unparse(ast.fix_missing_locations(tree))


def _is_heading(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) or (isinstance(node, ast.ImportFrom) and node.module == "__future__")


# ---------------------------------------------------------------- speed


def test_a_hundred_thousand_lines_take_less_than_five_seconds(tmp_path: Path) -> None:
    """Of CPU: libraries and services, some 8,000 lines of them handlers with faults."""
    wanted = 100_000
    copied = [tmp_path / f"{name}{number}" for number in range(4) for name in ("corpus", "examples")]
    for folder in copied:
        shutil.copytree(CORPUS if "corpus" in folder.name else ROOT / "examples", folder)
    count = lines(list(tmp_path.rglob("*.py")))
    for path in sources():
        if count < wanted:
            target = tmp_path / path.parent.name / f"{count}_{path.name}"
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
            count += lines([path])
    assert count >= wanted
    began = time.process_time()
    assert len(lint([tmp_path])) > 500
    took = time.process_time() - began
    print(f"{count:,} lines in {took:.1f} s of CPU")
    assert took < 5
