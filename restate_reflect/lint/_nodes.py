"""Walking ``ast``, without the nodes that no rule asks for: ``Load``, ``Add``, ``And``, which are a third of all."""

from __future__ import annotations

import ast
from typing import Final

__all__ = ["children", "within"]

_SCOPES: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LEFT_OUT: Final = {
    "ctx", "op", "ops", "id", "attr", "arg", "name", "asname", "names", "module", "level", "kind", "conversion",
    "type_comment", "is_async", "simple", "kwd_attrs",
}  # fmt: skip
_fields: Final[dict[type[ast.AST], tuple[str, ...]]] = {}


def children(node: ast.AST) -> list[ast.AST]:
    """What a node consists of, in source order."""
    kind = type(node)
    fields = _fields.get(kind)
    if fields is None:
        fields = _fields[kind] = tuple(name for name in node._fields if name not in _LEFT_OUT)
    found: list[ast.AST] = []
    for name in fields:
        value = getattr(node, name, None)
        if not value:  # which most are: no decorators, no keywords, no ``else``
            continue
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += value if None not in value else [each for each in value if each is not None]
    return found


def within(body: list[ast.stmt]) -> list[ast.AST]:
    """All nodes of statements, in source order; functions and classes defined there, but not what is in them."""
    waiting: list[ast.AST] = [*reversed(body)]
    found: list[ast.AST] = []
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, _SCOPES):
            waiting += children(node)[::-1]
    return found
