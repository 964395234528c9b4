"""Paths -> findings."""

from __future__ import annotations

import ast
import gc
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from itertools import starmap
from pathlib import Path

from restate_reflect.lint._config import Config
from restate_reflect.lint._findings import Finding, place_of
from restate_reflect.lint._look import Look, Spot
from restate_reflect.lint._project import Module, Project
from restate_reflect.lint._reach import reached
from restate_reflect.lint._rules import RULES
from restate_reflect.lint._shape import shapes
from restate_reflect.lint._symbols import Symbols

__all__ = ["LintError", "lint"]


class LintError(Exception):
    """A path or a file can't be read; the text says which and why."""


def lint(paths: Iterable[Path], config: Config | None = None) -> list[Finding]:
    """What is found in files, and in folders with everything below, in the order of places.

    Calls are followed within what is given; a helper in a file that is not given is not looked at.

    Raises:
        LintError: A path does not exist, or a file can't be read.
    """
    was_enabled = gc.isenabled()
    gc.disable()  # trees only grow, and looking for garbage in them takes two thirds of the time to parse
    try:
        return _lint(paths, config or Config())
    finally:
        if was_enabled:
            gc.enable()


def _lint(paths: Iterable[Path], config: Config) -> list[Finding]:
    project = Project((path, _read(path)) for path in _files(paths, config))
    symbols = Symbols(project)
    spots = [*_durable(project, symbols), *_shapes(project, symbols)]
    findings = {_finding(code, spot, module) for code, spot, module in spots if config.wants(code, module.path)}
    allowed = _Allowed(project)
    return sorted([*starmap(_broken, project.broken), *(each for each in findings if each not in allowed)])


def _files(paths: Iterable[Path], config: Config) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from _below(path, config)
        elif path.exists():
            yield path
        else:
            raise LintError(f"{path}: there is no such file or folder.")


def _below(folder: Path, config: Config) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if config.excludes(path):
            continue
        if path.is_dir():
            yield from _below(path, config)
        elif path.suffix == ".py":
            yield path


def _read(path: Path) -> str:
    try:
        with tokenize.open(path) as file:
            return file.read()
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError) as error:
        raise LintError(f"{path}: can't be read: {error}") from error


def _broken(path: Path, error: SyntaxError) -> Finding:
    line = error.lineno or 1
    message = f"{error.msg}: not looked at. Run the linter with the Python that the code is written for."
    return Finding(path, line, error.offset or 1, "RR001", message, line)


def _durable(project: Project, symbols: Symbols) -> Iterator[tuple[str, Spot, Module]]:
    for view in reached(project, symbols):
        look = Look(view, symbols, project)
        for rule in RULES.values():
            for spot in rule.check(look) if rule.check is not None else ():
                yield rule.code, spot, view.function.module


def _shapes(project: Project, symbols: Symbols) -> Iterator[tuple[str, Spot, Module]]:
    for module in list(project.modules.values()):
        for code, spot in shapes(module, project, symbols):
            yield code, spot, module


def _finding(code: str, spot: Spot, module: Module) -> Finding:
    (line, column), (end_line, _) = place_of(spot.node)
    if isinstance(spot.node, (ast.ExceptHandler, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef, ast.While)):
        end_line = line  # the heading is what is meant
    text = module.source.splitlines()[line - 1].encode()[:column].decode()
    return Finding(module.path, line, len(text) + 1, code, spot.message, end_line, spot.edits)


_NOQA = re.compile(r"#\s*noqa(?::\s*(?P<codes>[A-Z]+[0-9]*(?:[,\s]+[A-Z]+[0-9]*)*))?", re.IGNORECASE)


class _Allowed:
    """What a comment on one of its lines allows: ``# noqa: RR101``, or ``# noqa`` for everything."""

    def __init__(self, project: Project) -> None:
        self._modules = {module.path: module for module in project.modules.values()}
        self._comments: dict[Path, dict[int, str]] = {}

    def __contains__(self, finding: Finding) -> bool:
        comments = self._of(finding.path)
        return any(_allows(comments.get(line, ""), finding.code) for line in range(finding.line, finding.end_line + 1))

    def _of(self, path: Path) -> dict[int, str]:
        """Comments by line; a string that looks like one is none."""
        if path not in self._comments:
            source = self._modules[path].source
            tokens = tokenize.generate_tokens(io.StringIO(source).readline) if "noqa" in source.lower() else ()
            self._comments[path] = {each.start[0]: each.string for each in tokens if each.type == tokenize.COMMENT}
        return self._comments[path]


def _allows(comment: str, code: str) -> bool:
    found = _NOQA.search(comment)
    if found is None:
        return False
    codes = found["codes"]
    return codes is None or any(code.startswith(each.upper()) for each in re.split(r"[,\s]+", codes))
