"""The imports of the package, read from its source without running it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from tests.support import ROOT

PACKAGE = ROOT / "restate_reflect"


@functools.cache
def modules() -> dict[str, Path]:
    """Dotted name and file of every module of the package."""
    return {_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def imports_of(module: str, file: Path, *, top_level: bool = False) -> frozenset[str]:
    """Modules of this package that a module imports, but not those only for type checkers.

    With ``top_level`` without the imports inside functions, which run later or never.
    """
    tree = _tree(file)
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found = {name for node in _runtime_nodes(tree, top_level) for name in _imported(node, package)}
    return frozenset(name for name in found if name.split(".")[0] == PACKAGE.name)


@functools.cache
def read_imports(module: str, file: Path) -> frozenset[str]:
    """Modules of this package that a module names anywhere: at run time, in functions, and for type checkers."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found = {name for node in ast.walk(_tree(file)) for name in _imported(node, package)}
    return frozenset(found & _names() - {module})


@functools.cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(), str(file))


def part(module: str) -> str:
    """The first name below the package: a folder or a single file; empty for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _runtime_nodes(node: ast.AST, top_level: bool) -> Iterator[ast.AST]:
    """Every node below but those under ``if TYPE_CHECKING:``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr | ast.expr_context | ast.operator):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if top_level and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        yield child
        yield from _runtime_nodes(child, top_level)


def _imported(node: ast.AST, package: str) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if not isinstance(node, ast.ImportFrom):
        return set()
    base = _base(node, package)
    # `from package import module` names a module, `from module import name` an object in one.
    names = {f"{base}.{alias.name}" for alias in node.names}
    below = names & _names()
    return below if below == names else {base, *below}


def _base(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(modules())
