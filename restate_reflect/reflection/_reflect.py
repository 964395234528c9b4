"""Class to ``ServiceDefinition``: reads everything, collects every problem, raises once."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterable, Mapping
from typing import Any, Unpack, get_args, get_origin

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.errors import Problem, ReflectionError
from restate_reflect.generics import type_arguments
from restate_reflect.options import HandlerOptions
from restate_reflect.reflection._options import ServiceOptionArguments
from restate_reflect.reflection._problems import source_of_function
from restate_reflect.reflection._service import Reading, Request

__all__ = ["reflect", "reflect_all", "reflect_interface"]

_NO_SERVICES = (str, bytes, int, float, bool, type(None), dict, list, tuple, set, types.ModuleType)


def reflect(
    target: Any,
    *,
    name: str | None = None,
    handlers: Mapping[str, HandlerOptions] | None = None,
    **options: Unpack[ServiceOptionArguments],
) -> ServiceDefinition:
    """Reads a plain annotated class as a Restate service.

    Args:
        target: A class, which is constructed without arguments; an instance; or a bound generic class such as
            ``Repository[User]``.
        name: The name on the wire; wins over ``@service(name=...)``, ``__restate_name__`` and the class name.
        handlers: Options by handler name or method name; they win over ``@handler(...)``.
        options: The fields of ``ServiceOptions``; they win over ``@service(...)``.

    Raises:
        ReflectionError: everything that is wrong with the class, with places and fixes.
        TypeError: an unknown option.
    """
    definition, problems = _read(target, Request(name=name, handlers=handlers or {}, options=options))
    if problems or definition is None:
        raise ReflectionError(problems)
    return definition


def reflect_interface(cls: type, *, name: str | None = None) -> ServiceDefinition:
    """Reads a class for callers only: nothing is constructed, and protocols and abstract classes will do.

    Raises:
        ReflectionError: as ``reflect``; but a workflow without its run handler is accepted.
    """
    definition, problems = _read(cls, Request(name=name, interface=True))
    if problems or definition is None:
        raise ReflectionError(problems)
    return definition


def reflect_all(targets: Iterable[Any]) -> tuple[ServiceDefinition, ...]:
    """Reads several targets (finished definitions pass through) and reports the problems of all of them at once.

    Raises:
        ReflectionError: problems of every target, and services that share a name.
    """
    definitions: list[ServiceDefinition] = []
    problems: list[Problem] = []
    for target in targets:
        definition, found = (target, []) if isinstance(target, ServiceDefinition) else _read(target, Request())
        problems += found
        if definition is not None:
            definitions.append(definition)
    problems += _shared_names(definitions)
    if problems:
        raise ReflectionError(problems)
    return tuple(definitions)


def _shared_names(definitions: list[ServiceDefinition]) -> list[Problem]:
    first: dict[str, ServiceDefinition] = {}
    problems = []
    for definition in definitions:
        other = first.setdefault(definition.name, definition)
        if other is not definition:
            problems.append(_shared_name(definition, other))
    return problems


def _shared_name(definition: ServiceDefinition, other: ServiceDefinition) -> Problem:
    where, taken_by = (f"{d.cls.__module__}.{d.cls.__qualname__}" for d in (definition, other))
    what = f"the service name '{definition.name}' is taken by {taken_by} ({other.source})."
    fix = "Rename one by @service(name=...) or reflect(..., name=...)."
    return Problem(where, str(definition.source), what, fix, "duplicate-service")


def _read(target: Any, request: Request) -> tuple[ServiceDefinition | None, list[Problem]]:
    cls, arguments, instance = _take_apart(target)
    if cls is None:
        return None, [_no_class(target)]
    return Reading(cls, arguments, instance, request).result()


def _take_apart(target: Any) -> tuple[type | None, tuple[Any, ...], Any]:
    """Class, type arguments, instance."""
    origin = get_origin(target)
    if isinstance(origin, type):
        return origin, get_args(target), None
    if isinstance(target, type):
        return target, (), None
    if isinstance(target, _NO_SERVICES) or inspect.isroutine(target):
        return None, (), None
    # Instances made by a bound alias, Repository[User](), remember it.
    return type(target), type_arguments(target), target


def _no_class(target: Any) -> Problem:
    if inspect.isroutine(target):
        name = getattr(target, "__qualname__", repr(target))
        where = f"{getattr(target, '__module__', '?')}.{name}"
        fix = f"Call it if it is a factory, {name}(), or put it into a class as a method."
        return Problem(where, str(source_of_function(target)), "it is a function, not a class.", fix, "not-a-class")
    what = f"{target!r} is neither a class nor an instance of one of yours."
    return Problem(type(target).__name__, "<no source>", what, "Give a class or an instance of it.", "not-a-class")
