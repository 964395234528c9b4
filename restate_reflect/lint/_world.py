"""RR1: what a handler asks of the world around it, and would be told differently when it is replayed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from restate_reflect.lint import _known
from restate_reflect.lint._findings import Edit
from restate_reflect.lint._look import Look, Spot, replaced

__all__ = [
    "blocking_call", "environment", "file_access", "hash_or_address", "native_clock", "native_random", "native_uuid",
    "network", "process", "set_order", "thread", "unstable",
]  # fmt: skip

_STEP = 'await ctx.run("name", function, …)'


def native_clock(look: Look) -> Iterator[Spot]:
    for node, symbol in look.mentions:
        instead = _clock(symbol, look.parent(node))
        if instead is not None:
            message = (
                f"{symbol} is a native clock{look.whence} and tells another time when the handler is replayed. Use"
                f" {instead}."
            )
            yield Spot(node, message, _clock_fix(look, node, symbol))


def _clock(symbol: str, parent: ast.AST | None) -> str | None:
    if symbol in _known.CLOCKS:
        return _known.CLOCKS[symbol]
    if symbol in _known.CLOCKS_WITHOUT_ARGUMENTS and isinstance(parent, ast.Call):
        given = len(parent.args) - (symbol == "time.strftime")
        return None if given > 0 else "await ctx.now()"
    return None


def _clock_fix(look: Look, node: ast.expr, symbol: str) -> tuple[Edit, ...]:
    """Where the call means the time in UTC, and can be awaited."""
    call, context = look.parent(node), look.context_name()
    if not isinstance(call, ast.Call) or context is None or not _can_await(look, call):
        return ()
    if symbol == "time.time":
        return replaced(call, f"(await {context}.now()).timestamp()")
    arguments = [ast.unparse(each) for each in [*call.args, *(keyword.value for keyword in call.keywords)]]
    if symbol == "datetime.datetime.now" and arguments in (
        ["UTC"],
        ["timezone.utc"],
        ["datetime.UTC"],
        ["datetime.timezone.utc"],
    ):
        bare = isinstance(look.parent(call), (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr))
        return replaced(call, f"await {context}.now()" if bare else f"(await {context}.now())")
    return ()


def _can_await(look: Look, node: ast.AST) -> bool:
    inner = (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)
    return look.function.is_async and not any(isinstance(each, inner) for each in look.above(node))


def native_random(look: Look) -> Iterator[Spot]:
    for node, symbol in look.mentions:
        if not symbol.startswith(_known.RANDOM) or _is_seeded(look, node, symbol):
            continue
        message = (
            f"{symbol} gives something else when the handler is replayed{look.whence.rstrip(',')}. Use ctx.random, or"
            f" a step: {_STEP}."
        )
        yield Spot(node, message, _random_fix(look, node, symbol))


def _is_seeded(look: Look, node: ast.expr, symbol: str) -> bool:
    """A generator that is made here with a seed, and what one made here gives; one that others share goes on from call
    to call."""
    if symbol in _known.RANDOM_CLASSES:
        parent = look.parent(node)
        return not isinstance(parent, ast.Call) or bool(parent.args or parent.keywords)
    is_generator = any(symbol.startswith(f"{maker}()") for maker in _known.RANDOM_CLASSES)
    made_here = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call)
    return is_generator and (made_here or _root(node) in look.function.assigned)


def _root(node: ast.expr) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _random_fix(look: Look, node: ast.expr, symbol: str) -> tuple[Edit, ...]:
    context = look.context_name()
    module, _, name = symbol.partition(".")
    if context is None or module != "random" or name not in _RANDOM_METHODS:
        return ()
    return replaced(node, f"{context}.random.{name}")


_RANDOM_METHODS = {
    "random", "randint", "randrange", "choice", "choices", "shuffle", "sample", "uniform", "gauss", "normalvariate",
    "getrandbits", "randbytes", "expovariate", "triangular", "betavariate", "lognormvariate", "paretovariate",
    "vonmisesvariate", "weibullvariate",
}  # fmt: skip


def native_uuid(look: Look) -> Iterator[Spot]:
    for node, symbol in look.mentions:
        if symbol not in _known.UUIDS:
            continue
        call, context = look.parent(node), look.context_name()
        fits = (
            isinstance(call, ast.Call)
            and call.func is node
            and not call.args
            and not call.keywords
            and context is not None
        )
        edits = replaced(call, f"{context}.uuid()") if fits and isinstance(call, ast.Call) else ()
        yield Spot(
            node,
            f"{symbol} makes another id in each attempt{look.whence.rstrip(',')}. Use ctx.uuid(), which is the"
            " same in all of them.",
            edits,
        )


def environment(look: Look) -> Iterator[Spot]:
    for node, symbol in look.mentions:
        if symbol.startswith(_known.ENVIRONMENT):
            message = (
                f"{symbol} may differ where the handler is replayed: another process, machine or deployment."
                " Read it once at"
                f" start-up (in __init__), and what decides steps in a step: {_STEP}."
            )
            yield Spot(node, message)


def file_access(look: Look) -> Iterator[Spot]:
    for node, symbol in _touched(look, _known.is_file):
        yield Spot(
            node,
            f"{symbol} touches files in handler code{look.whence.rstrip(',')}: it is done again at each"
            f" replay. Put it into a step: {_STEP}.",
        )


def network(look: Look) -> Iterator[Spot]:
    for node, symbol in _touched(look, _known.is_network):
        yield Spot(
            node,
            f"{symbol} talks to the network in handler code{look.whence.rstrip(',')}: it is done again at"
            f" each replay. Put it into a step: {_STEP}.",
        )


def thread(look: Look) -> Iterator[Spot]:
    found = [(node, symbol) for node, symbol in look.mentions if _known.is_thread(symbol)]
    for node, symbol in _first_told(found):
        yield Spot(
            node,
            f"{symbol} leaves the durable loop for a thread or another process. Plain functions run in a"
            f" thread as steps: {_STEP}.",
        )


def process(look: Look) -> Iterator[Spot]:
    for node, symbol in _touched(look, _known.is_process):
        yield Spot(
            node,
            f"{symbol} starts or touches a process in handler code: again at each replay. Put it into a step: {_STEP}.",
        )


def _touched(look: Look, test: Callable[[str], bool]) -> Iterator[tuple[ast.expr, str]]:
    """Names of such a thing that are called or handed on."""
    found = [
        (node, symbol)
        for node, symbol in look.mentions
        if test(symbol) and (_is_called(look, node) or _is_handed_on(look, node))
    ]
    return _first_told(found)


def _first_told(found: list[tuple[ast.expr, str]]) -> Iterator[tuple[ast.expr, str]]:
    """Without what is asked of something that is in the list itself."""
    answers = tuple(f"{symbol}()." for _, symbol in found)
    return ((node, symbol) for node, symbol in found if not symbol.startswith(answers))


def blocking_call(look: Look) -> Iterator[Spot]:
    for node, symbol in look.mentions:
        if symbol in _known.BLOCKING and _is_called(look, node):
            message = f"{symbol} blocks the process, with every other invocation in it. Use {_known.BLOCKING[symbol]}."
            yield Spot(node, message, _sleep_fix(look, node, symbol))


def _sleep_fix(look: Look, node: ast.expr, symbol: str) -> tuple[Edit, ...]:
    call = look.parent(node)
    if symbol != "time.sleep" or not isinstance(call, ast.Call) or not _can_await(look, call):
        return ()
    name = next((name for name, what in look.function.module.imports.items() if what == "asyncio"), None)
    context = look.context_name()
    sleep = f"{name}.sleep" if name else f"{context}.sleep" if context else None
    return replaced(node, f"await {sleep}") if sleep and isinstance(look.parent(call), ast.Expr) else ()


def hash_or_address(look: Look) -> Iterator[Spot]:
    for node, symbol in look.mentions:
        if symbol in {"builtins.hash", "builtins.id"} and _is_called(look, node) and not _only_finds(look, node):
            name = symbol.rpartition(".")[2]
            yield Spot(
                node,
                f"{name}() differs from process to process, so it must not decide anything here. Use the value"
                " itself, or hashlib.",
            )


def _only_finds(look: Look, node: ast.expr) -> bool:
    """``id(node) in seen``, ``memo[id(node)]``, ``seen.add(id(node))``: the number itself goes nowhere."""
    call = look.parent(node)
    around = None if call is None else look.parent(call)
    match around:
        case ast.Compare() | ast.Subscript():
            return True
        case ast.Call(func=ast.Attribute(attr=method)):
            return method in {"add", "discard", "remove", "get", "pop", "setdefault"}
        case _:
            return False


def plain_future(look: Look) -> Iterator[Spot]:
    for node, symbol in look.mentions:
        if symbol in {"asyncio.Future", "asyncio.futures.Future"} and _is_called(look, node):
            yield Spot(
                node,
                "asyncio.Future() hashes by its address: asyncio.wait hands such futures out in an order that changes"
                " from replay to replay. Ask the loop: asyncio.get_running_loop().create_future()",
            )


# ---------------------------------------------------------------- the order of sets


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
            return any(
                each.arg == getattr(expression, "id", None)
                and each.annotation is not None
                and _names_tasks(each.annotation)
                for each in look.function.parameters
            )


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
            pass
    return None


_KEEPS_ORDER = {"list", "tuple", "iter", "enumerate", "reversed", "zip", "map", "filter"}


def _set_behind(look: Look, expression: ast.expr) -> ast.expr | None:
    """The set whose order an expression has."""
    if look.symbol(expression) == "builtins.set()":
        return expression
    match expression:
        case ast.Call(func=ast.Name(id=name), args=[*_, last]) if name in _KEEPS_ORDER:
            return _set_behind(look, last)
        case ast.Name():
            values = look.function.assigned.get(expression.id, [])
            return (
                _set_behind(look, values[0])
                if len(values) == 1 and values[0] is not None and not isinstance(values[0], ast.Name)
                else None
            )
        case ast.ListComp() | ast.GeneratorExp():
            return _set_behind(look, expression.generators[0].iter)
        case _:
            pass
    return None


def _decides(look: Look, node: ast.AST) -> bool:
    """Whether something durable follows: in a loop's body, a comprehension's element, the call around."""
    if isinstance(node, (ast.For, ast.AsyncFor)):
        return any(_is_durable(look, each) for statement in node.body for each in ast.walk(statement))
    around = look.parent(node)
    if isinstance(node, ast.comprehension) and around is not None:
        if isinstance(around, (ast.SetComp, ast.DictComp)):
            return any(_is_durable(look, each) for each in ast.walk(around))
        return any(_is_durable(look, each) for each in ast.walk(around)) or _feeds_durable(look, around)
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
    if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)):
        return True
    if not isinstance(node, ast.Call):
        return False
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if owner is not None and look.kind(owner) is not None and isinstance(node.func, ast.Attribute):
        return node.func.attr not in {"log"}
    symbol = look.symbol(node.func) or ""
    return symbol in {"asyncio.create_task", "asyncio.ensure_future", "asyncio.gather"} or symbol.endswith(
        ".create_task"
    )


# ---------------------------------------------------------------- names in the source


def unstable(look: Look, expression: ast.expr) -> str | None:
    """A clock, chance, an address or the environment within an expression, through local names."""
    for node in ast.walk(expression):
        if not isinstance(node, (ast.Name, ast.Attribute)):
            continue
        symbol = look.symbol(node)
        if symbol is None:
            continue
        bare = symbol.replace("()", "")
        if bare in _known.CLOCKS or bare in _known.UUIDS or bare.startswith((*_known.RANDOM, *_known.ENVIRONMENT)):
            return bare
        if symbol in {"builtins.id", "builtins.hash"} or bare.endswith(
            (".request.retry_count", ".request.attempt_headers")
        ):
            return bare.removeprefix("builtins.")
        if isinstance(node, ast.Name) and symbol.endswith("()"):
            made = look.function.assigned.get(node.id)
            if made and made[0] is not None and made[0] is not expression:
                found = unstable(look, made[0])
                if found is not None:
                    return found
    return None


def _is_called(look: Look, node: ast.expr) -> bool:
    parent = look.parent(node)
    return isinstance(parent, ast.Call) and parent.func is node


def _is_handed_on(look: Look, node: ast.expr) -> bool:
    """Given to another function, which may call it; values of such libraries are handed on as well, and may be."""
    parent = look.parent(node)
    is_argument = isinstance(parent, ast.Call) and node in parent.args
    symbol = look.symbol(node) or ""
    return is_argument and not symbol.endswith("()") and symbol.rpartition(".")[2][:1].islower()
