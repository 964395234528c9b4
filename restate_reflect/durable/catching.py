"""Whether a ``try`` in the user's source catches asyncio's cancellation around a line, and Restate's not."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType
from typing import Final, NamedTuple

__all__ = ["Caught", "skips_cancellation"]

_CATCH_RESTATES: Final = frozenset(
    {"InvocationCancelledError", "TerminalError", "RestateReflectError", "Exception", "BaseException"}
)


class Caught(NamedTuple):
    """An ``except``."""

    name: str
    """As it is written: ``asyncio.CancelledError``."""
    line: int


def skips_cancellation(code: CodeType, line: int) -> Caught | None:
    """The ``except asyncio.CancelledError`` around this line of a function that its author meant for cancellations.

    ``None`` if there is none, if something else there catches Restate's, or if the source is not to be had.
    """
    try:
        lines, first = inspect.getsourcelines(code)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    for each in _tries_around(tree, line - max(first, 1) + 1):
        names = {name: handler.lineno for handler in each.handlers for name in _names(handler.type)}
        if any(_last(name) in _CATCH_RESTATES for name in names):
            return None
        for name, at in names.items():
            if _last(name) == "CancelledError":
                return Caught(name, at + max(first, 1) - 1)
    return None


def _tries_around(tree: ast.AST, line: int) -> Iterator[ast.Try]:
    """The innermost first."""
    found = [
        each
        for each in ast.walk(tree)
        if isinstance(each, ast.Try) and each.body[0].lineno <= line <= (each.body[-1].end_lineno or 0)
    ]
    yield from sorted(found, key=lambda each: -each.lineno)


def _names(caught: ast.expr | None) -> list[str]:
    """``BaseException`` for a bare except."""
    if caught is None:
        return ["BaseException"]
    return [ast.unparse(each) for each in (caught.elts if isinstance(caught, ast.Tuple) else [caught])]


def _last(name: str) -> str:
    return name.rpartition(".")[2]
