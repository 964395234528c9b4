"""``@service`` and ``@handler``: they leave a mark and return the very same object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar, Unpack, overload

from restate_reflect.options import HandlerOptions, ServiceOptions, merge
from restate_reflect.reflection._options import OptionArguments, ServiceOptionArguments

__all__ = ["HandlerMark", "ServiceMark", "handler", "handler_mark", "service", "service_mark"]

C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Any)

_SERVICE = "__restate_service__"
_HANDLER = "__restate_handler__"


class ServiceMark(NamedTuple):
    """What ``@service`` was given."""

    name: str | None = None
    options: Mapping[str, Any] = MappingProxyType({})


class HandlerMark(NamedTuple):
    """What ``@handler`` was given."""

    name: str | None = None
    options: Mapping[str, Any] = MappingProxyType({})


@overload
def service(cls: C, /) -> C: ...
@overload
def service(*, name: str | None = None, **options: Unpack[ServiceOptionArguments]) -> Callable[[C], C]: ...
def service(cls: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Names a service or sets options for it; optional, with or without arguments.

    Subclasses inherit the options, but not the name: two services can't have the same one.

    Args:
        name: The name on the wire; the class name if not given.
        options: The fields of ``ServiceOptions``.

    Raises:
        TypeError: an unknown option, or not a class.
    """
    merge(ServiceOptions(), options)  # a misspelt option fails here, where the traceback shows it
    mark = ServiceMark(name, options)

    def leave_mark(target: Any) -> Any:
        if not isinstance(target, type):
            raise TypeError(f"@service is for classes, and this is {target!r}; for methods there is @handler")
        setattr(target, _SERVICE, mark)
        return target

    return leave_mark if cls is None else leave_mark(cls)


@overload
def handler(function: F, /) -> F: ...
@overload
def handler(*, name: str | None = None, **options: Unpack[OptionArguments]) -> Callable[[F], F]: ...
def handler(function: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Names a handler or sets options for it; optional, with or without arguments.

    It may stand above or below ``@staticmethod`` and ``@classmethod``. A method that overrides a marked one
    has only the marks of its own.

    Args:
        name: The name on the wire; the method name if not given.
        options: The fields of ``HandlerOptions``.

    Raises:
        TypeError: an unknown option, or not a function.
    """
    merge(HandlerOptions(), options)
    mark = HandlerMark(name, options)

    def leave_mark(target: Any) -> Any:
        inner = target.__func__ if isinstance(target, (staticmethod, classmethod)) else target
        if isinstance(inner, type) or not callable(inner) or not hasattr(inner, "__dict__"):
            raise TypeError(f"@handler is for methods, and this is {target!r}; for classes there is @service")
        setattr(inner, _HANDLER, mark)
        return target

    return leave_mark if function is None else leave_mark(function)


def service_mark(cls: type) -> ServiceMark:
    """The mark of the class: its own name, and the options of it and its bases, the most derived winning."""
    marks = [vars(base)[_SERVICE] for base in reversed(cls.__mro__) if _SERVICE in vars(base)]
    options = {name: value for mark in marks for name, value in mark.options.items()}
    own: ServiceMark | None = vars(cls).get(_SERVICE)
    return ServiceMark(own.name if own else None, options)


def handler_mark(function: Any) -> HandlerMark | None:
    """The mark of the function, if it has one; ``functools.wraps`` carries it to wrappers."""
    mark: HandlerMark | None = getattr(function, _HANDLER, None)
    return mark
