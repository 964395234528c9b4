"""JSON data as YAML 1.2 in block style, for people to read. JSON's scalars are YAML's, so no library is needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["to_yaml"]

# Plain keys that no reader of YAML takes for a number, a date, null or a truth value.
_PLAIN = re.compile(r"[A-Za-z/x_][A-Za-z0-9_./-]*")
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
# JSON lets them stand as they are; YAML's printable characters (5.1) don't include them.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def to_yaml(document: Any) -> str:
    """The document as YAML text; reading it gives the same data."""
    return "\n".join(_lines(document, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _entry(f"{indent}{_key(key)}:", part, indent + "  ")
    elif isinstance(value, list) and value:
        for part in value:
            yield from _entry(f"{indent}-", part, indent + "  ")
    else:
        yield indent + _scalar(value)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield head
        yield from _lines(value, indent)
    else:
        yield f"{head} {_scalar(value)}"


def _key(key: str) -> str:
    return key if _PLAIN.fullmatch(key) and key.lower() not in _WORDS else _scalar(key)


def _scalar(value: Any) -> str:
    if isinstance(value, float) and "e" in repr(value):
        return _exponent(repr(value))
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _exponent(shown: str) -> str:
    """With a point: readers of YAML 1.1 take ``1e+16`` for a string."""
    mantissa, _, exponent = shown.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}"
