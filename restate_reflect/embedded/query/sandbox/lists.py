"""Functions of restate-server's SQL about lists, which are JSON here."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

__all__ = ["FUNCTIONS", "KINDS"]

Items = list[Any]


def _item(items: Items, number: int) -> Any:
    """From 1, or from the end."""
    index = number - 1 if number > 0 else number
    return items[index] if number and -len(items) <= index < len(items) else None


def _without_first(items: Items, value: Any) -> Items:
    index = items.index(value) if value in items else len(items)
    return items[:index] + items[index + 1 :]


def _sorted(items: Items, order: str = "ASC", nulls: str = "NULLS FIRST") -> Items:
    known = sorted((each for each in items if each is not None), reverse=order.upper() == "DESC")
    missing = [None] * (len(items) - len(known))
    return missing + known if nulls.upper() == "NULLS FIRST" else known + missing


def _slice(items: Items, start: int, end: int) -> Items:
    first, last = (each + len(items) + 1 if each < 0 else each for each in (start, end))
    return items[max(first, 1) - 1 : max(last, 0)]


def _distinct(items: Sequence[Any]) -> Items:
    return list(dict.fromkeys(items))


def _flat(items: Items) -> Items:
    """A list in a list is a text here."""
    inner = (json.loads(each) if isinstance(each, str) and each.startswith("[") else [each] for each in items)
    return [each for one in inner for each in one]


def _split(text: str, separator: str | None, null: str | None = None) -> Items:
    parts = list(text) if separator is None else text.split(separator) if separator else [text]
    return [None if each == null else each for each in parts]


def _position(items: Items, value: Any) -> int | None:
    return items.index(value) + 1 if value in items else None


def _joined(items: Items, separator: str) -> str:
    return separator.join(str(item) for item in items if item is not None)


_OF_LISTS: Final[dict[str, Callable[..., Any]]] = {
    "append": lambda items, value: [*items, value],
    "cat": lambda *lists: [each for one in lists for each in one],
    "concat": lambda *lists: [each for one in lists for each in one],
    "contains": lambda items, value: value in items,
    "distinct": _distinct,
    "element": _item,
    "except": lambda items, others: _distinct([each for each in items if each not in others]),
    "extract": _item,
    "has": lambda items, value: value in items,
    "has_all": lambda items, others: set(others) <= set(items),
    "has_any": lambda items, others: not set(others).isdisjoint(items),
    "intersect": lambda items, others: _distinct([each for each in items if each in others]),
    "join": _joined,
    "length": lambda items, *_: len(items),
    "max": lambda items: max((each for each in items if each is not None), default=None),
    "min": lambda items: min((each for each in items if each is not None), default=None),
    "pop_back": lambda items: items[:-1],
    "pop_front": lambda items: items[1:],
    "position": _position,
    "prepend": lambda value, items: [value, *items],
    "remove": _without_first,
    "remove_all": lambda items, value: [each for each in items if each != value],
    "reverse": lambda items: items[::-1],
    "slice": _slice,
    "sort": _sorted,
    "to_string": _joined,
    "union": lambda items, others: _distinct([*items, *others]),
}
"""By what follows ``array_`` and ``list_``."""
_OTHERS: Final[dict[str, Callable[..., Any]]] = {
    "array_repeat": lambda value, times: [value] * times,
    "cardinality": len,
    "empty": lambda items: not items,
    "flatten": _flat,
    "generate_series": lambda start, end, step=1: list(range(start, end + (1 if step > 0 else -1), step)),
    "list_item": lambda items, index: items[index] if 0 <= index < len(items) else None,
    "list_repeat": lambda value, times: [value] * times,
    "make_array": lambda *items: list(items),
    "range": lambda *bounds: list(range(*bounds)),
    "string_to_array": _split,
    "string_to_list": _split,
}
_TAKE_NULL: Final = frozenset({"make_array", "array_append", "list_append", "array_prepend", "list_prepend"})


def _on_json(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Lists come in and go out as JSON; null comes out where null goes in."""

    def call(*given: Any) -> Any:
        if None in given and name not in _TAKE_NULL:
            return None
        is_made = name == "make_array"
        found = function(*(given if is_made else map(_read, given)))
        return json.dumps(found) if isinstance(found, list) else found

    return call


def _read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value.startswith("[") else value


_ALL: Final = _OTHERS | {f"{kind}_{name}": found for name, found in _OF_LISTS.items() for kind in ("array", "list")}
FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {name: _on_json(name, found) for name, found in _ALL.items()}

_BOOLS: Final = ("contains", "has", "has_all", "has_any")
_MAYBE_ANYTHING: Final = ("element", "extract", "join", "length", "max", "min", "position", "to_string")
KINDS: Final = {
    **{f"{kind}_{name}": "texts" for name in _OF_LISTS for kind in ("array", "list") if name not in _MAYBE_ANYTHING},
    **{f"{kind}_{name}": "bool" for name in _BOOLS for kind in ("array", "list")},
    **dict.fromkeys(("array_repeat", "flatten", "generate_series", "list_repeat", "range"), "texts"),
    **dict.fromkeys(("make_array", "string_to_array", "string_to_list"), "texts"),
    "empty": "bool",
}
"""Types of what they give; the others' are those of each value."""
