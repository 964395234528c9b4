"""Declared state keys."""

from __future__ import annotations

import copy
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, overload
from weakref import WeakKeyDictionary

from restate_reflect.codecs import type_name
from restate_reflect.errors import HandlerBugError
from restate_reflect.generics import bindings_of, holds_variables, substitute, type_arguments

__all__ = ["State"]

T = TypeVar("T")
S = TypeVar("S")

_IMMUTABLE = (type(None), bool, int, float, str, bytes, frozenset)
_OF_ALIAS: Any = object()
"""The type is the argument of ``State[…]()``."""


class State(Generic[T]):
    """A declared state key: ``count = State(int, default=0)`` in the body of a class.

    The key is the attribute's name unless ``name`` says otherwise. Without a default a key that
    is not set reads as ``None``. A mutable default (a list, a model) is copied for each read.

    In a generic class the type may hold its variables, ``State(T)`` or ``State(list[T])``; ``self.record`` and
    ``Users.record`` then have the type that ``class Users(Repository[User])`` binds. ``State[T | None]()`` and
    ``State[list[T]](default=[])`` say the same to every type checker; mypy takes no bare ``T`` for a value.

    Raises:
        TypeError: ``State[X]()`` without a default, where ``X`` can't be ``None``; when the class is made.
    """

    if TYPE_CHECKING:

        @overload
        def __init__(self: State[S], type: type[S], *, default: S, name: str | None = None) -> None: ...
        @overload
        def __init__(self: State[S | None], type: type[S], *, name: str | None = None) -> None: ...
        @overload
        def __init__(self: State[Any], type: Any, *, default: Any = None, name: str | None = None) -> None: ...
        @overload
        def __init__(self, *, default: T, name: str | None = None) -> None: ...
        @overload
        def __init__(self, *, name: str | None = None) -> None: ...

    def __init__(self, type: Any = _OF_ALIAS, *, default: Any = None, name: str | None = None) -> None:
        self.type = type
        self.default = default
        self.name = name or ""
        self._is_immutable = isinstance(default, _IMMUTABLE)
        self._bound: WeakKeyDictionary[Any, dict[tuple[Any, ...], State[Any]]] | None = None
        """By the class that binds the variables, and by those of an alias; ``None`` if there are none."""

    def fresh_default(self) -> Any:
        """The default; a copy of what handlers could change, or they would change it for all keys and replays."""
        return self.default if self._is_immutable else copy.deepcopy(self.default)

    def known_name(self) -> str:
        """The key.

        Raises:
            HandlerBugError: The key was declared outside of a class, without ``name``.
        """
        if not self.name:
            raise HandlerBugError(f"{self!r} has no key. Declare it in the body of a class, or write State(…, name=…).")
        if self.type is _OF_ALIAS:  # declared outside of a class
            self.type = self._argument(self.name)
        return self.name

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = self.name or name
        if self.type is _OF_ALIAS:
            self.type = self._argument(f"{owner.__name__}.{name}")
        if holds_variables(self.type):
            self._owner, self._bound = owner, WeakKeyDictionary()

    def _argument(self, place: str) -> Any:
        """What stands in brackets: an alias tells it to what it has made, once the constructor is through."""
        given = type_arguments(self)
        if not given:
            raise TypeError(f"{place} = State() has no type. Write State(int), or State[int](default=0).")
        if self.default is None and not any(part in (Any, NoneType) for part in (given[0], *get_args(given[0]))):
            shown = type_name(given[0])
            raise TypeError(
                f"{place} = State[{shown}]() reads as None while it is not set, which its type does not say."
                f" Write State[{shown} | None](), or give a default."
            )
        return given[0]

    def __get__(self, instance: object, owner: Any = None) -> State[T]:
        return self if self._bound is None else self._bound_by(instance, owner or type(instance))

    def _bound_by(self, instance: object, owner: Any) -> State[T]:
        assert self._bound is not None
        known = self._bound.setdefault(owner, {})
        arguments = type_arguments(instance)
        if arguments not in known:
            bindings = bindings_of(owner, arguments)[self._owner]
            known[arguments] = State(substitute(self.type, bindings, owner), default=self.default, name=self.name)
        return known[arguments]

    def __repr__(self) -> str:
        return f"State({self.name!r}, {getattr(self.type, '__name__', self.type)!s})"
