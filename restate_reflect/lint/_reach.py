"""Which code runs on the durable loop: handlers, and whatever they call, followed within the project.

The body of a step (the function given to ``ctx.run``) does not, nor does what stands in ``with ctx.unguarded():``; what
only those call is not looked at.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from restate_reflect.lint._handing import is_kept, runs_here, step_bodies
from restate_reflect.lint._nodes import children as parts
from restate_reflect.lint._project import Class, Function, Project
from restate_reflect.lint._symbols import Symbols, is_context

__all__ = ["Reached", "reached"]

_TAKE_A_HANDLER = {"call", "send", "target", "submit"}


@dataclass(eq=False, slots=True)
class Reached:
    """A function that runs on the durable loop."""

    function: Function
    handler: Function
    """The one that led here; itself, for a handler."""
    nodes: list[ast.AST]
    """Everything in it that runs there, in source order."""
    parents: dict[int, ast.AST] = field(repr=False)
    made: set[int] = field(repr=False)
    """Classes (by ``id``) that code on the durable loop makes instances of: those belong to one invocation. One set,
    which is complete when everything is reached."""
    held: set[int] = field(repr=False)
    """Classes of what services have as attributes: those are shared by invocations. One set as well."""

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, from the inside, up to the function."""
        while (parent := self.parents.get(id(node))) is not None:
            yield parent
            node = parent


def reached(project: Project, symbols: Symbols) -> list[Reached]:
    """Every function that runs on the durable loop, handlers first."""
    roots = [
        each
        for module in list(project.modules.values())
        for each in module.all_functions
        if _has_context(each, symbols)
    ]
    waiting = deque((root, root) for root in roots)
    found: dict[int, Reached] = {}
    made: set[int] = set()
    held: set[int] = set()
    while waiting:
        function, handler = waiting.popleft()
        if id(function) in found:
            continue
        view = _view(Reached(function, handler, [], {}, made, held), symbols)
        found[id(function)] = view
        waiting.extend((each, handler) for each in _called(view, project, symbols))
    return list(found.values())


def _has_context(function: Function, symbols: Symbols) -> bool:
    return any(
        is_context(symbols.annotated(each.annotation, function))
        for each in function.parameters
        if each.annotation is not None
    )


def _view(view: Reached, symbols: Symbols) -> Reached:
    function = view.function
    waiting: list[ast.AST] = list(reversed(function.node.body))
    for statement in function.node.body:
        view.parents[id(statement)] = function.node
    while waiting:
        node = waiting.pop()
        view.nodes.append(node)
        found = _children(node, function, symbols)
        for child in found:
            view.parents[id(child)] = node
        waiting += found[::-1]
    return view


def _children(node: ast.AST, function: Function, symbols: Symbols) -> list[ast.AST]:
    """What runs with a node."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return []
    left_out = _left_out(node, function, symbols) if isinstance(node, _HIDING) else ()
    found = parts(node)
    return [child for child in found if id(child) not in left_out] if left_out else found


_HIDING = (ast.AnnAssign, ast.With, ast.AsyncWith, ast.Call, ast.Tuple, ast.List, ast.Dict)


def _left_out(node: ast.AST, function: Function, symbols: Symbols) -> set[int]:
    match node:
        case ast.AnnAssign():
            return {id(node.annotation)}
        case ast.With() | ast.AsyncWith() if any(_is_unguarded(each, function, symbols) for each in node.items):
            return {id(each) for each in node.body}
        case ast.Call(func=ast.Attribute() as called, args=[first, *_]) if (
            called.attr in _TAKE_A_HANDLER and is_context(symbols.of(called.value, function))
        ):
            return {id(first)}
        case ast.Call() | ast.Tuple() | ast.List() | ast.Dict():
            kept = {id(each) for each in parts(node) if isinstance(each, ast.Lambda) and is_kept(each, node)}
            return kept | {
                id(each) for each in (step_bodies(node, function, symbols) if isinstance(node, ast.Call) else ())
            }
        case _:
            pass
    return set()


def _is_unguarded(item: ast.withitem, function: Function, symbols: Symbols) -> bool:
    symbol = symbols.of(item.context_expr, function)
    return symbol is not None and symbol.endswith(".unguarded()") and is_context(symbol[: -len(".unguarded()")])


def _called(view: Reached, project: Project, symbols: Symbols) -> Iterator[Function]:
    """Functions of the project that a function calls, hands on, or enters."""
    for node in view.nodes:
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            symbol = symbols.of(node, view.function)
            target = None if symbol is None else symbols.target(symbol)
            if isinstance(target, Function) and _is_run(node, target, view, symbols):
                if target.cls is not None and _is_of_own_attribute(node, view.function):
                    view.held.add(id(target.cls))
                yield target
            elif isinstance(target, Class) and isinstance(view.parents.get(id(node)), ast.Call):
                view.made.add(id(target))
                yield from _methods(project, target, "__init__", "__post_init__")
        elif isinstance(node, ast.withitem):
            symbol = symbols.of(node.context_expr, view.function)
            cls = project.find(symbol[:-2]) if symbol is not None and symbol.endswith("()") else None
            if isinstance(cls, Class):
                yield from _methods(project, cls, "__enter__", "__exit__", "__aenter__", "__aexit__")


def _is_run(node: ast.expr, target: Function, view: Reached, symbols: Symbols) -> bool:
    """A property is run by being named."""
    return bool(target.node.decorator_list) or runs_here(node, view.parents.get(id(node)), view.function, symbols)


def _is_of_own_attribute(node: ast.Name | ast.Attribute, function: Function) -> bool:
    """``self.stock.take``."""
    owner = node.value if isinstance(node, ast.Attribute) else None
    if not isinstance(owner, ast.Attribute) or not isinstance(owner.value, ast.Name) or function.cls is None:
        return False
    return not function.is_static and owner.value.id == function.parameters[0].arg


def _methods(project: Project, cls: Class, *names: str) -> Iterator[Function]:
    return filter(None, (project.method(cls, name) for name in names))
