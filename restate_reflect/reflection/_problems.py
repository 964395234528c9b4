"""Collects what is wrong with a class, with the place in the source."""

from __future__ import annotations

import os
from typing import Any

from restate_reflect.definitions import SourceLocation
from restate_reflect.errors import Problem
from restate_reflect.reflection._source import class_node, file_of

__all__ = ["Problems", "source_of_class", "source_of_function"]

_UNKNOWN = SourceLocation("<unknown>", 0)


class Problems:
    """The problems of one class."""

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self.found: list[Problem] = []

    def at_class(self, code: str, what: str, fix: str) -> None:
        where = f"{self._cls.__module__}.{self._cls.__qualname__}"
        self.found.append(Problem(where, str(source_of_class(self._cls)), what, fix, code))

    def at_method(self, method: Any, code: str, what: str, fix: str) -> None:
        """``method`` is a ``_scan.Method``."""
        source = source_of_function(method.innermost)
        self.found.append(Problem(method.qualified_name, str(source), what, fix, code))


def source_of_function(function: Any) -> SourceLocation:
    """Where the ``def`` (or its first decorator) stands."""
    code = getattr(function, "__code__", None)
    return SourceLocation(_relative(code.co_filename), code.co_firstlineno) if code else _UNKNOWN


def source_of_class(cls: type) -> SourceLocation:
    """Where the ``class`` statement stands; if no source is at hand, its first method."""
    node, file = class_node(cls), file_of(cls)
    if node is not None and file is not None:
        return SourceLocation(_relative(file), node.lineno)
    functions = [member for member in vars(cls).values() if hasattr(member, "__code__")]
    return source_of_function(functions[0]) if functions else _UNKNOWN


def _relative(file: str) -> str:
    """Relative to the working directory when it is below it, as editors and terminals like it."""
    if not os.path.isabs(file):
        return file
    try:
        relative = os.path.relpath(file)
    except ValueError:  # another drive on Windows
        return file
    return file if relative.startswith(os.pardir) else relative
