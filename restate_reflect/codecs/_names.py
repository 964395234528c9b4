"""How a type is shown to people: the way they wrote it."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

from typing_extensions import TypeAliasType as BackportedAlias

__all__ = ["bare", "is_alias", "metadata_of", "parts", "type_name"]

# The backport is a class of its own even where Python 3.12 and newer have the real one.
_ALIASES: tuple[Any, ...] = (BackportedAlias, getattr(typing, "TypeAliasType", BackportedAlias))


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


def is_alias(annotation: Any) -> bool:
    """Whether it was made by ``type X = ...`` (PEP 695) or ``TypeAliasType``."""
    return isinstance(annotation, _ALIASES)


def bare(annotation: Any) -> Any:
    """What stands behind ``Annotated``, ``NewType`` and aliases.

    Raises ``NameError`` when the value of a lazy alias can't be evaluated.
    """
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif is_alias(annotation):
            annotation = annotation.__value__
        else:
            return annotation


def metadata_of(annotation: Any) -> tuple[Any, ...]:
    """The metadata of every ``Annotated`` layer, aliases and ``NewType`` looked through."""
    found: tuple[Any, ...] = ()
    while annotation is not (inner := _peel(annotation)):
        if get_origin(annotation) is Annotated:
            found += annotation.__metadata__
        annotation = inner
    return found


def _peel(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[0]
    if isinstance(annotation, NewType):
        return annotation.__supertype__
    return annotation.__value__ if is_alias(annotation) else annotation


def parts(annotation: Any) -> Iterator[Any]:
    """The type itself and every type argument in it, ``Annotated`` metadata left out.

    Recursive aliases are entered once.
    """
    seen: set[int] = set()
    pending = [annotation]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        inner = bare(current)
        yield inner
        pending.extend(get_args(inner))
