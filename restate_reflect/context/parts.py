"""What only some kinds of handler can do: know their key, read and write state, share promises."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar, overload

from restate_reflect.context.data import UNSET
from restate_reflect.context.futures import DurablePromise
from restate_reflect.context.operations import Operations
from restate_reflect.context.state import State

__all__ = ["Keyed", "Promises", "StateReader", "StateWriter"]

T = TypeVar("T")


class Keyed:
    __slots__ = ()
    _operations: Operations

    @property
    def key(self) -> str:
        """The key of this object or workflow."""
        return self._operations.key


class StateReader:
    __slots__ = ()
    _operations: Operations

    @overload
    def get(self, key: State[T], /) -> asyncio.Future[T]: ...
    @overload
    def get(self, key: str, type: type[T], *, default: T) -> asyncio.Future[T]: ...
    @overload
    def get(self, key: str, type: type[T]) -> asyncio.Future[T | None]: ...
    @overload
    def get(self, key: str, type: Any = ..., *, default: Any = ...) -> asyncio.Future[Any]: ...
    def get(self, key: str | State[Any], type: Any = Any, *, default: Any = None) -> asyncio.Future[Any]:
        """A state value; ``default`` (``None``) if the key is not set."""
        if isinstance(key, State):
            return self._operations.get_state(key.known_name(), key.type, key.fresh_default())
        return self._operations.get_state(key, type, default)

    def keys(self) -> asyncio.Future[list[str]]:
        """The keys that are set, sorted."""
        return self._operations.state_keys()


class StateWriter:
    __slots__ = ()
    _operations: Operations

    @overload
    def set(self, key: State[T], value: T, /) -> None: ...
    @overload
    def set(self, key: str, value: Any, *, type: Any = ...) -> None: ...
    def set(self, key: str | State[Any], value: Any, *, type: Any = UNSET) -> None:
        """Sets a state value. For a plain key the codec follows ``type``, or the value's class."""
        if isinstance(key, State):
            self._operations.set_state(key.known_name(), key.type, value)
        else:
            self._operations.set_state(key, type, value)

    def clear(self, key: str | State[Any]) -> None:
        """Removes a key."""
        self._operations.clear_state(key.known_name() if isinstance(key, State) else key)

    def clear_all(self) -> None:
        """Removes every key."""
        self._operations.clear_all_state()


class Promises:
    __slots__ = ()
    _operations: Operations

    @overload
    def promise(self, name: str, type: type[T]) -> DurablePromise[T]: ...
    @overload
    def promise(self, name: str, type: Any = ...) -> DurablePromise[Any]: ...
    def promise(self, name: str, type: Any = Any) -> DurablePromise[Any]:
        """A promise shared by the handlers of this workflow."""
        return DurablePromise(self._operations, name, type)
