"""State of one key, to look at and to change from a test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar, overload

from restate_reflect.codecs import codec_for
from restate_reflect.context import State

__all__ = ["StateAccess", "StateView"]

T = TypeVar("T")


class StateAccess(Protocol):
    """Where state is."""

    def state(self, service: str, key: str, scope: str | None = None) -> dict[str, bytes]: ...
    def set_state(self, service: str, key: str, values: Mapping[str, bytes | None], scope: str | None = None) -> None:
        """``None`` clears a key; others stay."""
        ...


class StateView:
    """State of an object or workflow. Writing is refused while an exclusive handler holds the key."""

    def __init__(self, access: StateAccess, service: str, key: str, scope: str | None = None) -> None:
        self._access = access
        self._service = service
        self._key = key
        self._scope = scope

    @overload
    def get(self, key: State[T], /) -> T: ...
    @overload
    def get(self, key: str, type: type[T]) -> T | None: ...
    @overload
    def get(self, key: str, type: Any = ...) -> Any: ...
    def get(self, key: str | State[Any], type: Any = Any) -> Any:
        """The decoded value; the default (``None``) if the key is not set."""
        name, annotation, default = (
            (key.known_name(), key.type, key.default) if isinstance(key, State) else (key, type, None)
        )
        raw = self.raw().get(name)
        return default if raw is None else codec_for(annotation).decode(raw)

    def set(self, key: str | State[Any], value: Any) -> None:
        """Sets a value; the codec follows the declared type, or the value's class."""
        name, annotation = (key.known_name(), key.type) if isinstance(key, State) else (key, type(value))
        self._change(name, codec_for(annotation).encode(value))

    def clear(self, key: str | State[Any]) -> None:
        """Removes a key."""
        self._change(key.known_name() if isinstance(key, State) else key, None)

    def _change(self, name: str, value: bytes | None) -> None:
        self._access.set_state(self._service, self._key, {name: value}, self._scope)

    def keys(self) -> list[str]:
        """The keys that are set, sorted."""
        return sorted(self.raw())

    def raw(self) -> dict[str, bytes]:
        """Everything, as it is stored."""
        return self._access.state(self._service, self._key, self._scope)

    def __repr__(self) -> str:
        return f"<state of {self._service}/{self._key}: {self.raw()!r}>"
