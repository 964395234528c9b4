"""Type variables: what they stand for in a class, its bases and its aliases, and the types with that put in.

``TypeVar`` and ``TypeVarTuple``, both spellings of each (PEP 484, 646, 695), and their defaults (PEP 696).
"""

from __future__ import annotations

import collections.abc
import functools
import operator
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar, TypeVarTuple, Union, get_args, get_origin

import typing_extensions
from typing_extensions import get_original_bases

from restate_reflect.annotations import evaluate

__all__ = [
    "Bindings",
    "UnresolvedDefault",
    "bind",
    "bindings_of",
    "holds_variables",
    "is_alias",
    "substitute",
    "type_arguments",
    "unbound_variables",
    "with_own_defaults",
]

Bindings = Mapping[Any, Any]
"""From a type variable to what stands for it; to a tuple of types for a ``TypeVarTuple``."""

_SELF = (typing.Self, typing_extensions.Self)
# The backport is a class of its own even where Python 3.12 and newer have the real one.
_ALIASES: tuple[Any, ...] = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType),
)
_UNPACK = (typing.Unpack, typing_extensions.Unpack)


class UnresolvedDefault(Exception):
    """The default of a type variable that is needed can't be evaluated."""


def type_arguments(instance: object) -> tuple[Any, ...]:
    """Those of the alias that made it, which instances remember: ``(User,)`` for ``Repository[User]()``."""
    return get_args(getattr(instance, "__orig_class__", None))


def bindings_of(cls: type, arguments: tuple[Any, ...] = ()) -> dict[type, Bindings]:
    """For the class and each base: what its type variables stand for, seen from ``cls``.

    ``arguments`` bind the variables of ``cls`` itself, as in ``Repository[User]``.
    """
    found: dict[type, Bindings] = {}
    _bind_class(cls, bind(_parameters(cls), arguments or None, cls.__module__), found)
    return found


def _bind_class(cls: type, bound: Bindings, found: dict[type, Bindings]) -> None:
    found[cls] = {**found.get(cls, {}), **bound}
    for base in get_original_bases(cls):
        origin = get_origin(base) or base
        if isinstance(origin, type) and origin not in (object, typing.Generic, typing.Protocol):
            # A base without brackets is another thing than Base[()].
            arguments = None if get_origin(base) is None else get_args(base)
            _bind_class(origin, bind(_parameters(origin), arguments, origin.__module__, bound), found)


def _parameters(cls: type) -> tuple[Any, ...]:
    return tuple(getattr(cls, "__parameters__", ()))


def bind(
    parameters: Sequence[Any], arguments: tuple[Any, ...] | None, module: str, outer: Bindings = MappingProxyType({})
) -> dict[Any, Any]:
    """What each variable stands for; those with neither an argument nor a default are left out.

    ``arguments`` is ``None`` where there are no brackets at all; variables in them are of ``outer``. Names in quoted
    defaults are looked up in ``module``.
    """
    given = {} if arguments is None else _by_position(parameters, arguments)
    bound: dict[Any, Any] = {}
    for variable in parameters:
        # Python fills in a missing argument by the default as it stands: list[K] for the V of [K, V = list[K]].
        if variable in given and not _is_default(given[variable], variable):
            bound[variable] = _substitute_argument(given[variable], outer)
        elif _has_default(variable):
            bound[variable] = _Default(variable, module, dict(bound))
    return bound


def _substitute_argument(argument: Any, outer: Bindings) -> Any:
    """Of a ``TypeVarTuple`` it is a tuple."""
    if isinstance(argument, tuple):
        return _substitute_all(argument, outer, None)
    return substitute(argument, outer, None)


def _by_position(parameters: Sequence[Any], arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """A ``TypeVarTuple`` takes what its neighbours on both sides leave."""
    at = next((index for index, variable in enumerate(parameters) if isinstance(variable, TypeVarTuple)), None)
    if at is None:
        return dict(zip(parameters, arguments, strict=False))
    after = len(parameters) - at - 1
    end = max(len(arguments) - after, at)
    before = dict(zip(parameters[:at], arguments, strict=False))
    behind = dict(zip(parameters[at + 1 :], arguments[end:], strict=False))
    return {**before, parameters[at]: arguments[at:end], **behind}


def _has_default(variable: Any) -> bool:
    has_default = getattr(variable, "has_default", None)
    return bool(has_default and has_default())


def _is_default(argument: Any, variable: Any) -> bool:
    try:
        return bool(argument == variable.__default__)
    except Exception:  # the default is lazily evaluated; it did not fail for nothing when the argument was given
        return False


class _Default:
    """A default that is evaluated when the variable is met: another default may be of a name that is not there."""

    def __init__(self, variable: Any, module: str, earlier: Bindings) -> None:
        self._variable = variable
        self._module = module
        self._earlier = earlier

    def value(self) -> Any:
        variable: Any = self._variable
        module_names = vars(sys.modules.get(self._module, typing))
        try:
            if isinstance(variable, TypeVarTuple):
                return _substitute_all(_unpacked(_default_of(variable)), self._earlier, None)
            return substitute(evaluate(variable.__default__, module_names, {}), self._earlier, None)
        except Exception as error:  # the user's expression
            raise UnresolvedDefault(f"the default of {variable.__name__} can't be evaluated: {error}") from error


def _default_of(variable: Any) -> Any:
    return variable.__default__


def _unpacked(star: Any) -> tuple[Any, ...]:
    """The types in ``*tuple[int, str]`` and ``Unpack[tuple[int, str]]``."""
    arguments = get_args(star)
    return get_args(arguments[0]) if get_origin(star) in _UNPACK else arguments


def substitute(annotation: Any, bindings: Bindings, self_type: Any) -> Any:
    """The annotation with bound type variables and ``Self`` replaced, at any depth.

    Raises:
        UnresolvedDefault: One of the variables has no argument, and a default that can't be evaluated.
    """
    if any(annotation is self_form for self_form in _SELF):
        return annotation if self_type is None else self_type
    if is_alias(annotation):
        return substitute(annotation.__value__, bindings, self_type) if _has_free_variables(annotation) else annotation
    if isinstance(annotation, TypeVar):
        return _bound_value(annotation, bindings)
    if model := getattr(annotation, "__pydantic_generic_metadata__", None):
        return _substitute_in_model(model, annotation, bindings, self_type)
    arguments = get_args(annotation)
    if not arguments or get_origin(annotation) in (Literal, collections.abc.Callable):
        return annotation
    return _rebuild(annotation, arguments, bindings, self_type)


def _bound_value(variable: Any, bindings: Bindings) -> Any:
    bound = bindings.get(variable, variable)
    return bound.value() if isinstance(bound, _Default) else bound


def _substitute_all(arguments: tuple[Any, ...], bindings: Bindings, self_type: Any) -> tuple[Any, ...]:
    new: list[Any] = []
    for argument in arguments:
        variable = _unpacked_variable(argument)
        if variable is None:
            new.append(substitute(argument, bindings, self_type))
            continue
        bound = _bound_value(variable, bindings)
        new.extend((argument,) if bound is variable else bound)
    return tuple(new)


def _unpacked_variable(argument: Any) -> Any:
    """``Ts`` of ``*Ts``, ``None`` for everything else."""
    if get_origin(argument) not in _UNPACK:
        return None
    (inner,) = get_args(argument)
    return inner if isinstance(inner, TypeVarTuple) else None


def _substitute_in_model(model: Mapping[str, Any], annotation: Any, bindings: Bindings, self_type: Any) -> Any:
    """``Page[T]`` of a pydantic model is a class of its own, or ``Page`` itself if ``T`` is its own variable."""
    before = tuple(model["args"] or model["parameters"])
    if not model["args"] and not any(variable in bindings for variable in before):
        return annotation  # it applies its own defaults
    now = tuple(substitute(argument, bindings, self_type) for argument in before)
    return annotation if now == before else (model["origin"] or annotation)[now]


def _rebuild(annotation: Any, arguments: tuple[Any, ...], bindings: Bindings, self_type: Any) -> Any:
    if get_origin(annotation) is Annotated:
        inner = substitute(arguments[0], bindings, self_type)
        return annotation if inner is arguments[0] else Annotated[(inner, *annotation.__metadata__)]
    new = _substitute_all(arguments, bindings, self_type)
    if len(new) == len(arguments) and all(now is before for now, before in zip(new, arguments, strict=True)):
        return annotation
    if get_origin(annotation) is types.UnionType:
        return functools.reduce(operator.or_, new)
    if get_origin(annotation) is Union:
        return Union[new]  # noqa: UP007 - members are known only now
    if isinstance(annotation, types.GenericAlias):
        return types.GenericAlias(get_origin(annotation), new)
    return annotation.copy_with(new) if hasattr(annotation, "copy_with") else get_origin(annotation)[new]


def is_alias(annotation: Any) -> bool:
    """Whether it was made by ``type X = ...`` (PEP 695) or ``TypeAliasType``."""
    return isinstance(annotation, _ALIASES)


def _has_free_variables(alias: Any) -> bool:
    """Whether it names variables of the class that it stands in: ``class Repository[T]: type Page = list[T]``."""
    try:
        return bool(set(_variables_in(alias.__value__)) - set(alias.__type_params__))
    except Exception:  # lazily evaluated, so that the user's expression raises here; its codec will tell
        return False


def holds_variables(annotation: Any) -> bool:
    """Whether it is, or has within, something that a class may bind: a type variable, or ``Self``."""
    if isinstance(annotation, TypeVar | TypeVarTuple) or any(annotation is self_form for self_form in _SELF):
        return True
    if is_alias(annotation):
        return _has_free_variables(annotation)
    model = getattr(annotation, "__pydantic_generic_metadata__", None)
    return bool(model and model["parameters"]) or any(map(holds_variables, get_args(annotation)))


def unbound_variables(annotation: Any) -> list[str]:
    """Names of type variables that nothing has bound."""
    return sorted({variable.__name__ for variable in _variables_in(annotation)})


def with_own_defaults(annotation: Any, module: str) -> Any:
    """A handler's own variables have defaults, too: ``def go[T = int](self, ctx: Context, value: T)``.

    Raises:
        UnresolvedDefault: One that can't be evaluated.
    """
    return substitute(annotation, bind(list(_variables_in(annotation)), None, module), None)


def _variables_in(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, TypeVar | TypeVarTuple):
        yield annotation
    model = getattr(annotation, "__pydantic_generic_metadata__", None)
    arguments = model["args"] if model and model["origin"] is not None else get_args(annotation)
    for argument in arguments:
        yield from _variables_in(argument)
