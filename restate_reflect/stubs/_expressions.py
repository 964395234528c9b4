"""Shapes as type expressions."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Set
from typing import Any, Final

from restate_reflect.stubs._nodes import call, either, import_from, literal, loaded, subscript
from restate_reflect.stubs._types import (
    NONE,
    ClassRef,
    ListOf,
    Literals,
    MapOf,
    Scalar,
    Shape,
    TupleOf,
    Union,
)

__all__ = ["IMPORTS", "Spelling", "default_of"]

IMPORTS: Final = {
    "Annotated": "typing",
    "Any": "typing",
    "ConfigDict": "pydantic",
    "ContentType": "restate_reflect.stubs",
    "Enum": "enum",
    "Field": "pydantic",
    "Literal": "typing",
    "Protocol": "typing",
    "StubModel": "restate_reflect.stubs",
    "UUID": "uuid",
    "date": "datetime",
    "datetime": "datetime",
    "handler": "restate_reflect",
    "service": "restate_reflect",
    "time": "datetime",
    "timedelta": "datetime",
    "Context": "restate_reflect",
    "ObjectContext": "restate_reflect",
    "ObjectSharedContext": "restate_reflect",
    "WorkflowContext": "restate_reflect",
    "WorkflowSharedContext": "restate_reflect",
    **dict.fromkeys(("bool", "bytes", "dict", "float", "int", "list", "set", "str", "tuple"), "builtins"),
}
"""Where the names in a module of stubs come from."""

_PLAIN_DEFAULTS: Final[Mapping[type, tuple[str, ...]]] = {
    bool: ("bool",),
    int: ("int", "float"),
    float: ("float",),
    str: ("str",),
}


class Spelling:
    """Spells types, and remembers which names they need.

    Args:
        class_names: By identity.
        hidden: Names of fields and methods. Inside of its class ``date`` is the field ``date``, so that the type has to
            be called ``_date`` there; no field begins with an underscore.
    """

    def __init__(self, class_names: Mapping[str, str], hidden: Set[str]) -> None:
        self._class_names = class_names
        self._hidden = hidden
        self._used: dict[str, str] = {}

    def use(self, name: str) -> str:
        """What a name of ``IMPORTS`` is called here."""
        here = f"_{name}" if name in self._hidden else name
        self._used[name] = here
        return here

    def imports(self) -> list[ast.stmt]:
        """Of everything that was used; builtins only under another name."""
        by_module: dict[str, dict[str, str]] = {}
        for name, here in self._used.items():
            if IMPORTS[name] != "builtins" or name != here:
                by_module.setdefault(IMPORTS[name], {})[name] = here
        return [import_from(module, names) for module, names in sorted(by_module.items())]

    def of(self, shape: Shape) -> ast.expr:
        """A type expression."""
        match shape:
            case Scalar("None"):
                return ast.Constant(None)
            case Scalar(name, bounds):
                return self._bounded(loaded(self.use(name)), bounds)
            case ClassRef(identity):
                return loaded(self._class_names[identity])
            case Literals(values):
                return subscript(self.use("Literal"), [value for value in map(literal, values) if value is not None])
            case ListOf(item, container, bounds):
                return self._bounded(subscript(self.use(container), [self.of(item)]), bounds)
            case TupleOf(parts):
                return subscript(self.use("tuple"), [self.of(part) for part in parts])
            case MapOf(value):
                return subscript(self.use("dict"), [loaded(self.use("str")), self.of(value)])
            case Union(choices):
                last = [choice for choice in choices if choice == NONE]
                return either([self.of(choice) for choice in [*(c for c in choices if c != NONE), *last]])

    def with_metadata(self, type_: ast.expr, *metadata: ast.expr) -> ast.expr:
        return subscript(self.use("Annotated"), [type_, *metadata]) if metadata else type_

    def _bounded(self, type_: ast.expr, bounds: tuple[tuple[str, int | float], ...]) -> ast.expr:
        if not bounds:
            return type_
        spelled = [(word, literal(value)) for word, value in bounds]
        named = {word: value for word, value in spelled if value is not None}
        return self.with_metadata(type_, call(self.use("Field"), **named))


def default_of(value: Any, shape: Shape) -> ast.expr:
    """How a parameter's default is written: ``...`` for one that callers can't spell, and that the service applies."""
    choices = shape.choices if isinstance(shape, Union) else (shape,)
    names = {choice.name for choice in choices if isinstance(choice, Scalar)}
    wanted = {"None"} if value is None else set(_PLAIN_DEFAULTS.get(type(value), ()))
    spelled = literal(value) if wanted & names else None
    return spelled or ast.Constant(...)
