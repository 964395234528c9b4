"""Annotations and signatures of functions, read without evaluating what nobody asked for.

Since Python 3.14 annotations are evaluated when they are read (PEP 649), all of a function at once, and one name
that is imported for type checkers only fails them all. Here each stands for itself: what can't be evaluated yet stays
the ``ForwardRef`` that says so, as a quoted annotation does on older Pythons.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["annotations_of", "evaluate", "mentioned_names", "signature_of", "source_text"]

if sys.version_info >= (3, 14):
    import annotationlib

    def annotations_of(function: Any) -> Mapping[str, Any]:
        """The annotations of a function, by parameter, and ``return``.

        Raises:
            Exception: What no Python can evaluate in part, such as ``"Order" | None``, raises whatever it raises.
        """
        try:
            return function.__annotations__  # type: ignore[no-any-return]
        except Exception:  # names that are missing, modules without that attribute, lazy imports that fail
            return annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)

    def signature_of(function: Callable[..., Any]) -> inspect.Signature:
        """The parameters of a callable; their annotations are not evaluated, and not to be used.

        Raises:
            TypeError: It can't be called.
            ValueError: A built-in function without a signature.
        """
        return inspect.signature(function, annotation_format=annotationlib.Format.STRING)

    def source_text(function: Any, name: str) -> str | None:
        """How one of the annotations is written, if that can be told: since Python 3.14, or of a quoted one."""
        annotation = annotations_of(function)[name]
        if isinstance(annotation, str):
            return annotation
        return annotationlib.get_annotations(function, format=annotationlib.Format.STRING).get(name)

else:

    def annotations_of(function: Any) -> Mapping[str, Any]:
        """The annotations of a function, by parameter, and ``return``."""
        return getattr(function, "__annotations__", {})

    def signature_of(function: Callable[..., Any]) -> inspect.Signature:
        """The parameters of a callable.

        Raises:
            TypeError: It can't be called.
            ValueError: A built-in function without a signature.
        """
        return inspect.signature(function)

    def source_text(function: Any, name: str) -> str | None:
        """How one of the annotations is written, if it is quoted."""
        annotation = annotations_of(function)[name]
        return annotation if isinstance(annotation, str) else None


def mentioned_names(function: Any) -> tuple[str, ...]:
    """The names in annotations on which ``annotations_of`` raises."""
    code = getattr(getattr(function, "__annotate__", None), "__code__", None)
    return getattr(code, "co_names", ())


def evaluate(annotation: Any, module_names: dict[str, Any], names: Mapping[str, Any]) -> Any:
    """One annotation as a type; names in it are looked up in ``names``, then in ``module_names``.

    Raises:
        Exception: Whatever the user's expression raises; ``NameError`` for a name that is not there.
    """
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    # get_type_hints takes any object with annotations, which its stub does not say.
    hint = typing.get_type_hints(holder, module_names, dict(names), include_extras=True)["it"]
    return type(None) if hint is None else hint
