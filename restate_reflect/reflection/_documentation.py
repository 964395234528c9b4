"""Docstrings for the manifest."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

__all__ = ["class_documentation", "method_documentation"]


def class_documentation(cls: type) -> str | None:
    """The class's own docstring; that of a base speaks of the base, and one made by ``dataclass`` of nothing."""
    own = vars(cls).get("__doc__")
    if not isinstance(own, str) or (dataclasses.is_dataclass(cls) and own.startswith(f"{cls.__name__}(")):
        return None
    return inspect.cleandoc(own) or None


def method_documentation(cls: type, name: str, function: Any) -> str | None:
    """The method's docstring, or that of the method it overrides."""
    if isinstance(function.__doc__, str):
        return inspect.cleandoc(function.__doc__) or None
    for base in cls.__mro__:
        overridden = vars(base).get(name)
        if overridden is not None and isinstance(overridden.__doc__, str) and callable(overridden):
            return inspect.cleandoc(overridden.__doc__) or None
    return None
