"""Identifiers as restate-server writes them: a prefix, a version digit, base 62 or base 64.

An invocation id is 24 bytes: 8 that chose the partition and 16 that are unique. With an
idempotency key, and for the run of a workflow, the 16 bytes are a hash of what was asked for,
so that a repeated request finds its invocation by id alone, and there is no table of keys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from functools import lru_cache
from typing import Final

__all__ = [
    "DeploymentIdError",
    "IdError",
    "awakeable_target",
    "deployment_id",
    "idempotent_id",
    "invocation_id",
    "key_partition",
    "parse_invocation_id",
    "partition_key",
    "random_seed",
    "unique_id",
    "workflow_id",
]

_PAIR: Final = 62 * 62
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]
_VALUES: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_U64_WIDTH: Final = 11
_U128_WIDTH: Final = 22
_RESOURCES: Final = frozenset({"inv", "dp", "sub", "prom", "sign", "snap", "mut", "vq"})
_PREFIX: Final = "inv_1"
_MISMATCH: Final = "id doesn't match the expected type"
_SEPARATOR: Final = b","
_remembered: Final = lru_cache(maxsize=1024)
"""An attempt asks for the numbers of its invocation again and again, a crash matrix for the same ids in each run."""


class IdError(ValueError):
    """A text is no identifier of the wanted type; the message is restate-server's."""


class DeploymentIdError(IdError):
    """A text is no deployment id."""


def _base62(value: int, width: int) -> str:
    """``width`` digits; two at a time, which takes half the time."""
    pairs: list[str] = []
    for _ in range((width + 1) // 2):
        value, pair = divmod(value, _PAIR)
        pairs.append(_PAIRS[pair])
    pairs.reverse()
    return "".join(pairs)[-width:]


def _from_base62(text: str, bits: int) -> int:
    value = 0
    for digit in text:
        if digit not in _VALUES:
            raise IdError("base62 decode error")
        value = value * 62 + _VALUES[digit]
    if value >> bits:
        raise IdError("base62 decode error")
    return value


def invocation_id(raw: bytes) -> str:
    """The text for 24 bytes: two numbers, their lowest byte first, as restate-server 1.7.12 sends them."""
    high, low = int.from_bytes(raw[:8], "little"), int.from_bytes(raw[8:], "little")
    return f"{_PREFIX}{_base62(high, _U64_WIDTH)}{_base62(low, _U128_WIDTH)}"


@_remembered
def parse_invocation_id(text: str) -> bytes:
    """The 24 bytes of an invocation id.

    Raises:
        IdError: It is none.
    """
    digits = _strip(text, "inv")
    if len(digits) < _U64_WIDTH + _U128_WIDTH:
        raise IdError("bad length")
    high = _from_base62(digits[:_U64_WIDTH], 64)
    low = _from_base62(digits[_U64_WIDTH : _U64_WIDTH + _U128_WIDTH], 128)
    if len(digits) != _U64_WIDTH + _U128_WIDTH:
        raise IdError("bad length")
    return high.to_bytes(8, "little") + low.to_bytes(16, "little")


def _strip(text: str, resource: str) -> str:
    """The digits after ``resource_1``; the checks come in the order in which the server makes them."""
    if not text:
        raise IdError("bad length")
    prefix, separator, rest = text.partition("_")
    if not separator:
        raise IdError("bad format")
    if prefix not in _RESOURCES:
        raise IdError(f"unrecognized resource type: {prefix}")
    if not rest:
        raise IdError("bad length")
    if rest[0] != "1":
        raise IdError("unrecognized codec version")
    if prefix != resource:
        raise IdError(_MISMATCH)
    return rest[1:]


def awakeable_target(text: str) -> tuple[str, int]:
    """Invocation id and signal index of an awakeable id (``sign_1…``).

    Raises:
        IdError: It is none; ``prom_1…`` belongs to service protocols that are not spoken here.
    """
    is_current = text.startswith("sign_1")
    encoded = _strip(text, "sign" if is_current else "prom")
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise IdError(_MISMATCH if is_current else "base62 decode error") from None
    # Bits that belong to no byte must be zero for the server.
    exact = base64.urlsafe_b64encode(raw).decode().rstrip("=") == encoded.rstrip("=")
    if is_current and len(raw) == 28 and exact:
        return invocation_id(raw[:24]), int.from_bytes(raw[24:], "big")
    if not (is_current or exact):
        raise IdError("base62 decode error")
    # The server tries the older form on whatever is not the newer one, and shows that error.
    raise IdError(_MISMATCH if is_current or len(raw) == 28 else "bad length")


def _partition(text: str) -> bytes:
    """Stands for the server's partition key: equal texts, equal keys."""
    return hashlib.sha256(text.encode()).digest()[:8]


def partition_key(identifier: str) -> int:
    """The number in an invocation id that chose its partition."""
    return int.from_bytes(parse_invocation_id(identifier)[:8], "little")


def key_partition(place: str) -> int:
    """The same of the key of an object or workflow, or of its scope, if it is in one."""
    return int.from_bytes(_partition(place), "little")


@_remembered
def unique_id(seed: bytes, serial: int, place: str | None) -> str:
    """An id that no other serial has under this seed; the same in every run with that seed.

    Those of one scope, or else of one key, begin alike.
    """
    digest = hashlib.sha256(seed + serial.to_bytes(8, "big")).digest()
    return invocation_id((digest[16:24] if place is None else _partition(place)) + digest[:16])


def workflow_id(workflow: str, key: str, scope: str | None = None) -> str:
    """The id of a workflow's one run; each scope has its own."""
    return _telling_id(key, scope, "wf", [workflow, key])


def idempotent_id(service: str, key: str | None, handler: str, idempotency_key: str, scope: str | None = None) -> str:
    """The id of a request with an idempotency key; each scope has its own."""
    place = idempotency_key if key is None else key
    return _telling_id(place, scope, "ik", [service, *([] if key is None else [key]), handler, idempotency_key])


def _telling_id(place: str, scope: str | None, sort: str, asked_for: list[str]) -> str:
    """An id made of what was asked for alone; a scope stands in the place of ``place``."""
    parts = [sort, *([] if scope is None else [scope]), *asked_for]
    digest = hashlib.sha256(_SEPARATOR.join(part.encode() for part in parts)).digest()
    return invocation_id(_partition(place if scope is None else scope) + digest[:16])


@_remembered
def random_seed(identifier: str) -> int:
    """The seed for the handler's random numbers: 64 bits, the same in every attempt."""
    return int.from_bytes(hashlib.sha256(identifier.encode()).digest()[:8], "big")


@_remembered
def deployment_id(seed: bytes, serial: int) -> str:
    """An id for the deployment that was registered as number ``serial``."""
    digest = hashlib.sha256(b"dp" + seed + serial.to_bytes(8, "big")).digest()
    return f"dp_1{_base62(int.from_bytes(digest[:16], 'big'), _U128_WIDTH)}"


def check_deployment_id(text: str) -> None:
    """Raises ``DeploymentIdError`` for a text that no server could have given out."""
    try:
        digits = _strip(text, "dp")
        if len(digits) != _U128_WIDTH:
            raise IdError("bad length")
        _from_base62(digits, 128)
    except IdError as error:
        raise DeploymentIdError(str(error)) from None
