"""Functions of restate-server's SQL about JSON. They give parts of a text as it is written, so it is walked through."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

__all__ = ["FUNCTIONS", "KINDS"]

_DECODER: Final = json.JSONDecoder()
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_MOST: Final = 1 << 63


def _written(text: str, *path: str | int) -> str | None:
    """The JSON that is found at a path of keys and indexes; nothing if there is none, or the text is no JSON."""
    try:
        at = _after_space(text, 0)
        for step in path:
            at = _member(text, at, step)
        return text[at : _DECODER.raw_decode(text, at)[1]]
    except (ValueError, LookupError):
        return None


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _member(text: str, at: int, step: str | int) -> int:
    """Where the value of a key, or of an index, begins."""
    is_object = text[at] == "{"
    if text[at] not in "[{" or isinstance(step, str) is not is_object:
        raise LookupError(step)
    at, number = _after_space(text, at + 1), 0
    while text[at] not in "]}":
        key: str | int = number
        if is_object:
            key, at = _DECODER.raw_decode(text, at)
            at = _after_space(text, _after_space(text, at) + 1)  # the colon
        if key == step:
            return at
        at = _after_space(text, _DECODER.raw_decode(text, at)[1])
        at, number = _after_space(text, at + (text[at] == ",")), number + 1
    raise LookupError(step)


def _any(written: str) -> Any:
    return written if written[0] in "[{" else json.loads(written)


def _text(written: str) -> str | None:
    value = json.loads(written)
    return value if isinstance(value, str) else None


def _int(written: str) -> int | None:
    value = _unquoted(written)
    return int(value) if re.fullmatch(r"[+-]?\d+", value) and -_MOST <= int(value) < _MOST else None


def _float(written: str) -> float | None:
    value = _unquoted(written)
    try:
        return None if value[:1].isalpha() else float(value)
    except ValueError:
        return None


def _bool(written: str) -> bool | None:
    return {"true": True, "false": False}.get(_unquoted(written))


def _unquoted(written: str) -> str:
    """Numbers and truth values may stand in quotes."""
    return _text(written) or written


def _list(written: str) -> str | None:
    count = len(json.loads(written)) if written[0] == "[" else None
    return None if count is None else json.dumps([_written(written, index) for index in range(count)])


def _as_text(written: str) -> str | None:
    return None if written == "null" else _text(written) or written


def _length(written: str) -> int | None:
    return len(json.loads(written)) if written[0] in "[{" else None


def _keys(written: str) -> str | None:
    return json.dumps(list(json.loads(written))) if written[0] == "{" else None


def _at_path(read: Callable[[str], Any]) -> Callable[..., Any]:
    def function(text: str | None, *path: str | int) -> Any:
        written = None if text is None else _written(text, *path)
        return None if written is None else read(written)

    return function


def _contains(text: str | None, *path: str | int) -> bool | None:
    return None if text is None else _written(text, *path) is not None


_READ: Final[dict[str, tuple[Callable[[str], Any], str | None]]] = {
    "json_as_text": (_as_text, "text"),
    "json_get": (_any, None),
    "json_get_array": (_list, "texts"),
    "json_get_bool": (_bool, "bool"),
    "json_get_float": (_float, "float"),
    "json_get_int": (_int, "i64"),
    "json_get_json": (str, "text"),
    "json_get_str": (_text, "text"),
    "json_keys": (_keys, "texts"),
    "json_len": (_length, "u64"),
    "json_length": (_length, "u64"),
    "json_object_keys": (_keys, "texts"),
}

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **{name: _at_path(read) for name, (read, _) in _READ.items()},
    "json_contains": _contains,
}
KINDS: Final = {name: kind for name, (_, kind) in _READ.items() if kind} | {"json_contains": "bool"}
"""Types of what they give."""
