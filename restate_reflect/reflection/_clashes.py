"""Handlers that have several definitions or signatures under one name."""

from __future__ import annotations

import ast
import typing
from collections import Counter

import typing_extensions

from restate_reflect.reflection._problems import Problems
from restate_reflect.reflection._scan import Method
from restate_reflect.reflection._source import class_node

__all__ = ["report_clashes"]

# Decorators under which a second definition adds to the first one instead of replacing it.
_ADDING = ("overload", "setter", "getter", "deleter", "register")


def report_clashes(methods: list[Method], problems: Problems) -> None:
    """``methods`` are the handlers of one class."""
    twice = {owner: _defined_twice(owner) for owner in dict.fromkeys(method.owner for method in methods)}
    for method in methods:
        if method.several_signatures or _overloads(method):
            what = f"'{method.name}' is overloaded; a handler has one signature on the wire."
            problems.at_method(method, "overloaded", what, "Write one handler per signature, or one with a union type.")
        elif method.name in twice[method.owner]:
            what = f"'{method.name}' is defined twice in {method.owner.__name__}; only the last definition is left."
            problems.at_method(method, "defined-twice", what, "Rename one of them.")


def _overloads(method: Method) -> bool:
    return bool(typing.get_overloads(method.innermost) or typing_extensions.get_overloads(method.innermost))


def _defined_twice(cls: type) -> set[str]:
    """Python replaces the first definition without a word, so only the source can tell."""
    node = class_node(cls)
    body = node.body if node else []
    names = Counter(
        statement.name
        for statement in body
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and not _adds_to_another(statement)
    )
    return {name for name, count in names.items() if count > 1}


def _adds_to_another(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(decorator).split("(")[0].endswith(_ADDING) for decorator in node.decorator_list)
