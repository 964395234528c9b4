"""Annotations as types: strings evaluated, type variables bound, ``Self`` replaced."""

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

from restate_reflect.codecs import type_name
from restate_reflect.reflection._scan import Method

__all__ = ["Bindings", "Hints", "UnresolvedAnnotation", "bindings_of", "unbound_variables"]

Bindings = Mapping[Any, Any]
"""From a type variable to what stands for it."""

_SELF = (typing.Self, typing_extensions.Self)


class UnresolvedAnnotation(Exception):
    """An annotation could not be turned into a type; the message says why, ``fix`` what to do."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.fix = fix


class Hints:
    """The annotations of one method, each resolved when asked for.

    One by one, so that a helper method with an unresolvable annotation elsewhere stays the class's own business.
    """

    def __init__(self, method: Method, bindings: Mapping[type, Bindings]) -> None:
        self._method = method
        self._bindings = bindings.get(method.owner, {})
        self.raw: Mapping[str, Any] = getattr(method.innermost, "__annotations__", {})

    def resolve(self, name: str) -> Any:
        """The type of a parameter, or of the result for ``"return"``. Raises ``UnresolvedAnnotation``."""
        evaluated = self._evaluate(name, self.raw[name])
        return substitute(evaluated, self._bindings, self._method.cls)

    def _evaluate(self, name: str, annotation: Any) -> Any:
        # A class body hides builtins from its annotations only at run time (a method named 'list', say), so
        # names of the class come second; they are needed for nested classes.
        first: NameError | None = None
        for names in (self._type_parameters(), {**vars(self._method.owner), **self._type_parameters()}):
            try:
                return _evaluate_one(name, annotation, self._method.innermost, names)
            except NameError as error:
                first = first or error
            except Exception as error:  # the user's expression is evaluated here, and may raise anything
                why = f"its annotation {_shown(annotation)} can't be evaluated: {error}."
                raise UnresolvedAnnotation(why, "Write a type, or quote nothing but types.") from error
        why = f"its annotation {_shown(annotation)} can't be resolved at run time: {first}."
        fix = "Import the name outside of 'if TYPE_CHECKING:', and define classes at module level, not in a function."
        raise UnresolvedAnnotation(why, fix) from first

    def _type_parameters(self) -> dict[str, Any]:
        owner, function = self._method.owner, self._method.innermost
        variables = (*getattr(owner, "__type_params__", ()), *getattr(function, "__type_params__", ()))
        return {owner.__name__: owner, **{variable.__name__: variable for variable in variables}}


def _evaluate_one(name: str, annotation: Any, function: Any, names: Mapping[str, Any]) -> Any:
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    module_names = getattr(function, "__globals__", {})
    # get_type_hints wants a dict for locals; it takes any object with annotations, which its stub does not say.
    hints = typing.get_type_hints(holder, module_names, dict(names), include_extras=True)
    return type(None) if hints[name] is None else hints[name]


def _shown(annotation: Any) -> str:
    return repr(annotation) if isinstance(annotation, str) else type_name(annotation)


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


def unbound_variables(annotation: Any) -> list[str]:
    """Names of type variables that nothing has bound."""
    if isinstance(annotation, TypeVar):
        return [annotation.__name__]
    model = getattr(annotation, "__pydantic_generic_metadata__", None)
    arguments = model["args"] if model and model["origin"] is not None else get_args(annotation)
    return sorted({name for argument in arguments for name in unbound_variables(argument)})
