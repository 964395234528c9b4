"""Generic classes: what their type variables and ``Self`` stand for, seen from the class that binds them."""

from __future__ import annotations

import collections.abc
import functools
import operator
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import typing_extensions
from typing_extensions import get_original_bases

__all__ = ["Bindings", "bindings_of", "holds_variables", "substitute", "type_arguments", "unbound_variables"]

Bindings = Mapping[Any, Any]
"""From a type variable to what stands for it."""

_SELF = (typing.Self, typing_extensions.Self)


def type_arguments(instance: object) -> tuple[Any, ...]:
    """Those of the alias that made it, which instances remember: ``(User,)`` for ``Repository[User]()``."""
    return get_args(getattr(instance, "__orig_class__", None))


def bindings_of(cls: type, arguments: tuple[Any, ...] = ()) -> dict[type, Bindings]:
    """For the class and each base: what its type variables stand for, seen from ``cls``.

    ``arguments`` bind the variables of ``cls`` itself, as in ``Repository[User]``.
    """
    found: dict[type, Bindings] = {}
    _bind(cls, arguments, found)
    return found


def _bind(cls: type, arguments: tuple[Any, ...], found: dict[type, Bindings]) -> None:
    bound = dict(zip(_parameters(cls), arguments, strict=False))
    for variable in _parameters(cls):
        if variable not in bound and _has_default(variable):
            bound[variable] = variable.__default__
    found[cls] = {**found.get(cls, {}), **bound}
    for base in get_original_bases(cls):
        origin = get_origin(base) or base
        if isinstance(origin, type) and origin not in (object, typing.Generic, typing.Protocol):
            _bind(origin, tuple(substitute(argument, bound, None) for argument in get_args(base)), found)


def _parameters(cls: type) -> tuple[Any, ...]:
    return tuple(getattr(cls, "__parameters__", ()))


def _has_default(variable: Any) -> bool:
    has_default = getattr(variable, "has_default", None)
    return bool(has_default and has_default())


def substitute(annotation: Any, bindings: Bindings, self_type: Any) -> Any:
    """The annotation with bound type variables and ``Self`` replaced, at any depth."""
    if any(annotation is self_form for self_form in _SELF):
        return annotation if self_type is None else self_type
    if isinstance(annotation, TypeVar):
        return bindings.get(annotation, annotation)
    if model := getattr(annotation, "__pydantic_generic_metadata__", None):
        return _substitute_in_model(model, annotation, bindings, self_type)
    arguments = get_args(annotation)
    if not arguments or get_origin(annotation) in (Literal, collections.abc.Callable):
        return annotation
    return _rebuild(annotation, arguments, bindings, self_type)


def _substitute_in_model(model: Mapping[str, Any], annotation: Any, bindings: Bindings, self_type: Any) -> Any:
    """``Page[T]`` of a pydantic model is a class of its own, or ``Page`` itself if ``T`` is its own variable."""
    before = tuple(model["args"] or model["parameters"])
    now = tuple(substitute(argument, bindings, self_type) for argument in before)
    return annotation if now == before else (model["origin"] or annotation)[now]


def _rebuild(annotation: Any, arguments: tuple[Any, ...], bindings: Bindings, self_type: Any) -> Any:
    if get_origin(annotation) is Annotated:
        inner = substitute(arguments[0], bindings, self_type)
        return annotation if inner is arguments[0] else Annotated[(inner, *annotation.__metadata__)]
    new = tuple(substitute(argument, bindings, self_type) for argument in arguments)
    if all(now is before for now, before in zip(new, arguments, strict=True)):
        return annotation
    if get_origin(annotation) is types.UnionType:
        return functools.reduce(operator.or_, new)
    if get_origin(annotation) is Union:
        return Union[new]  # noqa: UP007 - members are known only now
    if isinstance(annotation, types.GenericAlias):
        return types.GenericAlias(get_origin(annotation), new)
    return annotation.copy_with(new) if hasattr(annotation, "copy_with") else get_origin(annotation)[new]


def holds_variables(annotation: Any) -> bool:
    """Whether it is, or has within, something that a class may bind: a type variable, or ``Self``."""
    if isinstance(annotation, TypeVar) or any(annotation is self_form for self_form in _SELF):
        return True
    model = getattr(annotation, "__pydantic_generic_metadata__", None)
    return bool(model and model["parameters"]) or any(map(holds_variables, get_args(annotation)))


def unbound_variables(annotation: Any) -> list[str]:
    """Names of type variables that nothing has bound."""
    if isinstance(annotation, TypeVar):
        return [annotation.__name__]
    model = getattr(annotation, "__pydantic_generic_metadata__", None)
    arguments = model["args"] if model and model["origin"] is not None else get_args(annotation)
    return sorted({name for argument in arguments for name in unbound_variables(argument)})
