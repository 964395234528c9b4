"""Pieces of a syntax tree. Text gets into one as an identifier of ``_names`` or as a literal, and in no other way."""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

from restate_reflect.escaping import docstring_of

__all__ = [
    "argument",
    "assigned",
    "call",
    "class_",
    "docstring",
    "either",
    "field",
    "function",
    "import_from",
    "literal",
    "loaded",
    "subscript",
]

_MAX_INTEGER: Final = 2**256
_MAX_DEPTH: Final = 20


def loaded(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def subscript(name: str, parts: Sequence[ast.expr]) -> ast.expr:
    """``name[part, part]``."""
    inside = parts[0] if len(parts) == 1 else ast.Tuple(list(parts), ast.Load())
    return ast.Subscript(loaded(name), inside, ast.Load())


def either(choices: Sequence[ast.expr]) -> ast.expr:
    """``a | b | c``."""
    return functools.reduce(lambda left, right: ast.BinOp(left, ast.BitOr(), right), choices)


def call(function: str, *arguments: ast.expr, **named: ast.expr) -> ast.expr:
    return ast.Call(loaded(function), list(arguments), [ast.keyword(word, value) for word, value in named.items()])


def literal(value: Any, depth: int = 0) -> ast.expr | None:
    """JSON as Python writes it; ``None`` for what has no literal, such as NaN, and for what is nested too deep."""
    if value is None or isinstance(value, (bool, str)):
        return ast.Constant(value)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, list) and depth < _MAX_DEPTH:
        parts = _literals(value, depth)
        return None if parts is None else ast.List(parts, ast.Load())
    if isinstance(value, Mapping) and depth < _MAX_DEPTH and all(isinstance(key, str) for key in value):
        parts = _literals(value.values(), depth)
        return None if parts is None else ast.Dict([ast.Constant(key) for key in value], parts)
    return None


def _literals(values: Iterable[Any], depth: int) -> list[ast.expr] | None:
    parts = [literal(value, depth + 1) for value in values]
    spelled = [part for part in parts if part is not None]
    return spelled if len(spelled) == len(parts) else None


def _number(value: float) -> ast.expr | None:
    if not (math.isfinite(value) if isinstance(value, float) else abs(value) < _MAX_INTEGER):
        return None
    if math.copysign(1, value) < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def docstring(text: str | None, indent: str) -> list[ast.stmt]:
    """None for a text that says nothing."""
    return [docstring_of(text, indent)] if text else []


def import_from(module: str, names: Mapping[str, str]) -> ast.stmt:
    """Names to what they are called here."""
    aliases = [ast.alias(name, None if name == here else here) for name, here in sorted(names.items())]
    return ast.ImportFrom(module, aliases, 0, **_NOT_LAZY)


_NOT_LAZY: Final[dict[str, Any]] = {"is_lazy": 0} if "is_lazy" in ast.ImportFrom._fields else {}
"""As Python 3.15 reads an import; a node that is made there without it has None."""


def assigned(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value, lineno=0)


def field(name: str, annotation: ast.expr, default: ast.expr | None) -> ast.stmt:
    """``name: annotation = default``."""
    return ast.AnnAssign(ast.Name(name, ast.Store()), annotation, default, 1)


def argument(name: str, annotation: ast.expr | None = None) -> ast.arg:
    return ast.arg(name, annotation)


def class_(name: str, base: str, body: Sequence[ast.stmt], decorator: ast.expr | None = None) -> ast.ClassDef:
    # Parsed, so that it has the fields of this Python's ClassDef, whichever they are.
    made = cast(ast.ClassDef, ast.parse("class name: ...").body[0])
    made.name, made.bases, made.body = name, [loaded(base)], list(body) or made.body
    made.decorator_list = [decorator] if decorator else []
    return made


def function(
    name: str, arguments: ast.arguments, returns: ast.expr, body: Sequence[ast.stmt], decorator: ast.expr | None
) -> ast.AsyncFunctionDef:
    """Its body is a docstring at most, and ``...``."""
    made = cast(ast.AsyncFunctionDef, ast.parse("async def name(): ...").body[0])
    made.name, made.args, made.returns = name, arguments, returns
    made.body = [*body, *made.body]
    made.decorator_list = [decorator] if decorator else []
    return made
