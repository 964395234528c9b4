"""How a type is shown to people: the way they wrote it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

from restate_reflect.generics import bind, is_alias, substitute

__all__ = ["UnresolvedAlias", "bare", "is_alias", "metadata_of", "parts", "type_name"]


def type_name(annotation: Any) -> str:
    """``Order``, ``list[Order]``, ``Order | None``: without module names, as in the source."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Ellipsis:
        return "..."
    if isinstance(annotation, list):  # the parameters of a Callable
        return f"[{', '.join(map(type_name, annotation))}]"
    arguments, origin = get_args(annotation), get_origin(annotation)
    if not arguments:
        return str(getattr(annotation, "__name__", None) or repr(annotation).removeprefix("typing."))
    if origin is Annotated:
        return type_name(arguments[0])
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    names = [type_name(argument) for argument in arguments]
    return " | ".join(names) if origin in (Union, types.UnionType) else f"{type_name(origin)}[{', '.join(names)}]"


class UnresolvedAlias(Exception):
    """An alias has no value; the message says why."""


def bare(annotation: Any) -> Any:
    """What stands behind ``Annotated``, ``NewType`` and aliases.

    Raises:
        UnresolvedAlias: The value of an alias can't be evaluated, or is the alias itself.
    """
    return list(_layers(annotation))[-1]


def metadata_of(annotation: Any) -> tuple[Any, ...]:
    """The metadata of every ``Annotated`` layer, aliases and ``NewType`` looked through. Raises as ``bare`` does."""
    annotated = [layer for layer in _layers(annotation) if get_origin(layer) is Annotated]
    return tuple(mark for layer in annotated for mark in layer.__metadata__)


MAX_LAYERS = 100
"""More than anybody writes; ``type X = X`` has no end."""


def _layers(annotation: Any) -> Iterator[Any]:
    """The type, what it stands for, what that stands for, and so on."""
    for _ in range(MAX_LAYERS):
        yield annotation
        if annotation is (inner := _peeled(annotation)):
            return
        annotation = inner
    raise UnresolvedAlias(f"the alias {type_name(annotation)} stands for nothing but itself")


def _peeled(annotation: Any) -> Any:
    origin = get_origin(annotation)
    if origin is Annotated:
        return get_args(annotation)[0]
    if isinstance(annotation, NewType):
        return annotation.__supertype__
    if is_alias(annotation):
        return _value_of(annotation, None)
    return _value_of(origin, get_args(annotation)) if is_alias(origin) else annotation


def _value_of(alias: Any, arguments: tuple[Any, ...] | None) -> Any:
    try:
        return substitute(alias.__value__, bind(alias.__type_params__, arguments, alias.__module__), None)
    except Exception as error:  # lazily evaluated, so that the user's expression raises here
        raise UnresolvedAlias(f"the alias {type_name(alias)} can't be evaluated: {error}") from error


def parts(annotation: Any) -> Iterator[Any]:
    """The type itself and every type argument in it, ``Annotated`` metadata left out.

    Recursive aliases are entered once; in generic ones the variables are left as they are, beside the arguments.
    """
    seen: set[int] = set()
    pending = [annotation]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if is_alias(origin := get_origin(current)):
            pending.append(origin)
            pending.extend(get_args(current))
            continue
        inner = bare(current)
        yield inner
        pending.extend(get_args(inner))
