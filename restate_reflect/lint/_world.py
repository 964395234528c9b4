"""RR1: what a handler asks of the world around it, and would be told differently when it is replayed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from restate_reflect.lint import _known
from restate_reflect.lint._findings import Edit
from restate_reflect.lint._look import Look, Spot, replaced

__all__ = [
    "blocking_call", "environment", "file_access", "hash_or_address", "native_clock", "native_random", "native_uuid",
    "network", "plain_future", "process", "thread", "unstable",
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
    if symbol == "datetime.datetime.now" and len(arguments) == 1 and arguments[0] in _UTC:
        bare = isinstance(look.parent(call), (ast.Assign, ast.AnnAssign, ast.Return, ast.Expr))
        return replaced(call, f"await {context}.now()" if bare else f"(await {context}.now())")
    return ()


_UTC = {"UTC", "timezone.utc", "datetime.UTC", "datetime.timezone.utc"}


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
        if symbol in _known.UUIDS:
            message = (
                f"{symbol} makes another id in each attempt{look.whence.rstrip(',')}. Use ctx.uuid(), which is the"
                " same in all of them."
            )
            yield Spot(node, message, _uuid_fix(look, node))


def _uuid_fix(look: Look, node: ast.expr) -> tuple[Edit, ...]:
    context = look.context_name()
    match look.parent(node):
        case ast.Call(func=called, args=[], keywords=[]) as call if called is node and context is not None:
            return replaced(call, f"{context}.uuid()")
        case _:
            return ()


def environment(look: Look) -> Iterator[Spot]:
    for node, symbol in look.mentions:
        if symbol.startswith(_known.ENVIRONMENT):
            message = (
                f"{symbol} may differ where the handler is replayed: another process, machine or deployment."
                f" Read it once at start-up (in __init__), and what decides steps in a step: {_STEP}."
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
