"""Names of generated classes: what the schema calls them, or else the place where they are used.

Different classes that want one name are told apart by side, service and handler, all of them alike, so that the order
of the services does not decide who keeps the short name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from restate_reflect.stubs._names import class_name
from restate_reflect.stubs._types import EnumClass, Model, Place

__all__ = ["name_classes"]

_SCHEMES: Final = (
    ("name",),
    ("name", "side"),
    ("service", "name"),
    ("service", "name", "side"),
    ("service", "handler", "name", "side"),
)
_MAX_LENGTH: Final = 80


def name_classes(classes: Mapping[str, Model | EnumClass], taken: set[str]) -> dict[str, str]:
    """Class names by identity; none of them is in ``taken``."""
    by_name: dict[str, dict[str, Model | EnumClass]] = {}
    for identity, each in classes.items():
        by_name.setdefault(_wanted(each), {})[identity] = each
    names: dict[str, str] = {}
    used = set(taken)
    for wanted, same in sorted(by_name.items()):
        chosen = _distinct(wanted, list(same.values()), used)
        used.update(chosen)
        names.update(zip(same, chosen, strict=True))
    return names


def _wanted(each: Model | EnumClass) -> str:
    if each.name:
        return class_name(each.name)
    place = each.place
    steps = [class_name(step) for step in (place.handler, place.side, *place.path)]
    while len(steps) > 3 and sum(map(len, steps)) > _MAX_LENGTH:
        del steps[2]  # what is deep inside is best told by its last steps
    return "".join(steps)[:_MAX_LENGTH]


def _distinct(wanted: str, classes: list[Model | EnumClass], used: set[str]) -> list[str]:
    """By the shortest scheme that tells all of them apart."""
    for scheme in _SCHEMES:
        names = [_long_name(scheme, wanted, each.place) for each in classes]
        if len({*names} - used) == len(classes):
            return names
    numbered: list[str] = []
    number = 2
    while len(numbered) < len(classes):
        if (name := f"{wanted}{number}") not in used:
            numbered.append(name)
        number += 1
    return numbered


def _long_name(scheme: tuple[str, ...], wanted: str, place: Place) -> str:
    service, handler = class_name(place.service), class_name(place.handler)
    parts = {"name": wanted, "side": place.side, "service": service, "handler": handler}
    return "".join(parts[part] for part in scheme)
