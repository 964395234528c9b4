"""Functions of restate-server's SQL about texts and patterns."""

from __future__ import annotations

import base64
import functools
import json
import re
import uuid
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any, Final

__all__ = ["FUNCTIONS", "levenshtein"]


def _strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Null where an argument is."""
    return lambda *given: None if None in given else function(*given)


# ---------------------------------------------------------------- patterns

_FLAGS: Final = {"i": re.IGNORECASE, "s": re.DOTALL, "m": re.MULTILINE, "x": re.VERBOSE}


@functools.lru_cache
def _pattern(pattern: str, flags: str = "") -> re.Pattern[str]:
    return re.compile(pattern, functools.reduce(lambda all, flag: all | _FLAGS.get(flag, 0), flags, 0))


def _like(text: str, pattern: str, flags: str = "") -> bool:
    return _pattern(pattern, flags).search(text) is not None


def _replace(text: str, pattern: str, replacement: str, flags: str = "") -> str:
    return _pattern(pattern, flags).sub(replacement, text, count=0 if "g" in flags else 1)


def _count(text: str, pattern: str, start: int = 1, flags: str = "") -> int:
    return len(_pattern(pattern, flags).findall(text, start - 1))


def _instr(text: str, pattern: str, start: int = 1) -> int:
    found = _pattern(pattern).search(text, start - 1)
    return 0 if found is None else found.start() + 1


def _match(text: str, pattern: str, flags: str = "") -> str | None:
    found = _pattern(pattern, flags).search(text)
    return None if found is None else json.dumps(found.groups() or [found[0]])


# ---------------------------------------------------------------- texts


def _lpad(text: str, length: int, fill: str = " ") -> str:
    return text[:length] if len(text) >= length else "".join(islice(cycle(fill), length - len(text))) + text


def _rpad(text: str, length: int, fill: str = " ") -> str:
    return text[:length] if len(text) >= length else text + "".join(islice(cycle(fill), length - len(text)))


def _initcap(text: str, *_: Any) -> str:
    return re.sub(r"[A-Za-z0-9]+", lambda word: word[0].capitalize(), text)


def _translate(text: str, given: str, wanted: str) -> str:
    pairs = {ord(old): wanted[index] if index < len(wanted) else None for index, old in enumerate(given)}
    return text.translate(pairs)


def _overlay(text: str, new: str, start: int, length: int | None = None) -> str:
    end = start - 1 + (len(new) if length is None else length)
    return text[: start - 1] + new + text[end:]


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _encode(value: Any, form: str) -> str:
    if form == "hex":
        return _bytes(value).hex()
    if form == "base64":
        return base64.b64encode(_bytes(value)).decode().rstrip("=")
    raise ValueError(f"there is no encoding {form!r}")


def _decode(text: str, form: str) -> bytes:
    if form == "hex":
        return bytes.fromhex(text)
    if form == "base64":
        return base64.b64decode(text + "=" * (-len(text) % 4))
    raise ValueError(f"there is no encoding {form!r}")


def levenshtein(one: str, other: str) -> int:
    """How many letters have to be put in, taken out or replaced."""
    row = list(range(len(other) + 1))
    for count, letter in enumerate(one, 1):
        before, row[0] = row[0], count
        for index, wanted in enumerate(other, 1):
            cost = min(row[index] + 1, row[index - 1] + 1, before + (letter != wanted))
            before, row[index] = row[index], cost
    return row[-1]


def _find_in_set(text: str, parts: str) -> int:
    found = parts.split(",")
    return found.index(text) + 1 if text in found else 0


def _substr_index(text: str, separator: str, count: int) -> str:
    parts = text.split(separator) if separator else [text]
    return separator.join(parts[:count] if count > 0 else parts[count:]) if count else ""


_STRICT: Final[dict[str, Callable[..., Any]]] = {
    "ascii": lambda text: ord(text[0]) if text else 0,
    "bit_length": lambda text: 8 * len(_bytes(text)),
    "contains": lambda text, part: part in text,
    "decode": _decode,
    "encode": _encode,
    "find_in_set": _find_in_set,
    "initcap": _initcap,
    "levenshtein": levenshtein,
    "lower": lambda text: str(text).lower(),
    "lpad": _lpad,
    "octet_length": lambda text: len(_bytes(text)),
    "overlay": _overlay,
    "regexp_count": _count,
    "regexp_instr": _instr,
    "regexp_like": _like,
    "regexp_match": _match,
    "regexp_replace": _replace,
    "repeat": lambda text, times: text * times,
    "reverse": lambda text: text[::-1],
    "rpad": _rpad,
    "substr_index": _substr_index,
    "substring_index": _substr_index,
    "translate": _translate,
    "upper": lambda text: str(text).upper(),
}
"""Of which the result is null where an argument is."""

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **{name: _strict(function) for name, function in _STRICT.items()},
    "uuid": lambda: str(uuid.uuid4()),
}
