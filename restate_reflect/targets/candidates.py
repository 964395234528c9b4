"""Which objects of a module can be served, and a reason for each one that can't.

A glance at annotations by name, not the reflection itself: choosing must not fail on a class
that is not served in the end.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, ForwardRef, TypeVar, get_args, get_origin

from restate_reflect.annotations import annotations_of, evaluate, mentioned_names, signature_of
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.errors import TargetError
from restate_reflect.generics import is_alias

__all__ = ["checked_class", "has_handlers", "in_module", "is_application", "is_factory", "is_finished"]

_CONTEXT_PACKAGE = "restate_reflect.context."
_CONTEXT_WORD = re.compile(r"\b(Object|ObjectShared|Workflow|WorkflowShared)?Context\b")
_OF_ANY_KIND = "BaseContext"
"""What hooks of interceptors and helpers take: no kind of handler does."""
_KINDS = "Context, ObjectContext, ObjectSharedContext, WorkflowContext or WorkflowSharedContext"
_SHOWN = 12


def in_module(text: str, module: ModuleType) -> list[tuple[str, Any]]:
    """Names and objects: instances, and classes defined here that no instance stands for.

    An application that ``endpoint(...)`` made stands for its whole module: it says itself what it serves.

    Raises:
        TargetError: there are none; it lists what was looked at. Or there are several applications.
    """
    if applications := _applications(module):
        return [_only(text, applications)]
    instances = dict(_instances(module))
    served = {value.cls if isinstance(value, ServiceDefinition) else type(value) for value in instances.values()}
    classes, refused = _classes(module)
    chosen = {**{name: cls for name, cls in classes.items() if cls not in served}, **instances}
    if not chosen:
        raise TargetError(f"{text!r}: nothing to serve in module {module.__name__!r}.{_looked_at(refused)}")
    order = list(vars(module))
    return sorted(chosen.items(), key=lambda item: order.index(item[0]))


def is_application(value: Any) -> bool:
    """Whether ``endpoint(...)`` made it; whoever called that has imported its module."""
    made_by = sys.modules.get("restate_reflect.endpoint.app")
    return made_by is not None and isinstance(value, made_by.web.Application) and made_by.CORE in value


def is_factory(value: Any) -> bool:
    """Whether a value is a function, bound method or partial."""
    return inspect.isroutine(value) or isinstance(value, functools.partial)


def is_finished(value: Any) -> bool:
    """Whether a value is served as it is: what ``reflect(...)`` made, or a bound generic, ``Repository[User]``."""
    if isinstance(value, ServiceDefinition):
        return True
    origin = get_origin(value)
    unbound = any(isinstance(argument, TypeVar) for argument in get_args(value))
    return isinstance(origin, type) and not unbound and has_handlers(origin)


def has_handlers(cls: type) -> bool:
    """Whether any public method takes a context as its first parameter after ``self``."""
    return any(_takes_context(function) for _, function in _public_functions(cls, overridden=True))


def checked_class(text: str, name: str, cls: type) -> type:
    """The class, if it has handlers and can be constructed without arguments. Raises ``TargetError``."""
    if not has_handlers(cls):
        raise TargetError(f"{text!r}: nothing to serve in class {name}: {_no_handlers(cls)}.")
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
        raise TargetError(f"{text!r}: class {name} is abstract (not implemented: {missing}). Serve a subclass of it.")
    needed = required_parameters(cls)
    if needed:
        function = cls.__name__.lower()
        raise TargetError(
            f"{text!r}: {name}.__init__ needs {', '.join(needed)}. Serve an instance, or a function that makes one: "
            f"def make_{function}() -> {cls.__name__}: ..."
        )
    return cls


def required_parameters(function: Any) -> list[str]:
    """Names of the parameters without which a class or function can't be called."""
    try:
        parameters = signature_of(function).parameters.values()
    except (TypeError, ValueError):  # builtins have none
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in variable]


def _applications(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in _members(module) if name[0] != "_" and is_application(value)}


def _only(text: str, applications: dict[str, Any]) -> tuple[str, Any]:
    if len({id(value) for value in applications.values()}) > 1:
        names = " or ".join(f"{text}:{name}" for name in applications)
        raise TargetError(f"{text!r}: several applications in one module. Name one: {names}.")
    return next(iter(applications.items()))


def _members(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What the module has, each lazy import done (PEP 810); one that fails is nothing to serve."""
    for name in list(vars(module)):
        try:
            yield name, getattr(module, name)
        except Exception:  # the imported module's own
            continue


def _instances(module: ModuleType) -> Iterator[tuple[str, Any]]:
    seen: set[int] = set()
    for name, value in _members(module):
        if name.startswith("_") or isinstance(value, (type, ModuleType)) or id(value) in seen:
            continue
        if is_finished(value) or has_handlers(type(value)):
            seen.add(id(value))
            yield name, value


def _classes(module: ModuleType) -> tuple[dict[str, type], list[str]]:
    """Classes to serve by name, and a line for each other class."""
    chosen: dict[str, type] = {}
    refused: list[str] = []
    for name, value in _members(module):
        if not isinstance(value, type) or value in chosen.values():
            continue
        reason = _reason_against(module, name, value)
        if reason is None:
            chosen[name] = value
        elif reason:
            refused.append(f"class {name}: {reason}")
    return chosen, refused


def _reason_against(module: ModuleType, name: str, cls: type) -> str | None:
    """``None`` if the class is to be served, else why not; empty for what is not worth a line."""
    if name.startswith("_"):
        return "its name begins with an underscore" if has_handlers(cls) else ""
    if not f"{cls.__module__}.".startswith(f"{module.__name__}."):
        return f"it is defined in {cls.__module__}; serve that module, or name the class" if has_handlers(cls) else ""
    if not has_handlers(cls):
        return _no_handlers(cls)
    if getattr(cls, "_is_protocol", False) or inspect.isabstract(cls):
        return "it is abstract"
    if getattr(cls, "__parameters__", ()):
        return "its type variables are unbound; serve a subclass that binds them"
    return None


def _looked_at(refused: list[str]) -> str:
    if not refused:
        return " It defines no class."
    more = [f"… and {len(refused) - _SHOWN} more"] if len(refused) > _SHOWN else []
    return " Looked at:" + "".join(f"\n  {line}" for line in [*refused[:_SHOWN], *more])


def _no_handlers(cls: type) -> str:
    methods = [name for name, _ in _public_functions(cls)][:_SHOWN]
    if not methods:
        return "it has no public methods"
    return f"no method takes {_KINDS} as its first parameter after self (looked at {', '.join(methods)})"


def _public_functions(cls: type, *, overridden: bool = False) -> Iterator[tuple[str, Any]]:
    """Name and function of each public method, inherited ones included; the nearest definition counts.

    With those that these override, whose annotations they need not repeat, if asked for.
    """
    seen: set[str] = set()
    for owner in cls.__mro__[:-1]:
        for name, value in vars(owner).items():
            function = inspect.unwrap(value.__func__) if isinstance(value, (staticmethod, classmethod)) else value
            if not name.startswith("_") and name not in seen and inspect.isfunction(function):
                yield name, value
            if not (overridden and inspect.isfunction(function)):
                seen.add(name)


def _takes_context(method: Any) -> bool:
    static = isinstance(method, staticmethod)
    function = method.__func__ if isinstance(method, (staticmethod, classmethod)) else method
    function = inspect.unwrap(function)
    names = function.__code__.co_varnames[0 if static else 1 : function.__code__.co_argcount]
    return bool(names) and _is_context(_annotation_of(function, names[0]), function.__globals__)


def _annotation_of(function: Any, name: str) -> Any:
    try:
        return annotations_of(function).get(name)
    except Exception:  # for the reflection to complain about, if a context is mentioned anywhere
        return " ".join(mentioned_names(function))


def _is_context(annotation: Any, scope: dict[str, Any]) -> bool:
    """Generous: a misused context, in a union or as a subclass, is for the reflection to complain about."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        # A name imported under another one is looked up; one imported for type checkers only can't be.
        annotation = _evaluated(annotation, scope)
    if isinstance(annotation, str):
        return _CONTEXT_WORD.search(annotation) is not None
    if is_alias(annotation):
        return _is_context(_value_of(annotation), scope)
    if parts := get_args(annotation):
        return any(_is_context(part, scope) for part in parts)
    return (
        isinstance(annotation, type)
        and annotation.__name__ != _OF_ANY_KIND
        and any(base.__module__.startswith(_CONTEXT_PACKAGE) for base in annotation.__mro__)
    )


def _value_of(alias: Any) -> Any:
    try:
        return alias.__value__
    except Exception:  # lazily evaluated, so that the user's expression raises here
        return None


def _evaluated(text: str, scope: dict[str, Any]) -> Any:
    try:
        return evaluate(text, scope, {})
    except Exception:  # the user's expression, and maybe of names that are there for type checkers only
        return text
