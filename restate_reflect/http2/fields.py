"""One header field, checked against RFC 9113 section 8.2 when it is first seen.

A field that breaks a rule makes its request malformed, which is an error of one stream; the HPACK table
of the connection has to take the field in all the same. So the finding travels with the field.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

__all__ = ["CHECKED", "INVALID", "PLAIN", "PSEUDO", "Field", "make", "valid_name", "valid_value"]

Field: TypeAlias = "tuple[str, str, int, int]"
"""Name, value, size as RFC 7541 section 4.1 counts it, and one of the classes below; ``INVALID`` has the reason as its
value.

A bare tuple: a ``NamedTuple`` would cost 0.3 µs more for each new field.
"""

PLAIN: Final = 0
PSEUDO: Final = 1
CHECKED: Final = 2
"""Its meaning depends on the other fields of the request, or it may come several times in its own way."""
INVALID: Final = 3

_OVERHEAD: Final = 32
_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE: Final = re.compile(r"(?![ \t])[^\x00\r\n]*(?<![ \t])")
_VALUES_OF: Final = {
    ":method": re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"),
    ":scheme": re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*"),
    ":path": re.compile(r"/[^\x00-\x20\x7f#]*|\*"),
    ":authority": re.compile(r"[^\x00-\x20\x7f/?#@]*"),
    "te": re.compile("trailers"),
}
"""RFC 9113 sections 8.2.2 and 8.3.1 and the grammars they refer to; ``:authority`` has no user information."""
_CHECKED: Final = frozenset({"content-length", "cookie", "host"})
_CONNECTION_SPECIFIC: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)
_MAX_CACHED_NAME: Final = 64
_MAX_CLASSES: Final = 512

_Class: TypeAlias = "tuple[int, re.Pattern[str] | None, str]"
"""Class, pattern of its values, and what is wrong with the name."""
_classes: dict[str, _Class] = {}
"""Names recur (0.05 µs instead of 0.5); starts anew when full."""


def make(name: str, value: str) -> Field:
    """A field from its octets given as latin-1 characters; the value becomes UTF-8 text where it is some."""
    size = len(name) + len(value) + _OVERHEAD
    known = _classes.get(name)
    if known is None:
        known = _classified(name)
    kind, pattern, reason = known
    # Letters, digits and _, as in ids, can't be wrong: a tenth of the price of the regular expression.
    if not (value.isidentifier() or valid_value(value)):
        reason = reason or f"value of header {name!r} has blanks around it or a NUL, CR or LF in it"
    elif pattern is not None and not pattern.fullmatch(value):
        reason = f"{name} can't be {value!r}"
    if reason:
        return name, reason, size, INVALID
    return name, value if value.isascii() else _text(value), size, kind


def valid_name(name: str) -> bool:
    """Lower-case token (RFC 9110 section 5.1, RFC 9113 section 8.2.1)."""
    return _NAME.fullmatch(name) is not None


def valid_value(value: str) -> bool:
    """No NUL, CR or LF, and no blank at either end (RFC 9113 section 8.2.1)."""
    return _VALUE.fullmatch(value) is not None


def _classified(name: str) -> _Class:
    found = _class(name)
    if len(name) <= _MAX_CACHED_NAME:
        if len(_classes) >= _MAX_CLASSES:
            _classes.clear()
        _classes[name] = found
    return found


def _class(name: str) -> _Class:
    pattern = _VALUES_OF.get(name)
    if pattern is not None:
        return (PSEUDO if name[0] == ":" else PLAIN), pattern, ""
    if not valid_name(name):
        return INVALID, None, f"{name!r} is not a lower-case header name"
    if name in _CONNECTION_SPECIFIC:
        return INVALID, None, f"connection-specific header {name!r}"
    return (CHECKED if name in _CHECKED else PLAIN), None, ""


def _text(octets: str) -> str:
    return octets.encode("latin-1").decode("utf-8", "surrogateescape")
