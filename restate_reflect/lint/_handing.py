"""Functions that are given to others: to steps, whose bodies do not run on the durable loop, or to what calls them.

A wrapper of ``ctx.run`` is known by what it does with its parameter; of a function that is only kept (in a list of
compensations, say) nobody knows where it will run, and no rule looks at it for that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from restate_reflect.lint._project import Function
from restate_reflect.lint._symbols import Symbols, is_context

__all__ = ["is_kept", "is_step", "runs_here", "step_bodies", "step_body"]


def is_step(call: ast.Call, function: Function, symbols: Symbols) -> bool:
    """``ctx.run(…)``, with or without options."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "run":
        return False
    owner = symbols.of(call.func.value, function)
    return is_context(owner) or (
        owner is not None and owner.endswith(".options()") and is_context(owner[: -len(".options()")])
    )


def step_body(call: ast.Call) -> ast.expr | None:
    """The function of a step."""
    return call.args[1] if len(call.args) > 1 else None


def step_bodies(call: ast.Call, function: Function, symbols: Symbols) -> Iterator[ast.expr]:
    """What of a call's arguments becomes the body of a step, here or in the function that is called."""
    if is_step(call, function, symbols) or _is_pattern(call, function, symbols):
        yield from call.args[1:2]
        return
    for argument, target, name in _arguments(call, function, symbols):
        if isinstance(argument, (ast.Name, ast.Attribute, ast.Lambda, ast.Call)) and _is_step_there(
            target, name, symbols, 3
        ):
            yield argument


def _is_pattern(call: ast.Call, function: Function, symbols: Symbols) -> bool:
    """``undo("refund", refund, …)`` of a saga, ``map_bounded(ctx, fetch, …)``."""
    symbol = symbols.of(call.func, function) or ""
    name = symbol.rpartition(".")[2]
    return symbol.startswith("restate_reflect.patterns.") and name in {"saga()", "Saga()", "map_bounded"}


def _is_step_there(target: Function, name: str, symbols: Symbols, depth: int) -> bool:
    """Whether a function makes a step of its parameter, or hands it on to one that does."""
    for node in ast.walk(target.node):
        if not isinstance(node, ast.Call) or not depth:
            continue
        if is_step(node, target, symbols) or _is_pattern(node, target, symbols):
            if any(_mentions(body, name) for body in node.args[1:2]):
                return True
        elif any(
            isinstance(argument, ast.Name) and argument.id == name and _is_step_there(other, inner, symbols, depth - 1)
            for argument, other, inner in _arguments(node, target, symbols)
        ):
            return True
    return False


def _mentions(expression: ast.expr, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(expression))


def _arguments(call: ast.Call, function: Function, symbols: Symbols) -> Iterator[tuple[ast.expr, Function, str]]:
    """Arguments of a call into the project, with the function that is called and the parameter's name there."""
    symbol = symbols.of(call.func, function)
    target = None if symbol is None else symbols.target(symbol)
    if not isinstance(target, Function):
        return
    parameters = target.own_parameters
    for argument, parameter in zip(call.args, parameters, strict=False):
        yield argument, target, parameter.arg
    names = {parameter.arg for parameter in parameters}
    for word in call.keywords:
        if word.arg in names:
            yield word.value, target, word.arg


# ---------------------------------------------------------------- what is called where it was given to


_CALLERS: Final = {"map", "filter", "sorted", "min", "max", "reduce"}
_SCHEDULERS: Final = {
    "call_soon", "call_later", "call_at", "add_done_callback", "start_soon", "start", "sort", "push_async_callback",
    "callback", "enter_async_context",
}  # fmt: skip


def runs_here(node: ast.expr, parent: ast.AST | None, function: Function, symbols: Symbols) -> bool:
    """Whether a function that is named is called by this code: in place, or by whom it is given to."""
    if isinstance(parent, ast.keyword):
        return parent.arg in {"key", "default_factory"}
    if not isinstance(parent, ast.Call) or parent.func is node:
        return isinstance(parent, (ast.Call, ast.Attribute, ast.withitem, ast.Await))
    name = parent.func.id if isinstance(parent.func, ast.Name) else getattr(parent.func, "attr", "")
    if name in _CALLERS | _SCHEDULERS:
        return True
    return any(
        argument is node and _calls(target, parameter)
        for argument, target, parameter in _arguments(parent, function, symbols)
    )


def _calls(target: Function, name: str) -> bool:
    """Whether a function calls its parameter, or hands it on."""
    return any(
        isinstance(node, ast.Call)
        and any(isinstance(each, ast.Name) and each.id == name for each in (node.func, *node.args))
        for node in ast.walk(target.node)
    )


_KEEPERS: Final = {"append", "appendleft", "insert", "add", "setdefault"}


def is_kept(node: ast.Lambda, parent: ast.AST | None) -> bool:
    """Whether a lambda is only put somewhere: ``undo.append(lambda: refund(order))``."""
    if isinstance(parent, ast.Call):
        return isinstance(parent.func, ast.Attribute) and parent.func.attr in _KEEPERS
    return isinstance(parent, (ast.Tuple, ast.List, ast.Dict))
