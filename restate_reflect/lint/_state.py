"""RR3: what is kept where, and what a step's body gets to see."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from restate_reflect.lint._handing import step_body
from restate_reflect.lint._look import Look, Spot
from restate_reflect.lint._project import Class, Function
from restate_reflect.lint._symbols import is_context
from restate_reflect.lint._world import unstable

__all__ = ["assigns_module_state", "assigns_self", "context_in_step", "lost_change", "shared_default", "unstable_name"]


# ---------------------------------------------------------------- steps


def context_in_step(look: Look) -> Iterator[Spot]:
    for call in look.steps:
        body = step_body(call)
        if body is None:
            continue
        for place in [*_contexts_in(look, body), *(each for each in _arguments(call) if is_context(look.symbol(each)))]:
            message = (
                "the context is used in a step's body, which runs beside the handler: nothing can be journaled"
                " there. Do it in the handler, and give the step values."
            )
            yield Spot(place, message)


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args[2:], *(word.value for word in call.keywords)]


def _contexts_in(look: Look, body: ast.expr) -> Iterator[ast.expr]:
    """Places in a step's body that refer to a context: in a lambda, a partial, or a function nearby."""
    if isinstance(body, ast.Lambda):
        own = {each.arg for each in [*body.args.posonlyargs, *body.args.args, *body.args.kwonlyargs]}
        yield from _loads(look, body.body, look.function, own)
    elif isinstance(body, ast.Call):
        yield from (
            each for each in [*body.args, *(word.value for word in body.keywords)] if is_context(look.symbol(each))
        )
    elif isinstance(body, ast.Attribute) and is_context(look.symbol(body.value)):
        yield body
    symbol = look.symbol(body)
    target = None if symbol is None else look.symbols.target(symbol)
    if isinstance(target, Function) and target.outer is look.function:
        own = {each.arg for each in target.parameters} | set(target.assigned)
        for statement in target.node.body:
            yield from _loads(look, statement, target, own)


def _loads(look: Look, node: ast.AST, scope: Function, own: set[str]) -> Iterator[ast.expr]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id not in own and is_context(look.symbols.of(each, scope)):
            yield each


def unstable_name(look: Look) -> Iterator[Spot]:
    for call in look.steps:
        name = call.args[0] if call.args else None
        if name is None or isinstance(name, ast.Constant):
            continue
        what = unstable(look, name) or _address(look, name)
        if what is not None:
            yield Spot(
                name,
                f"the step's name is made from {what}, which differs when the handler is replayed: the attempt"
                " would end with error 570. Make it from the input, or from numbers that count up.",
            )


def _address(look: Look, name: ast.expr) -> str | None:
    """A function or ``self`` in a name prints its address."""
    for node in ast.walk(name):
        if isinstance(node, ast.FormattedValue) and isinstance(node.value, (ast.Name, ast.Attribute)):
            symbol = look.symbol(node.value) or ""
            target = look.symbols.target(symbol) if symbol else None
            is_function = isinstance(target, Function) and not target.node.decorator_list
            if is_function or _is_bare_self(look, node.value, symbol):
                return f"the address of {ast.unparse(node.value)}"
    return None


def _is_bare_self(look: Look, value: ast.expr, symbol: str) -> bool:
    cls = look.project.find(symbol[:-2]) if symbol.endswith("()") else None
    return isinstance(value, ast.Name) and value.id == "self" and isinstance(cls, Class) and not _has_text(look, cls)


def _has_text(look: Look, cls: Class) -> bool:
    return any(look.project.method(cls, name) is not None for name in ("__str__", "__repr__", "__format__"))


# ---------------------------------------------------------------- assignments


_CHANGES = {
    "append", "extend", "insert", "add", "update", "discard", "remove", "clear", "pop", "popitem", "popleft",
    "appendleft", "extendleft", "setdefault", "sort", "reverse", "put_nowait", "put",
}  # fmt: skip
_CONTAINERS = {
    "builtins.list()", "builtins.dict()", "builtins.set()", "collections.deque()", "collections.defaultdict()",
    "collections.Counter()", "collections.OrderedDict()", "asyncio.Queue()", "asyncio.queues.Queue()",
}  # fmt: skip


def assigns_self(look: Look) -> Iterator[Spot]:
    """One instance serves all keys and invocations, in each process another one."""
    if look.function.cls is None or look.function.is_static:
        return
    own = look.function.parameters[0].arg
    changed = [(node, path) for node, target in _changed(look) if len(path := _path(target)) > 1 and path[0] == own]
    if changed and _is_service(look, look.function.cls):
        for node, path in changed:
            shown = ".".join(path[:2])
            yield Spot(
                node,
                f"{shown} is changed in handler code: the instance is shared by all invocations of this"
                " process, and by none of another. Keep durable data in the state (ctx.set), anything else in"
                " local names.",
            )


def _is_service(look: Look, cls: Class) -> bool:
    """Whether one instance serves many invocations: it has handlers (or its subclass has) or a service holds it, and no
    handler made it."""
    if id(cls) in look.reached.made:
        return False
    if id(cls) in look.reached.held and not _is_value(cls):
        return True
    handler = look.reached.handler.cls
    return _has_handlers(look, cls) or (handler is not None and cls in [handler, *_ancestors(look, handler)])


def _is_value(cls: Class) -> bool:
    """A model or dataclass, which travels as input and output, too."""
    said = [ast.unparse(each) for each in [*cls.node.decorator_list, *cls.node.bases]]
    return any(word in each for each in said for word in ("dataclass", "BaseModel", "Struct", "attrs", "define"))


def _has_handlers(look: Look, cls: Class) -> bool:
    return any(
        is_context(look.symbols.annotated(method.own_parameters[0].annotation, method))
        for name, method in cls.methods.items()
        if method.own_parameters and not name.startswith("_")
    )


def _ancestors(look: Look, cls: Class) -> list[Class]:
    found = list(look.project.bases(cls))
    for base in list(found):
        found.extend(_ancestors(look, base))
    return found


def assigns_module_state(look: Look) -> Iterator[Spot]:
    declared = {name for node in look.of(ast.Global) for name in node.names}
    for node, target in _changed(look):
        path = _path(target)
        if not path or (
            len(path) == 1
            and isinstance(target, ast.Name)
            and path[0] not in declared
            and not isinstance(node, ast.Call)
        ):
            continue
        if path[0] in declared or _is_of_module(look, path[0]):
            yield Spot(
                node,
                f"{'.'.join(path)} belongs to the module: it is changed for all invocations of this process,"
                " again at each replay, and in no other process. Keep durable data in the state (ctx.set).",
            )


def _is_of_module(look: Look, name: str) -> bool:
    scope: Function | None = look.function
    while scope is not None:
        if name in scope.assigned or name in scope.inner or any(each.arg == name for each in scope.parameters):
            return False
        scope = scope.outer
    module = look.function.module
    return name in module.variables or name in module.classes or name in module.imports


def _changing(look: Look) -> list[ast.AST]:
    kinds = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete, ast.Call)
    return [node for kind in kinds for node in look.of(kind)]


def _changed(look: Look) -> Iterator[tuple[ast.AST, ast.expr]]:
    """What is assigned, deleted, or changed by a container's method."""
    for node in _changing(look):
        match node:
            case ast.Assign():
                yield from ((node, leaf) for target in node.targets for leaf in _leaves(target))
            case ast.AugAssign():
                yield node, node.target
            case ast.AnnAssign() if node.value is not None:
                yield node, node.target
            case ast.Delete():
                yield from ((node, target) for target in node.targets)
            case ast.Call(func=ast.Attribute() as called) if (
                called.attr in _CHANGES
                and look.symbol(called.value) not in (None, "")
                and _is_container(look, called.value)
            ):
                yield node, called.value
            case _:
                pass


def _is_container(look: Look, value: ast.expr) -> bool:
    symbol = look.symbol(value) or ""
    if symbol in _CONTAINERS:
        return True
    # A name of this module or class that holds a display: `CACHE = {}`, `self.seen = []`.
    return _literal(look, value)


def _literal(look: Look, value: ast.expr) -> bool:
    if isinstance(value, ast.Name):
        return (
            isinstance(look.function.module.variables.get(value.id), _DISPLAYS)
            and value.id not in look.function.assigned
        )
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
        cls = look.project.find((look.symbol(value.value) or "").removesuffix("()"))
        if isinstance(cls, Class):
            return any(isinstance(given, _DISPLAYS) for given in _given(look, cls, value.attr))
    return False


_DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def _given(look: Look, cls: Class, name: str) -> Iterator[ast.expr | None]:
    """What the class's body or its constructor gives an attribute."""
    constructor = look.project.method(cls, "__init__")
    nodes = [*cls.node.body, *(ast.walk(constructor.node) if constructor is not None else ())]
    for node in nodes:
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any((_path(each) or [""])[-1] == name for each in targets):
                yield node.value


def _leaves(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for each in target.elts:
            yield from _leaves(each)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _path(target: ast.expr) -> list[str]:
    """``self.cache["a"].count`` as ``["self", "cache", "count"]``; empty if it does not begin with a name."""
    match target:
        case ast.Name():
            return [target.id]
        case ast.Attribute():
            base = _path(target.value)
            return [*base, target.attr] if base else []
        case ast.Subscript():
            return _path(target.value)
        case _:
            pass
    return []


# ---------------------------------------------------------------- state


def shared_default(look: Look) -> Iterator[Spot]:
    """``ctx.get("basket", list, default=EMPTY)``: every key and invocation gets the same list, and may change it."""
    for call in look.calls:
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "get" and look.kind(call.func.value)):
            continue
        for word in call.keywords:
            if (
                word.arg == "default"
                and isinstance(word.value, (ast.Name, ast.Attribute))
                and _is_container(look, word.value)
            ):
                yield Spot(
                    word.value,
                    f"the default {ast.unparse(word.value)} is one object for all invocations; whoever changes"
                    " what ctx.get returns changes it for all of them. Write the value itself here, or"
                    " declare State(…, default=…), which is copied for each read.",
                )


def lost_change(look: Look) -> Iterator[Spot]:
    """A value read from the state that is changed in place and never set again."""
    kept = {
        name
        for name, values in look.function.assigned.items()
        if len(values) == 1 and _is_read_from_state(look, values[0])
    }
    for node, target in _changed_within(look):
        name = (_path(target) or [""])[0]
        if name in kept and not _is_handed_on(look, name):
            yield Spot(
                node,
                f"{name} was read from the state and is changed here, but nothing sets it: the change is lost."
                f" Write ctx.set(…, {name}) after it.",
            )


def _changed_within(look: Look) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Values that are changed in place: by a method, an item, an attribute."""
    for node in _changing(look):
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in _CHANGES:
                yield node, value
            case ast.Assign():
                targets = (leaf for target in node.targets for leaf in _leaves(target))
                yield from ((node, each) for each in targets if not isinstance(each, ast.Name))
            case ast.AugAssign(target=target) if not isinstance(target, ast.Name):
                yield node, target
            case ast.Delete():
                yield from ((node, each) for each in node.targets if not isinstance(each, ast.Name))
            case _:
                pass


def _is_read_from_state(look: Look, value: ast.expr | None) -> bool:
    while isinstance(value, (ast.Await, ast.BoolOp)):
        value = value.value if isinstance(value, ast.Await) else value.values[0]
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr == "get"
        and look.kind(value.func.value) is not None
    )


def _is_handed_on(look: Look, name: str) -> bool:
    """Whether anything but its own methods gets the value: then it may be set, or not be meant for the state."""
    return any(
        isinstance(node, ast.Name)
        and node.id == name
        and isinstance(node.ctx, ast.Load)
        and not _only_looks(look, node)
        for node in ast.walk(look.function.node)
    )


def _only_looks(look: Look, node: ast.expr) -> bool:
    parent = look.parent(node)
    match parent:
        case ast.Compare() | ast.If() | ast.While() | ast.FormattedValue():
            return True
        case ast.For():
            return parent.iter is node
        case ast.Call(func=ast.Name(id=asked)):
            return asked in {"len", "sum", "any", "all", "bool", "str", "repr", "print"}
        case ast.Attribute() if _is_method(look, parent):
            return parent.attr in _CHANGES | {"get", "count", "index"}
        case ast.Attribute() | ast.Subscript():
            return _is_part_looked_at(look, parent)
        case _:
            return False


def _is_method(look: Look, node: ast.Attribute) -> bool:
    around = look.parent(node)
    return isinstance(around, ast.Call) and around.func is node


def _is_part_looked_at(look: Look, part: ast.Attribute | ast.Subscript) -> bool:
    """``basket.lines``, ``lines[0]``: changed, returned or asked, and not made part of something that may be set."""
    if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Slice):
        return not isinstance(part.ctx, ast.Load)
    return not isinstance(part.ctx, ast.Load) or isinstance(look.parent(part), ast.Return) or _only_looks(look, part)
