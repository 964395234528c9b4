"""What a check gets to look at, and what it gives back."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias, TypeVar, cast

from restate_reflect.lint._findings import Edit, place_of
from restate_reflect.lint._handing import is_step
from restate_reflect.lint._project import Function, Project
from restate_reflect.lint._reach import Reached
from restate_reflect.lint._symbols import Symbols, context_kind, is_context

__all__ = ["Check", "Look", "Spot", "replaced"]


N = TypeVar("N", bound=ast.AST)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place, what is wrong with it and what to write instead."""

    node: ast.AST
    message: str
    edits: tuple[Edit, ...] = ()


@dataclass(eq=False)
class Look:
    """One function that runs on the durable loop."""

    reached: Reached
    symbols: Symbols
    project: Project

    @cached_property
    def mentions(self) -> list[tuple[ast.expr, str]]:
        """Each longest name in the function and what it stands for; values (that end with a call) and annotations are
        none: they were mentioned where they were made."""
        names = (node for node in self.nodes if isinstance(node, (ast.Name, ast.Attribute)))  # in source order
        return [(node, symbol) for node in names if (symbol := self._mentioned(node)) is not None]

    def _mentioned(self, node: ast.Name | ast.Attribute) -> str | None:
        if not isinstance(node.ctx, ast.Load):
            return None
        parent = self.parent(node)
        if isinstance(parent, ast.Attribute) or self._is_only_asked_about(parent):
            return None
        symbol = self.symbol(node)
        return None if symbol is None or symbol.endswith("()") or symbol.startswith("restate_reflect.") else symbol

    def _is_only_asked_about(self, parent: ast.AST | None) -> bool:
        """A class in ``isinstance(x, httpx.Response)`` or ``except httpx.HTTPError``."""
        if isinstance(parent, ast.Tuple):
            parent = self.parent(parent)
        if isinstance(parent, ast.ExceptHandler):
            return True
        return isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in _ASKING

    @property
    def function(self) -> Function:
        return self.reached.function

    @property
    def nodes(self) -> list[ast.AST]:
        return self.reached.nodes

    @property
    def whence(self) -> str:
        """For the middle of a message: which handler leads here, if that is another function."""
        handler = self.reached.handler
        return "" if handler is self.function else f", which {handler.name} leads to,"

    def symbol(self, node: ast.expr | None) -> str | None:
        return self.symbols.of(node, self.function)

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self.reached.parents.get(id(node))

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        return self.reached.above(node)

    @cached_property
    def calls(self) -> list[ast.Call]:
        return self.of(ast.Call)

    def of(self, kind: type[N]) -> list[N]:
        """All nodes of a kind, in source order."""
        return cast("list[N]", self._by_kind.get(kind, []))

    @cached_property
    def _by_kind(self) -> dict[type[ast.AST], list[ast.AST]]:
        found: dict[type[ast.AST], list[ast.AST]] = {}
        for node in self.nodes:
            found.setdefault(type(node), []).append(node)
        return found

    @cached_property
    def steps(self) -> list[ast.Call]:
        return [call for call in self.calls if is_step(call, self.function, self.symbols)]

    def context_name(self) -> str | None:
        """The name of the context here, for a fix."""
        for parameter in self.function.parameters:
            if parameter.annotation is not None and is_context(
                self.symbols.annotated(parameter.annotation, self.function)
            ):
                return parameter.arg
        return None

    def kind(self, node: ast.expr) -> str | None:
        """The class of the context that an expression is."""
        return context_kind(self.symbol(node))


_ASKING: Final = {"isinstance", "issubclass", "cast"}

Check: TypeAlias = Callable[[Look], Iterable[Spot]]


def replaced(node: ast.expr, text: str) -> tuple[Edit, ...]:
    """Another text in place of an expression."""
    start, end = place_of(node)
    return (Edit(start, end, text),)
