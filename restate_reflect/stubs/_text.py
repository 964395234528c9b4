"""Classes as text, laid out as people write them; ``ast.unparse`` alone would write ``a: int=1``.

What comes out is parsed and compared with what went in (``_allowed``), so that a mistake here is an error and no more.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

__all__ = ["class_text"]

_INDENT = "    "


def class_text(made: ast.ClassDef) -> str:
    """A class of stubs; without a newline at its end."""
    head = [f"@{ast.unparse(decorator)}" for decorator in made.decorator_list]
    head.append(f"class {made.name}({', '.join(map(ast.unparse, made.bases))}):")
    return "\n".join([*head, *_body(made.body)])


def _body(body: list[ast.stmt]) -> Iterator[str]:
    """With an empty line around methods, and behind a docstring."""
    after: ast.stmt | None = None
    for each in body:
        if after is not None and any(isinstance(one, (ast.Expr, ast.AsyncFunctionDef)) for one in (after, each)):
            yield ""
        yield from _method(each) if isinstance(each, ast.AsyncFunctionDef) else [_INDENT + _line(each)]
        after = each


def _line(each: ast.stmt) -> str:
    return ast.unparse(ast.Module([each], []))  # a string is a docstring as the first of a module


def _method(made: ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in made.decorator_list:
        yield f"{_INDENT}@{ast.unparse(decorator)}"
    returns = f" -> {ast.unparse(made.returns)}" if made.returns else ""
    head = f"{_INDENT}async def {made.name}({', '.join(_parameters(made.args))}){returns}:"
    if len(made.body) == 1:
        yield f"{head} {_line(made.body[0])}"
    else:
        yield head
        yield from (_INDENT * 2 + _line(each) for each in made.body)


def _parameters(made: ast.arguments) -> Iterator[str]:
    without = [None] * (len(made.args) - len(made.defaults))
    for parameter, default in zip(made.args, [*without, *made.defaults], strict=True):
        yield _parameter(parameter, default)
    if made.kwonlyargs:
        yield "*"
    for parameter, default in zip(made.kwonlyargs, made.kw_defaults, strict=True):
        yield _parameter(parameter, default)


def _parameter(made: ast.arg, default: ast.expr | None) -> str:
    return ast.unparse(made) + (f" = {ast.unparse(default)}" if default else "")
