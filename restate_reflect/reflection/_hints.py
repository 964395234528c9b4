"""Annotations as types: strings evaluated, type variables bound, ``Self`` replaced."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import Any, get_args

from restate_reflect.annotations import annotations_of, evaluate, source_text
from restate_reflect.codecs import type_name
from restate_reflect.generics import Bindings, UnresolvedDefault, substitute, with_own_defaults
from restate_reflect.reflection._scan import Binding, Method

__all__ = ["Hints", "UnresolvedAnnotation"]


class UnresolvedAnnotation(Exception):
    """An annotation could not be turned into a type; the message says why, ``fix`` what to do."""

    def __init__(self, why: str, fix: str) -> None:
        super().__init__(why)
        self.fix = fix


class Hints:
    """The annotations of a handler: its own, and for what it leaves out those of the method that it overrides.

    So the implementation of a Protocol or an abstract class need not repeat its annotations.
    """

    def __init__(self, method: Method, bindings: Mapping[type, Bindings]) -> None:
        own = _Written(method, bindings)
        self.broken = own.broken
        """Why none of the annotations can be read, if that is so."""
        self._places = {name: (own, name) for name in own.raw}
        """Where the annotation of a parameter stands, and how the parameter is called there."""
        for base in method.overridden:
            there = _Written(base, bindings)
            for name, other in _counterparts(method, base, there.raw).items():
                self._places.setdefault(name, (there, other))

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def resolve(self, name: str) -> Any:
        """The type of a parameter, or of the result for ``"return"``. Raises ``UnresolvedAnnotation``."""
        written, there = self._places[name]
        return written.resolve(there)

    def shown(self, name: str) -> str:
        """An annotation for an error message, as it is written if that is known."""
        written, there = self._places[name]
        return written.shown(there)


def _counterparts(method: Method, base: Method, there: Mapping[str, Any]) -> Mapping[str, str]:
    """Names of parameters here, and of those there that have an annotation.

    A parameter is the one of its name there, or else the one in its place, as positional ones may be renamed.
    """
    own, others = _positional(method), _positional(base)
    renamed = {other: name for name, other in zip(own, others, strict=False) if name not in others and other not in own}
    return {renamed.get(other, other): other for other in there}


def _positional(method: Method) -> list[str]:
    """Without ``self`` or its like."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [each.name for each in inspect.signature(method.function).parameters.values() if each.kind in kinds]
    return names if method.binding is Binding.STATIC else names[1:]


class _Written:
    """The annotations of one function, each resolved when asked for.

    One by one, so that a helper method with an unresolvable annotation elsewhere stays the class's own business.
    """

    def __init__(self, method: Method, bindings: Mapping[type, Bindings]) -> None:
        self._method = method
        self._bindings = bindings.get(method.owner, {})
        self.raw: Mapping[str, Any] = {}
        self.broken: str | None = None
        """Why none of the annotations can be read, if that is so."""
        try:
            self.raw = annotations_of(method.innermost)
        except Exception as error:  # deferred to here since Python 3.14; before, the class could not be defined
            self.broken = f"its annotations can't be evaluated: {error}"

    def resolve(self, name: str) -> Any:
        """The type of a parameter, or of the result for ``"return"``. Raises ``UnresolvedAnnotation``."""
        evaluated = self._evaluate(name)
        try:
            bound = substitute(evaluated, self._bindings, self._method.cls)
            return with_own_defaults(bound, self._method.innermost.__module__)
        except UnresolvedDefault as error:
            raise UnresolvedAnnotation(f"{error}.", "Import or define what it names at module level.") from error

    def shown(self, name: str) -> str:
        """An annotation for an error message, as it is written if that is known."""
        written = source_text(self._method.innermost, name)
        return type_name(self.raw[name]) if written is None else repr(written)

    def _evaluate(self, name: str) -> Any:
        # A class body hides builtins from its annotations only at run time (a method named 'list', say), so
        # names of the class come second; they are needed for nested classes.
        annotation = self.raw[name]
        if _names_a_method(annotation, self._method.owner):
            annotation = source_text(self._method.innermost, name) or annotation
        first: NameError | None = None
        for names in (self._type_parameters(), {**vars(self._method.owner), **self._type_parameters()}):
            try:
                return evaluate(annotation, getattr(self._method.innermost, "__globals__", {}), names)
            except NameError as error:
                first = first or error
            except Exception as error:  # the user's expression is evaluated here, and may raise anything
                why = f"its annotation {self.shown(name)} can't be evaluated: {error}."
                raise UnresolvedAnnotation(why, "Write a type, or quote nothing but types.") from error
        why = f"its annotation {self.shown(name)} can't be resolved at run time: {first}."
        fix = "Import the name outside of 'if TYPE_CHECKING:', and define classes at module level, not in a function."
        raise UnresolvedAnnotation(why, fix) from first

    def _type_parameters(self) -> dict[str, Any]:
        owner, function = self._method.owner, self._method.innermost
        variables = (*getattr(owner, "__type_params__", ()), *getattr(function, "__type_params__", ()))
        return {owner.__name__: owner, **{variable.__name__: variable for variable in variables}}


def _names_a_method(annotation: Any, owner: type) -> bool:
    """Since Python 3.14 the ``list`` of an annotation is the method of that name, if the class has one."""
    if isinstance(annotation, FunctionType):
        return vars(owner).get(annotation.__name__) is annotation
    return any(_names_a_method(argument, owner) for argument in get_args(annotation))
