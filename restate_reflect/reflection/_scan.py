"""Which attributes of a class could be handlers, and why the others are not."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, Generic, NamedTuple, Protocol

from restate_reflect.definitions import SkippedMethod
from restate_reflect.reflection._decorators import handler_mark

__all__ = ["Binding", "Method", "scan"]

_NO_USER_CODE = (object, Generic, Protocol)


class Binding(Enum):
    """What Python puts before the context."""

    INSTANCE = "self"
    CLASS = "cls"
    STATIC = ""


class Method(NamedTuple):
    """A function on a class, not yet known to be a handler."""

    cls: type
    """The class that is reflected."""
    owner: type
    """The class whose body holds the function: ``cls`` or one of its bases."""
    name: str
    function: Callable[..., Any]
    binding: Binding
    several_signatures: bool = False
    """A ``singledispatchmethod``: the function is only its fallback."""

    @property
    def qualified_name(self) -> str:
        return f"{self.cls.__module__}.{self.cls.__qualname__}.{self.name}"

    @property
    def layers(self) -> list[Any]:
        """The function, then what it wraps, as ``functools.wraps`` tells it."""
        found: list[Any] = [self.function]
        while (inner := getattr(found[-1], "__wrapped__", None)) is not None and inner not in found:
            found.append(inner)
        return found

    @property
    def innermost(self) -> Any:
        return self.layers[-1]

    @property
    def overridden(self) -> Iterator[Method]:
        """Methods of this name further back in the MRO, the nearest first."""
        behind = self.cls.__mro__[self.cls.__mro__.index(self.owner) + 1 :]
        for base in behind:
            found = _as_method(self.cls, base, self.name, vars(base).get(self.name))
            if base not in _NO_USER_CODE and isinstance(found, Method):
                yield found

    @property
    def is_async(self) -> bool:
        """A plain wrapper around an ``async def`` gives its coroutine, so one layer is enough."""
        return any(inspect.iscoroutinefunction(layer) for layer in self.layers)


def scan(cls: type) -> tuple[list[Method], list[SkippedMethod]]:
    """Public functions (own and inherited, each name once, the most derived one), and the rest with a reason.

    Base classes come first, then definition order. Private names appear only when ``@handler`` marks them,
    so that the mistake can be reported.
    """
    methods: list[Method] = []
    skipped: list[SkippedMethod] = []
    for name, (owner, raw) in _members(cls).items():
        if name.startswith("_"):
            if isinstance(method := _as_method(cls, owner, name, raw), Method) and handler_mark(method.function):
                methods.append(method)
            continue
        match _as_method(cls, owner, name, raw):
            case Method() as method:
                methods.append(method)
            case str(reason):
                skipped.append(SkippedMethod(name, reason))
    return methods, skipped


def _members(cls: type) -> dict[str, tuple[type, Any]]:
    members: dict[str, tuple[type, Any]] = {}
    for owner in reversed(cls.__mro__):
        if owner not in _NO_USER_CODE:
            members.update((name, (owner, raw)) for name, raw in vars(owner).items())
    return members


def _as_method(cls: type, owner: type, name: str, raw: Any) -> Method | str:
    match raw:
        case types.FunctionType():
            return Method(cls, owner, name, raw, Binding.INSTANCE)
        case staticmethod() if isinstance(raw.__func__, types.FunctionType):
            return Method(cls, owner, name, raw.__func__, Binding.STATIC)
        case classmethod() if isinstance(raw.__func__, types.FunctionType):
            return Method(cls, owner, name, raw.__func__, Binding.CLASS)
        case functools.singledispatchmethod() if isinstance(raw.func, types.FunctionType):
            return Method(cls, owner, name, raw.func, Binding.INSTANCE, several_signatures=True)
        case _:
            return _reason(raw)


def _reason(raw: Any) -> str:
    if isinstance(raw, (property, functools.cached_property)):
        return "it is a property"
    if isinstance(raw, type):
        return "it is a class"
    if isinstance(raw, (functools.partial, functools.partialmethod)):
        return "it is a partial application, which has no annotations of its own"
    return f"it is {type(raw).__name__} data, not a function" if not callable(raw) else "it is not a plain function"
