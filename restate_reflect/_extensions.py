"""Finds the compiled modules, if there are any: all of them are in one library (see ``hatch_build.py``)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType

__all__ = ["install"]

_LIBRARY = "restate_reflect._compiled"


class _Finder:
    """Asked before Python's own, which would find the sources (PEP 451, and for many modules in a library PEP 489)."""

    def __init__(self, library: ModuleType) -> None:
        self._file = library.__file__ or ""
        self._names: frozenset[str] = library.MODULES

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._names:
            return None
        return spec_from_file_location(name, self._file, loader=ExtensionFileLoader(name, self._file))


def install() -> None:
    """Does nothing if the package was built without extensions.

    Raises:
        ImportError: There is a library, and it can't be loaded.
    """
    try:
        library = import_module(_LIBRARY)
    except ModuleNotFoundError:
        return
    sys.meta_path.insert(0, _Finder(library))
