"""RR2: awaits, exceptions, tasks and loops."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from restate_reflect.lint._findings import Edit, place_of
from restate_reflect.lint._look import Look, Spot
from restate_reflect.lint._nodes import within
from restate_reflect.lint._project import Function

__all__ = ["calls_own_key", "catches_everything", "endless_loop", "left_behind", "not_awaited", "swallows_cancellation"]


# ---------------------------------------------------------------- exceptions


def catches_everything(look: Look) -> Iterator[Spot]:
    for handler, awaited in _handlers(look):
        names = _caught(look, handler)
        if (
            not awaited
            or _passes_on(look, handler)
            or names & {"asyncio.CancelledError", "asyncio.exceptions.CancelledError"}
        ):
            continue
        if handler.type is None or "builtins.BaseException" in names:
            what = "except:" if handler.type is None else "except BaseException:"
            message = (
                f"'{what}' around an await also catches what ends an attempt: its being closed, and cancellation"
                " within asyncio. Write 'except Exception:', or raise at its end."
            )
            yield Spot(handler, message, _narrowed(look, handler))
    for _block, call in _suppressing(look):
        if "builtins.BaseException" in {look.symbol(each) for each in call.args}:
            message = (
                "suppress(BaseException) around an await also swallows what ends an attempt: its being closed, and"
                " cancellation within asyncio. Write suppress(Exception)."
            )
            yield Spot(call, message)


def _narrowed(look: Look, handler: ast.excepthandler) -> tuple[Edit, ...]:
    assert isinstance(handler, ast.ExceptHandler)
    if isinstance(handler.type, ast.Name):
        start, end = place_of(handler.type)
        return (Edit(start, end, "Exception"),)
    line = look.function.module.source.splitlines()[handler.lineno - 1]
    column = len(line.encode()[: handler.col_offset].decode()) + len("except")
    if handler.type is None and line[column:].lstrip().startswith(":"):
        place = handler.lineno, handler.col_offset + len("except")
        return (Edit(place, place, " Exception"),)
    return ()


_CANCELLED = {"asyncio.CancelledError", "asyncio.exceptions.CancelledError", "concurrent.futures.CancelledError"}


def swallows_cancellation(look: Look) -> Iterator[Spot]:
    for handler, awaited in _handlers(look):
        caught = _caught(look, handler) & _CANCELLED
        if caught and awaited and not _passes_on(look, handler) and not _stops_a_task(look, handler):
            message = (
                "asyncio.CancelledError is caught and not raised again: a timeout or a task group around this"
                " would not end."
                " A cancellation by Restate is InvocationCancelledError, a TerminalError: catch that for compensation."
            )
            yield Spot(handler, message)
    for block, call in _suppressing(look):
        if _CANCELLED.intersection(filter(None, map(look.symbol, call.args))) and not _awaits_cancelled(
            look, block.body
        ):
            message = (
                "suppress(asyncio.CancelledError) keeps a timeout or a task group around this from ending."
                " A cancellation by Restate is InvocationCancelledError, a TerminalError: catch that for compensation."
            )
            yield Spot(call, message)


def _suppressing(look: Look) -> Iterator[tuple[ast.With, ast.Call]]:
    """Each ``with suppress(…):`` that has an await in it."""
    for node in look.of(ast.With):
        if _has_await(node.body):
            for item in node.items:
                call = item.context_expr
                if isinstance(call, ast.Call) and look.symbol(call.func) == "contextlib.suppress":
                    yield node, call


def _has_await(body: list[ast.stmt]) -> bool:
    waits = (ast.Await, ast.AsyncWith, ast.AsyncFor)
    return any(isinstance(each, waits) for each in within(body))


def _handlers(look: Look) -> Iterator[tuple[ast.ExceptHandler, bool]]:
    """Each ``except``, and whether there is an await in its ``try`` that no clause before it takes the error from."""
    tries: list[ast.Try | ast.TryStar] = [*look.of(ast.Try), *look.of(ast.TryStar)]
    for node in tries:
        awaited = _has_await(node.body)
        for handler in node.handlers:
            yield handler, awaited


def _caught(look: Look, handler: ast.ExceptHandler) -> set[str]:
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type] if handler.type else []
    return {symbol for each in types if (symbol := look.symbol(each)) is not None}


def _passes_on(look: Look, handler: ast.ExceptHandler) -> bool:
    """Whether the error is raised again, there or later, or given to something that may do so."""
    inside = [node for statement in handler.body for node in ast.walk(statement)]
    if any(isinstance(node, ast.Raise) for node in inside):
        return True
    if any(isinstance(node, ast.Name) and node.id == handler.name and not _is_told(look, node) for node in inside):
        return True
    return any(look.symbol(node.exc) in _CANCELLED for node in look.of(ast.Raise))


_TELLING = {
    *("print", "str", "repr", "type", "isinstance", "format_exception", "print_exception"),
    *("log", "debug", "info", "warning", "warn", "error", "exception", "critical"),
}


def _is_told(look: Look, node: ast.AST) -> bool:
    """The error in a text, a log or a question about it: it goes nowhere from there."""
    for each in look.above(node):
        if isinstance(each, (ast.JoinedStr, ast.Compare)):
            return True
        if isinstance(each, ast.Call):
            called = each.func
            return (called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")) in _TELLING
        if isinstance(each, ast.stmt):
            return isinstance(each, (ast.If, ast.Expr))
    return True


def _stops_a_task(look: Look, handler: ast.ExceptHandler) -> bool:
    """``task.cancel()`` and then ``try: await task`` is how asyncio's documentation waits for a task to end."""
    parent = look.parent(handler)
    assert isinstance(parent, (ast.Try, ast.TryStar))
    return _awaits_cancelled(look, parent.body)


def _awaits_cancelled(look: Look, body: list[ast.stmt]) -> bool:
    awaited = [node.value for statement in body for node in ast.walk(statement) if isinstance(node, ast.Await)]
    cancelled = {
        ast.unparse(call.func.value)
        for call in look.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "cancel"
    }
    return bool(awaited) and all(ast.unparse(each) in cancelled for each in awaited)


# ---------------------------------------------------------------- awaits


_FUTURES = {
    "run", "sleep", "get", "keys", "now", "call", "call_raw", "attach", "output", "signal", "awakeable",
    "first_success", "peek",
    "resolve_promise", "attach_raw",
}  # fmt: skip
_COROUTINES = {
    "asyncio.sleep",
    "asyncio.gather",
    "asyncio.wait",
    "asyncio.wait_for",
    "asyncio.shield",
    "asyncio.timeout",
}


def not_awaited(look: Look) -> Iterator[Spot]:
    for call in look.calls:
        if not isinstance(look.parent(call), (ast.Expr, ast.Assign)):
            continue  # most are: what they return goes somewhere
        what = _durable(look, call)
        if what is None or not _is_dropped(look, call):
            continue
        edits: tuple[Edit, ...] = ()
        if isinstance(look.parent(call), ast.Expr) and look.function.is_async:
            start = place_of(call)[0]
            edits = (Edit(start, start, "await "),)
        hint = " A call that nobody waits for is ctx.send(…)." if what.endswith(".call(…)") else ""
        yield Spot(call, f"{what} is not awaited, so nobody learns how it ends. Write 'await' before it.{hint}", edits)


def _durable(look: Look, call: ast.Call) -> str | None:
    """How a call is to be named whose result must be awaited."""
    if isinstance(call.func, ast.Attribute):
        owner = look.symbol(call.func.value) or ""
        if look.kind(call.func.value) and call.func.attr in _FUTURES:
            return f"{ast.unparse(call.func)}(…)"
        if owner.endswith((".options()", ".target()", ".scope()")) and call.func.attr in {"run", "call"}:
            return f"{ast.unparse(call.func)}(…)"
        if owner.endswith(".promise()") and call.func.attr in {"get", "peek", "resolve", "reject"}:
            return f"{ast.unparse(call.func)}(…)"
    symbol = look.symbol(call.func)
    if symbol in _COROUTINES:
        return f"{symbol}(…)" if symbol != "asyncio.timeout" else None
    target = None if symbol is None else look.symbols.target(symbol)
    if (
        isinstance(target, Function)
        and target.is_async
        and not _is_generator(target)
        and not target.node.decorator_list
    ):
        return f"{ast.unparse(call.func)}(…)"
    return None


def _is_generator(function: Function) -> bool:
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function.node))


def _is_dropped(look: Look, call: ast.Call) -> bool:
    """A statement of its own, or kept in a name that nobody reads."""
    parent = look.parent(call)
    if isinstance(parent, ast.Expr):
        return True
    return isinstance(parent, ast.Assign) and all(
        isinstance(each, ast.Name) and not _is_read(look, each.id) for each in parent.targets
    )


def _is_read(look: Look, name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        for node in ast.walk(look.function.node)
    )


# ---------------------------------------------------------------- tasks and loops


def left_behind(look: Look) -> Iterator[Spot]:
    for call in look.calls:
        symbol = look.symbol(call.func) or ""
        is_task = symbol in {"asyncio.create_task", "asyncio.ensure_future"} or symbol in {
            "asyncio.get_running_loop().create_task", "asyncio.get_event_loop().create_task",
        }  # fmt: skip
        if is_task and (_is_dropped(look, call) or _only_collected(look, call)):
            message = (
                "a task that nobody awaits ends with the handler, in the middle of what it does. Use a TaskGroup,"
                " or await it; ctx.send(…) starts work that outlives the handler."
            )
            yield Spot(call, message)


def _only_collected(look: Look, call: ast.Call) -> bool:
    """Kept in a name that only bookkeeping uses: ``add_done_callback``, ``set_name``, a set that others own."""
    parent = look.parent(call)
    if not isinstance(parent, ast.Assign) or not all(isinstance(each, ast.Name) for each in parent.targets):
        return False
    names = {each.id for each in parent.targets if isinstance(each, ast.Name)}
    uses = [
        node
        for node in ast.walk(look.function.node)
        if isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load)
    ]
    return bool(uses) and all(_is_bookkeeping(look, node) for node in uses)


def _is_bookkeeping(look: Look, node: ast.Name) -> bool:
    parent = look.parent(node)
    if isinstance(parent, ast.Attribute):
        return parent.attr in {"add_done_callback", "set_name", "get_name"}
    added = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "add"
    return (
        added
        and isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Attribute)
        and _is_outer(look, parent.func.value)
    )


def _is_outer(look: Look, node: ast.expr) -> bool:
    """An attribute of ``self`` or a name of the module: nobody in this handler awaits what is in there."""
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id not in look.function.assigned


def endless_loop(look: Look) -> Iterator[Spot]:
    for node in look.of(ast.While):
        body = within(node.body)
        waits = [
            each
            for each in body
            if isinstance(each, (ast.Await, ast.AsyncFor, ast.AsyncWith)) and not _is_no_wait(look, each)
        ]
        if waits or not _spins(look, node, body):
            continue
        yield Spot(
            node,
            "this loop waits for nothing of the journal, so no result is handed out while it runs, and it"
            " spins for ever. Wait for a timer, a result or an asyncio.Event in it.",
        )


def _spins(look: Look, loop: ast.While, body: list[ast.AST]) -> bool:
    """It can't end by itself: the condition is constant and nothing leaves, or nothing in it changes what it asks."""
    if any(isinstance(each, (ast.Yield, ast.YieldFrom)) for each in body):
        return False
    leaves = any(isinstance(each, (ast.Break, ast.Return, ast.Raise)) for each in body)
    is_constant = isinstance(loop.test, ast.Constant) and bool(loop.test.value)
    return (is_constant and not leaves) or _only_asks(look, loop, body)


def _only_asks(look: Look, loop: ast.While, body: list[ast.AST]) -> bool:
    """Nothing in it can change what it asks: tests, of values and by calls that only look."""
    statements = [each for each in body if isinstance(each, ast.stmt)]
    if not all(_changes_nothing(look, each) for each in statements):
        return False
    tests = [loop.test, *(each.test for each in statements if isinstance(each, ast.If))]
    asked = [node for test in tests for node in ast.walk(test)]
    names = any(isinstance(each, (ast.Name, ast.Attribute)) for each in asked)
    return names and all(_only_looks(each) for each in asked)


def _changes_nothing(look: Look, statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return _is_no_wait(look, statement.value)
    return isinstance(statement, (ast.If, ast.Break, ast.Continue, ast.Pass, ast.Return))


def _only_looks(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and node.func.attr in {"get", "done", "is_set", "empty", "locked"}
    return not isinstance(node, ast.NamedExpr)


def _is_no_wait(look: Look, node: ast.AST) -> bool:
    """``asyncio.sleep(0)``."""
    if not isinstance(node, ast.Await) or not isinstance(node.value, ast.Call):
        return False
    call = node.value
    is_sleep = look.symbol(call.func) == "asyncio.sleep" or (
        isinstance(call.func, ast.Attribute) and call.func.attr == "sleep"
    )
    return is_sleep and len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and not call.args[0].value


# ---------------------------------------------------------------- calls to oneself


_EXCLUSIVE = {"ObjectContext", "WorkflowContext"}


def calls_own_key(look: Look) -> Iterator[Spot]:
    """An exclusive handler that waits for an exclusive handler of its own key: that one waits for it to end."""
    for call in look.calls:
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in {"call", "target"} or not call.args:
            continue
        kind = look.kind(call.func.value)
        symbol = look.symbol(call.args[0])
        target = None if symbol is None else look.symbols.target(symbol)
        if kind not in _EXCLUSIVE or not isinstance(target, Function) or not _is_of_own_class(look, target):
            continue
        if _context_of(look, target) == kind and any(
            word.arg == "key" and _is_own_key(look, word.value) for word in call.keywords
        ):
            message = (
                f"{target.name} of the same key can't begin before this handler has ended, which waits for it:"
                " neither ever will. Use ctx.send(…), or call the method itself: await"
                f" self.{target.node.name}(ctx, …)."
            )
            yield Spot(call, message)


def _is_of_own_class(look: Look, target: Function) -> bool:
    own = look.reached.handler.cls
    return own is not None and target.cls is not None and look.project.method(own, target.node.name) is target


def _context_of(look: Look, function: Function) -> str | None:
    for parameter in function.own_parameters[:1]:
        symbol = look.symbols.annotated(parameter.annotation, function)
        return None if symbol is None else symbol[:-2].rpartition(".")[2]
    return None


def _is_own_key(look: Look, value: ast.expr) -> bool:
    if isinstance(value, ast.Attribute) and value.attr == "key":
        return look.kind(value.value) is not None
    if isinstance(value, ast.Name):
        given = look.function.assigned.get(value.id, [])
        return len(given) == 1 and given[0] is not None and _is_own_key(look, given[0])
    return False
