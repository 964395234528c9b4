"""Version gates as they stand in the source: those that nothing in flight has passed are in no journal."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator

from restate_reflect.checking._report import Report
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.versions import Gate

__all__ = ["add_unpassed", "written"]


def add_unpassed(service: ServiceDefinition, report: Report) -> None:
    """Adds the gates of a service that no replay has met, with how much could not be replayed."""
    passed = {gate for where, gate in report.gates if where.partition("/")[0] == service.name}
    rows = [row for row in report.rows.values() if row.name.partition("/")[0] == service.name]
    unseen = sum(row.in_flight + row.completed - row.replayed for row in rows)
    for where, gate in written(service):
        if gate not in passed:
            report.gate(where, gate).unseen = unseen


def written(service: ServiceDefinition) -> Iterator[tuple[str, Gate]]:
    """``Service/handler``, or ``Service`` for a gate in another method, and the gate, whose name is written out.

    Gates in functions outside of the class are not found: nothing says which services call them.
    """
    handlers = {each.qualified_name.rpartition(".")[2]: name for name, each in service.handlers.items()}
    for base in service.cls.__mro__:
        for method in _methods(base):
            name = handlers.get(method.name)
            where = service.name if name is None else f"{service.name}/{name}"
            yield from ((where, gate) for gate in _gates(method))


def _methods(cls: type) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):  # a builtin, or a class that was made without a file
        return
    for statement in tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else ():
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield statement


def _gates(method: ast.AST) -> Iterator[Gate]:
    for node in ast.walk(method):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="version"),
                args=[ast.Constant(value=str() as name)],
                keywords=[ast.keyword(arg="since", value=ast.Constant(value=int() as since))],
            ):
                yield Gate(name, since)
            case _:
                pass
