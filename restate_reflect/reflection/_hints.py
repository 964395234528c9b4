"""Annotations as types: strings evaluated, type variables bound, ``Self`` replaced."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

from restate_reflect.codecs import type_name
from restate_reflect.generics import Bindings, substitute
from restate_reflect.reflection._scan import Method

__all__ = ["Hints", "UnresolvedAnnotation"]


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
