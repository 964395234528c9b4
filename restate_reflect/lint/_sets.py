"""RR110: a set whose order decides that of steps; it follows hashes, which differ from process to process."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from restate_reflect.lint._look import Look, Spot, replaced

__all__ = ["set_order"]


def set_order(look: Look) -> Iterator[Spot]:
    """A set that is walked where something durable happens on the way, or whose order becomes a list's."""
    told: set[int] = set()
    kinds = (ast.For, ast.AsyncFor, ast.comprehension, ast.Starred, ast.Call)
    for node in (node for kind in kinds for node in look.of(kind)):
        walked = _walked(node)
        if walked is None:
            continue
        source = _set_behind(look, walked)
        if source is None or _holds_tasks(look, walked) or _holds_tasks(look, source):
            continue
        if id(source) not in told and (_decides(look, node) or _picks(look, node)):
            told.add(id(source))
            message = (
                "the order of a set differs from process to process, and decides the order of steps here. Use"
                " sorted(…), a list or a dict."
            )
            edits = replaced(walked, f"sorted({ast.unparse(walked)})") if walked is source else ()
            yield Spot(walked, message, edits)


# ---------------------------------------------------------------- the set that is walked


def _walked(node: ast.AST) -> ast.expr | None:
    match node:
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            return node.iter
        case ast.Starred() if isinstance(node.ctx, ast.Load):
            return node.value
        case ast.Call(func=ast.Attribute(attr="pop") as called, args=[]):
            return called.value
        case ast.Call(
            func=ast.Name(id="next" | "map" | "list" | "tuple" | "enumerate" | "zip" | "iter"), args=arguments
        ) if arguments:
            return arguments[-1]
        case _:
            return None


_KEEPS_ORDER = {"list", "tuple", "iter", "enumerate", "reversed", "zip", "map", "filter"}


def _set_behind(look: Look, expression: ast.expr) -> ast.expr | None:
    """The set whose order an expression has."""
    if look.symbol(expression) == "builtins.set()":
        return expression
    match expression:
        case ast.Call(func=ast.Name(id=name), args=[*_, last]) if name in _KEEPS_ORDER:
            return _set_behind(look, last)
        case ast.Name(id=name):
            values = look.function.assigned.get(name, [])
            made = values[0] if len(values) == 1 else None
            return None if made is None or isinstance(made, ast.Name) else _set_behind(look, made)
        case ast.ListComp() | ast.GeneratorExp():
            return _set_behind(look, expression.generators[0].iter)
        case _:
            return None


# ---------------------------------------------------------------- sets in a known order


def _holds_tasks(look: Look, expression: ast.expr) -> bool:
    """Tasks and futures of this loop hash by the order in which they were made."""
    match expression:
        case ast.Name(id=name):
            values = look.function.assigned.get(name, [])
            added = [call.args[0] for call in look.calls if _is_added_to(call, name)]
            return any(value is not None and _holds_tasks(look, value) for value in values) or (
                bool(added) and all(_is_task(look, each) for each in added)
            )
        case ast.SetComp(elt=element):
            return _is_task(look, element)
        case ast.Set(elts=elements):
            return all(_is_task(look, each) for each in elements)
        case ast.Call(func=ast.Name(id="@annotated"), args=[annotation]):
            return _names_tasks(annotation)
        case ast.Call(args=[argument]) if isinstance(argument, (ast.GeneratorExp, ast.ListComp)):
            return _is_task(look, argument.elt)
        case _:
            return False


def _names_tasks(annotation: ast.expr) -> bool:
    return any(word in ast.unparse(annotation) for word in ("Task[", "Task]", "Future[", "Future]"))


def _is_added_to(call: ast.Call, name: str) -> bool:
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr="add"), args=[_]):
            return owner == name
        case _:
            return False


def _is_task(look: Look, expression: ast.expr) -> bool:
    symbol = look.symbol(expression) or ""
    if symbol.endswith((".create_task()", ".ensure_future()", ".Task()", ".Future()", ".create_future()")):
        return True
    call = expression.func if isinstance(expression, ast.Call) else None
    return isinstance(call, ast.Attribute) and (
        call.attr in {"create_task", "ensure_future"} or look.kind(call.value) is not None
    )


# ---------------------------------------------------------------- whether steps follow


def _decides(look: Look, node: ast.AST) -> bool:
    """Whether something durable follows: in a loop's body, a comprehension's element, the call around."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return any(_is_durable(look, each) for statement in node.body for each in ast.walk(statement))
    around = look.parent(node)
    if isinstance(node, ast.comprehension) and around is not None:
        if any(_is_durable(look, each) for each in ast.walk(around)):
            return True
        return not isinstance(around, (ast.SetComp, ast.DictComp)) and _feeds_durable(look, around)
    return _feeds_durable(look, node)


def _picks(look: Look, node: ast.AST) -> bool:
    """One of a set is kept under a name, ``first = next(iter(found))``, and a step or a call is told that name."""
    at = node
    for each in look.above(node):
        if isinstance(each, ast.Assign):
            names = {target.id for target in each.targets if isinstance(target, ast.Name)}
            return each.value is at and _is_one(each.value) and any(_tells(look, call, names) for call in look.calls)
        at = each
    return False


def _is_one(value: ast.expr) -> bool:
    match value:
        case ast.Call(func=ast.Name(id="next")) | ast.Call(func=ast.Attribute(attr="pop")):
            return True
        case ast.Subscript(slice=index):
            return not isinstance(index, ast.Slice)
        case _:
            return False


def _tells(look: Look, call: ast.Call, names: set[str]) -> bool:
    if not _is_durable(look, call):
        return False
    given = [*call.args, *(word.value for word in call.keywords)]
    return any(isinstance(node, ast.Name) and node.id in names for each in given for node in ast.walk(each))


def _feeds_durable(look: Look, node: ast.AST) -> bool:
    for each in look.above(node):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in _ORDERLESS:
            return False
        if isinstance(each, ast.stmt):
            return False
        if _is_durable(look, each):
            return True
    return False


_ORDERLESS = {"sorted", "sum", "min", "max", "len", "set", "frozenset", "any", "all", "Counter"}


def _is_durable(look: Look, node: ast.AST) -> bool:
    match node:
        case ast.Await() | ast.AsyncFor() | ast.AsyncWith() | ast.Yield() | ast.YieldFrom():
            return True
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if look.kind(owner) is not None:
            return method != "log"
        case ast.Call(func=function):
            symbol = look.symbol(function) or ""
            return symbol in {"asyncio.ensure_future", "asyncio.gather"} or symbol.endswith(".create_task")
        case _:
            return False
