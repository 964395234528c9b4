"""Where classes stand in their files, from the syntax tree.

``inspect.getsource`` parses the whole file for every class; here a file is parsed once.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
from collections.abc import Iterator

__all__ = ["class_node", "file_of"]


def file_of(cls: type) -> str | None:
    """``None`` for classes without a source file, such as builtins."""
    try:
        return inspect.getsourcefile(cls)
    except (TypeError, OSError):
        return None


def class_node(cls: type) -> ast.ClassDef | None:
    """The ``class`` statement; ``None`` when there is no source (exec, a frozen program)."""
    file = file_of(cls)
    if file is None:
        return None
    module = sys.modules.get(cls.__module__)
    source = "".join(linecache.getlines(file, vars(module) if module else None))
    nodes = _by_qualified_name(source).get(cls.__qualname__, ())
    line = vars(cls).get("__firstlineno__")  # Python 3.13 and newer; counts decorators
    exact = [node for node in nodes if line in (node.lineno, *(d.lineno for d in node.decorator_list))]
    return (exact or [*nodes])[-1] if nodes else None


@functools.lru_cache(maxsize=32)
def _by_qualified_name(source: str) -> dict[str, list[ast.ClassDef]]:
    found: dict[str, list[ast.ClassDef]] = {}
    try:
        tree = ast.parse(source)
    except SyntaxError:  # the file changed after it was imported
        return found
    for name, node in _classes(tree, ""):
        found.setdefault(name, []).append(node)
    return found


def _classes(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield prefix + child.name, child
            yield from _classes(child, f"{prefix}{child.name}.")
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _classes(child, f"{prefix}{child.name}.<locals>.")
        else:
            yield from _classes(child, prefix)
