"""What a module of stubs may consist of; the last check before one is written, whatever was done before.

Names that are imported or defined there, literals, and calls of a few names with literals: nothing of that runs code
that is not this package's, pydantic's or the standard library's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from typing import Final

from restate_reflect.stubs._expressions import IMPORTS
from restate_reflect.stubs._shapes import StubsError

__all__ = ["check_source"]

_BASES: Final = frozenset({"Enum", "Protocol", "StubModel"})
_CALLED: Final = frozenset({"ConfigDict", "ContentType", "Field", "handler", "service"})
_KEYWORDS: Final = frozenset({"alias", "extra", "ge", "gt", "le", "lt", "max_length", "min_length", "name"})
_INSIDE: Final = (
    *(ast.Module, ast.ClassDef, ast.AsyncFunctionDef, ast.arguments, ast.arg, ast.Expr, ast.Assign, ast.AnnAssign),
    *(ast.ImportFrom, ast.alias, ast.Name, ast.Constant, ast.List, ast.Dict, ast.Tuple, ast.Subscript),
    *(ast.BinOp, ast.BitOr, ast.UnaryOp, ast.USub, ast.Call, ast.keyword, ast.Load, ast.Store),
)


def check_source(source: str, wanted: ast.Module) -> None:
    """Raises ``StubsError`` if the text is not what was wanted, or holds more than stubs need."""
    try:
        read = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise StubsError(f"the stubs would be no Python ({error}). Please report it with the JSON Schemas.") from error
    wrong = "something else than was meant" if ast.dump(read) != ast.dump(wanted) else next(_unknown(read), None)
    if wrong:
        raise StubsError(f"the stubs would hold {wrong}. Please report it with the JSON Schemas.")


def _unknown(module: ast.Module) -> Iterator[str]:
    imported = {alias.asname or alias.name: alias.name for node in _imports(module) for alias in node.names}
    classes = {node.name for node in module.body if isinstance(node, ast.ClassDef)}
    for node in ast.walk(module):
        if not isinstance(node, _INSIDE):
            yield type(node).__name__
        elif isinstance(node, ast.ImportFrom):
            yield from _unknown_import(node)
        elif isinstance(node, ast.Call):
            yield from _unknown_call(node, imported)
        elif isinstance(node, ast.ClassDef):
            yield from _unknown_base(node, imported)
        elif isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant):
            yield "an expression"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield from _unknown_name(node.id, imported.keys() | classes)


def _imports(module: ast.Module) -> list[ast.ImportFrom]:
    return [node for node in module.body if isinstance(node, ast.ImportFrom)]


def _unknown_import(node: ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        is_future = (node.module, alias.name) == ("__future__", "annotations")
        if not is_future and IMPORTS.get(alias.name) != node.module:
            yield f"an import of {node.module}.{alias.name}"


def _unknown_call(node: ast.Call, imported: dict[str, str]) -> Iterator[str]:
    called = imported.get(node.func.id) if isinstance(node.func, ast.Name) else None
    if called not in _CALLED:
        yield f"a call of {ast.unparse(node.func)}"
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    if not all(isinstance(value, (ast.Constant, ast.UnaryOp)) for value in values):
        yield "a call with more than literals"
    if not {keyword.arg for keyword in node.keywords} <= _KEYWORDS:
        yield "a call with an unknown keyword"


def _unknown_base(node: ast.ClassDef, imported: dict[str, str]) -> Iterator[str]:
    for base in node.bases:
        if not isinstance(base, ast.Name) or imported.get(base.id) not in _BASES:
            yield f"a class of {ast.unparse(base)}"
    if node.keywords or not all(isinstance(decorator, ast.Call) for decorator in node.decorator_list):
        yield "a class with more than a name"


def _unknown_name(name: str, known: Set[str]) -> Iterator[str]:
    if name not in known and IMPORTS.get(name) != "builtins":
        yield f"the name {name}"
