"""Names from outside to names of Python: the only way in which text becomes an identifier.

What these functions return is an identifier as the parser keeps it (NFKC, PEP 3131), no keyword, and not mangled.
"""

from __future__ import annotations

import enum
import keyword
import re
import unicodedata
from collections.abc import Callable, Iterable, Set

from restate_reflect.stubs._base_model import StubModel

__all__ = ["class_name", "field_name", "is_parameter", "member_name", "method_name", "unambiguous", "unique"]


class _AnyEnum(enum.StrEnum):
    """For what every enum and string has already."""


_OF_MODELS = frozenset({*dir(StubModel), "self"})
_OF_ENUMS = frozenset({*dir(_AnyEnum), "name", "value", "mro"})


def class_name(name: str) -> str:
    """A class name in Python's manner: ``page[order]`` becomes ``PageOrder``."""
    parts = re.findall(r"[A-Za-z0-9]+", name)
    made = "".join(part[0].upper() + part[1:] for part in parts) or "Model"
    return f"Model{made}" if made[0].isdigit() or keyword.iskeyword(made) else made


def field_name(name: str) -> str:
    """Of a model: public, and nothing that every model has."""
    return _identifier(name, "field", _OF_MODELS)


def member_name(value: str | int) -> str:
    """Of an enum, by a member's value."""
    if value == "":
        return "empty"
    return _identifier(str(value), "value", _OF_ENUMS)


def method_name(name: str) -> str:
    """Of an interface: public."""
    return _identifier(name, "handler", frozenset())


def is_parameter(name: str) -> bool:
    """Whether a parameter can have this name beside ``self`` and ``ctx``; ``__x`` would be mangled in a class."""
    return name == unicodedata.normalize("NFKC", name) and _is_free(name, {"self", "ctx"}) and name[:2] != "__"


def unique(names: Iterable[str], clean: Callable[[str], str], taken: Set[str] = frozenset()) -> dict[str, str]:
    """Python names by wire names; names that become the same one are numbered."""
    used = set(taken)
    return {name: _free(clean(name), used) for name in names}


def unambiguous(names: Iterable[str], clean: Callable[[str], str]) -> dict[str, str]:
    """Likewise, where both can be used: a wire name that is a Python name belongs to its own."""
    wire = list(names)
    used = set(wire)
    return {name: name if clean(name) == name else _free(clean(name), used) for name in wire}


def _free(wanted: str, used: set[str]) -> str:
    chosen, number = wanted, 2
    while chosen in used:
        chosen, number = f"{wanted}{number}", number + 1
    used.add(chosen)
    return chosen


def _identifier(name: str, prefix: str, taken: frozenset[str]) -> str:
    cleaned = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name)).lstrip("_")
    if _is_free(cleaned, taken):
        return cleaned
    return f"{cleaned}_" if cleaned.isidentifier() else f"{prefix}_{re.sub('[^A-Za-z0-9_]', '_', cleaned)}"


def _is_free(name: str, taken: Iterable[str]) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and name not in taken
