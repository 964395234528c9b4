"""What an expression stands for, as a text: the *symbol*.

``time.time`` is what that name was imported as; a call adds ``()``, so ``httpx.AsyncClient().get`` is a method of a
client, wherever it was made: behind a variable, an attribute set in ``__init__``, a parameter's annotation, or a
function that is annotated to return one. What can't be told is ``None``, and no rule speaks about it.
"""

from __future__ import annotations

import ast
import builtins
from typing import Final

from restate_reflect.lint._project import Class, Function, Module, Project

__all__ = ["Symbols", "is_context"]

_CONTEXTS: Final = {"Context", "ObjectContext", "ObjectSharedContext", "WorkflowContext", "WorkflowSharedContext"}
_BUILTINS: Final = frozenset(dir(builtins))
_SETS: Final = "builtins.set()"


def is_context(symbol: str | None) -> bool:
    """Whether it is a context of a handler."""
    return context_kind(symbol) is not None


def context_kind(symbol: str | None) -> str | None:
    """``ObjectContext`` for a context of that class."""
    if symbol is None or not symbol.startswith("restate_reflect.") or not symbol.endswith("()"):
        return None
    name = symbol[:-2].rpartition(".")[2]
    return name if name in _CONTEXTS else None


class Symbols:
    """Looks up symbols in the scope of a function."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[tuple[int, int], str | None] = {}

    def of(self, expression: ast.expr | None, function: Function, depth: int = 12) -> str | None:
        """The symbol of an expression in a function."""
        if expression is None or not depth:
            return None
        key = (id(expression), id(function))
        if key not in self._known:
            self._known[key] = None  # what leads back to itself is not known
            self._known[key] = self._of(expression, function, depth - 1)
        return self._known[key]

    def _of(self, expression: ast.expr, function: Function, depth: int) -> str | None:
        match expression:
            case ast.Name():
                return self._name(expression.id, function, depth)
            case ast.Attribute():
                return self._attribute(self.of(expression.value, function, depth), expression.attr, depth)
            case ast.Call(func=ast.Name(id="@annotated")):
                return self.annotated(expression.args[0], function)
            case ast.Call():
                return self._call(expression, function, depth)
            case ast.Await() | ast.NamedExpr() | ast.Starred():
                return self.of(expression.value, function, depth)
            case ast.Set() | ast.SetComp():
                return _SETS
            case ast.BinOp():
                return self._operation(expression, function, depth)
            case ast.IfExp():
                return self.of(expression.body, function, depth) or self.of(expression.orelse, function, depth)
            case ast.BoolOp():
                return next(filter(None, (self.of(each, function, depth) for each in expression.values)), None)
            case _:
                pass
        return None

    def _operation(self, expression: ast.BinOp, function: Function, depth: int) -> str | None:
        left = self.of(expression.left, function, depth)
        if isinstance(expression.op, ast.Div):
            return left if left is not None and left.startswith("pathlib.") else None
        if isinstance(expression.op, (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)):
            return _SETS if _SETS in (left, self.of(expression.right, function, depth)) else None
        return None

    # ---------------------------------------------------------------- names

    def _name(self, name: str, function: Function, depth: int) -> str | None:
        scope: Function | None = function
        while scope is not None:
            found = self._local(name, scope, depth)
            if found is not None:
                return found or None
            scope = scope.outer
        return self._global(name, function.module, function, depth)

    def _local(self, name: str, scope: Function, depth: int) -> str | None:
        """``""`` for a local name of which nothing is known, which hides names outside."""
        if name in scope.inner:
            return f"{scope.module.name}:{id(scope.inner[name])}"
        if name in scope.imports:
            return self._project.canonical(scope.imports[name])
        if name in scope.classes:
            return scope.classes[name]
        if name in scope.assigned:
            values = scope.assigned[name]
            symbols = {self.of(value, scope, depth) for value in values}
            known = symbols - {None}
            return known.pop() or "" if len(known) == 1 else ""
        for index, parameter in enumerate(scope.parameters):
            if parameter.arg == name:
                return self._parameter(parameter, index, scope) or ""
        star = {each.arg for each in (scope.node.args.vararg, scope.node.args.kwarg) if each is not None}
        return "" if name in star else None

    def _parameter(self, parameter: ast.arg, index: int, scope: Function) -> str | None:
        if index == 0 and scope.cls is not None and not scope.is_static:
            return scope.cls.dotted if scope.is_class_method else f"{scope.cls.dotted}()"
        if parameter.annotation is None:
            # Helpers are often written without annotations; what they call `ctx` is one.
            return "restate_reflect.Context()" if parameter.arg == "ctx" else None
        return self.annotated(parameter.annotation, scope)

    def _global(self, name: str, module: Module, function: Function, depth: int) -> str | None:
        if name in module.imports:
            return self._project.canonical(module.imports[name])
        if name in module.functions or name in module.classes:
            return f"{module.name}.{name}"
        if name in module.variables:
            value = module.variables[name]
            symbol = self.of(value, _outside(module), depth) if value is not None else None
            return symbol or f"{module.name}.{name}"
        return f"builtins.{name}" if name in _BUILTINS else None

    def annotated(self, annotation: ast.expr | None, function: Function) -> str | None:
        """The symbol of a value with an annotation: that of its class, called."""
        match annotation:
            case ast.Constant(value=str() as text):
                try:
                    return self.annotated(ast.parse(text, mode="eval").body, function)
                except SyntaxError:
                    return None
            case ast.Subscript():
                return self._generic(annotation, function)
            case ast.BinOp(op=ast.BitOr()):
                return self.annotated(annotation.left, function) or self.annotated(annotation.right, function)
            case ast.Name() | ast.Attribute():
                symbol = self.of(annotation, function)
                return None if symbol is None or symbol == "builtins.None" else f"{symbol}()"
            case _:
                pass
        return None

    def _generic(self, annotation: ast.Subscript, function: Function) -> str | None:
        origin = self.of(annotation.value, function)
        first = (
            annotation.slice.elts[0]
            if isinstance(annotation.slice, ast.Tuple) and annotation.slice.elts
            else annotation.slice
        )
        if origin in _TRANSPARENT:
            return self.annotated(first, function)
        return None if origin is None else _ALIASES.get(f"{origin}()", f"{origin}()")

    # ---------------------------------------------------------------- attributes and calls

    def _attribute(self, owner: str | None, name: str, depth: int) -> str | None:
        if owner is None:
            return None
        if "()" not in owner:
            return self._project.canonical(f"{owner}.{name}")
        if owner.endswith("()"):
            cls = self._project.find(owner[:-2])
            if isinstance(cls, Class):
                return self._instance_attribute(cls, name, depth) or f"{owner}.{name}"
        return f"{owner}.{name}"

    def _instance_attribute(self, cls: Class, name: str, depth: int) -> str | None:
        """What an attribute of an instance holds, by the class's annotation or its constructor."""
        for statement in cls.node.body:
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and statement.target.id == name
            ):
                return self.annotated(statement.annotation, _outside(cls.module))
        constructor = self._project.method(cls, "__init__")
        if constructor is not None and name in constructor.own_attributes:
            return self.of(constructor.own_attributes[name], constructor, depth)
        return (
            next(filter(None, (self._instance_attribute(base, name, depth) for base in self._project.bases(cls))), None)
            if depth > 6
            else None
        )

    def _call(self, call: ast.Call, function: Function, depth: int) -> str | None:
        symbol = self.of(call.func, function, depth)
        if symbol is None:
            return None
        if symbol in _SET_MAKERS or (symbol.startswith(f"{_SETS}.") and symbol.rpartition(".")[2] in _SET_METHODS):
            return _SETS
        found = self.target(symbol)
        if isinstance(found, Function):
            return self.annotated(found.node.returns, found)
        return f"{symbol}()"

    def target(self, symbol: str) -> Function | Class | Module | None:
        """The function or class of the project that a symbol names."""
        module, colon, identity = symbol.partition(":")
        if colon:
            return next(
                (each for each in self._project.modules[module].all_functions if id(each) == int(identity)), None
            )
        if "()" not in symbol:
            return self._project.find(symbol)
        owner, _, method = symbol.rpartition("().")
        cls = self._project.find(owner) if method and "()" not in owner else None
        return self._project.method(cls, method) if isinstance(cls, Class) else None


_TRANSPARENT: Final = {
    "typing.Annotated", "typing.Optional", "typing.Final", "typing.ClassVar", "typing_extensions.Annotated",
    "typing.Union", "collections.abc.Awaitable", "typing.Awaitable", "collections.abc.Coroutine",
}  # fmt: skip
_ALIASES: Final = {
    "typing.Set()": _SETS, "typing.FrozenSet()": _SETS, "builtins.frozenset()": _SETS, "typing.AbstractSet()": _SETS,
    "collections.abc.Set()": _SETS, "collections.abc.MutableSet()": _SETS,
}  # fmt: skip
_SET_MAKERS: Final = {"builtins.set", "builtins.frozenset"}
_SET_METHODS: Final = {"union", "intersection", "difference", "symmetric_difference", "copy"}

_EMPTY: Final = ast.parse("def outside(): ...").body[0]


def _outside(module: Module) -> Function:
    """The top level of a module, as a function without names of its own."""
    known = _OUTSIDE.get(id(module))
    if known is None or known.module is not module:
        assert isinstance(_EMPTY, ast.FunctionDef)
        known = _OUTSIDE[id(module)] = Function("<module>", module, _EMPTY)
    return known


_OUTSIDE: Final[dict[int, Function]] = {}
