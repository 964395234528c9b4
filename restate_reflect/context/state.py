"""Declared state keys."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from restate_reflect.errors import HandlerBugError

__all__ = ["State"]

T = TypeVar("T")
S = TypeVar("S")


class State(Generic[T]):
    """A declared state key: ``count = State(int, default=0)`` in the body of a class.

    The key is the attribute's name unless ``name`` says otherwise. Without a default a key that
    is not set reads as ``None``. A mutable default (a list, a model) is copied for each read.
    """

    if TYPE_CHECKING:

        @overload
        def __init__(self: State[S], type: type[S], *, default: S, name: str | None = None) -> None: ...
        @overload
        def __init__(self: State[S | None], type: type[S], *, name: str | None = None) -> None: ...
        @overload
        def __init__(self: State[Any], type: Any, *, default: Any = None, name: str | None = None) -> None: ...

    def __init__(self, type: Any, *, default: Any = None, name: str | None = None) -> None:
        self.type = type
        self.default = default
        self.name = name or ""
        self._is_immutable = isinstance(default, _IMMUTABLE)

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
        return self.name

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    def __repr__(self) -> str:
        return f"State({self.name!r}, {getattr(self.type, '__name__', self.type)!s})"


_IMMUTABLE = (type(None), bool, int, float, str, bytes, frozenset)
