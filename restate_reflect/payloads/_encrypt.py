"""Encryption by AES-GCM, with keys that can be changed."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any, Final

from restate_reflect.errors import PayloadDamagedError, PayloadUnavailableError
from restate_reflect.payloads._positions import Position

__all__ = ["Encrypt"]

_NONCE: Final = 12
_TAG: Final = 16
_SIZES: Final = (16, 24, 32)


class Encrypt:
    """Encrypts every payload, and authenticates it together with its position: one that was copied to another place,
    or changed, is not read.

    A payload names its key, so that several are in use while they are changed. The first one writes.

    Args:
        keys: By name; 16, 24 or 32 random bytes, or their base64. ``os.urandom(32)`` makes one.

    Raises:
        ImportError: The extra ``encrypt`` is needed.
        ValueError: There is no key, or one of another size.
    """

    name = "aes-gcm"

    def __init__(self, keys: Mapping[str, bytes | str]) -> None:
        if not keys:
            raise ValueError("Encrypt(keys={}): there is no key to write with")
        cipher = _library()
        self._ciphers: dict[str, Any] = {name: cipher(_key(name, key)) for name, key in keys.items()}
        writing = next(iter(keys)).encode()
        self._writing = b"%c%b" % (len(writing), writing)
        self._cipher = self._ciphers[next(iter(keys))]

    def __repr__(self) -> str:
        return f"Encrypt(keys={{{', '.join(map(repr, self._ciphers))}}})"

    def encode(self, data: bytes, position: Position) -> bytes | None:
        nonce = os.urandom(_NONCE)
        sealed: bytes = self._cipher.encrypt(nonce, data, self._writing + position.to_bytes())
        return self._writing + nonce + sealed

    def decode(self, data: bytes, position: Position, limit: int) -> bytes:
        from cryptography.exceptions import InvalidTag

        head, body = data[: 1 + data[0]] if data else b"", data[1 + data[0] :] if data else b""
        if len(body) < _NONCE + _TAG:
            raise PayloadDamagedError("what was encrypted is cut short")
        if len(body) - _NONCE - _TAG > limit:
            raise PayloadDamagedError(f"decrypted it has more than {limit:,} bytes", is_too_large=True)
        cipher = self._ciphers.get(head[1:].decode(errors="backslashreplace"))
        if cipher is None:
            raise PayloadUnavailableError(self._missing(head[1:].decode(errors="backslashreplace")))
        try:
            opened: bytes = cipher.decrypt(body[:_NONCE], body[_NONCE:], head + position.to_bytes())
        except InvalidTag:
            raise PayloadDamagedError(
                "it was not encrypted with this key for this place: it was changed or copied, or another key has the"
                f" name {head[1:].decode(errors='backslashreplace')!r}"
            ) from None
        return opened

    def _missing(self, key: str) -> str:
        known = ", ".join(map(repr, self._ciphers))
        return f"it is encrypted with key {key!r}, and the keys here are {known}. Add that key to Encrypt(keys=…)"


def _key(name: str, key: bytes | str) -> bytes:
    if not name or len(name.encode()) > 255:
        raise ValueError(f"Encrypt: a key's name has 1 to 255 bytes, not {name!r}")
    try:
        given = base64.b64decode(key, validate=True) if isinstance(key, str) else bytes(key)
    except binascii.Error as error:
        raise ValueError(f"Encrypt: key {name!r} is no base64: {error}") from error
    if len(given) not in _SIZES:
        raise ValueError(
            f"Encrypt: key {name!r} has {len(given)} bytes; AES takes 16, 24 or 32. Make one with os.urandom(32)."
        )
    return given


def _library() -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise ImportError(f"Encrypt needs cryptography ({error}). Install restate-reflect[encrypt].") from error
    return AESGCM
