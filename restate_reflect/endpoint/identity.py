"""Request identity v1: was this request signed by a restate-server whose key we trust?

restate-server signs each request with an Ed25519 key. It sends ``x-restate-signature-scheme:
v1`` and, in ``x-restate-jwt-v1``, a JSON Web Token (algorithm EdDSA) with the claims

- ``aud``: the path without the deployment's prefix, ``/invoke/SERVICE/HANDLER`` or ``/discover``,
- ``exp``, ``nbf``, ``iat``: seconds since the epoch; no leeway is given.

The public key is written ``publickeyv1_`` and the base58 of its 32 bytes; the server logs it at
start-up. Several keys are several servers, or an old and a new key while a rotation goes on.
Behaviour equals ``sdk-shared-core``'s ``src/request_identity.rs``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from restate_reflect.errors import RestateReflectError

__all__ = ["IdentityError", "IdentityKeyError", "IdentityVerifier"]

SCHEME_HEADER = "x-restate-signature-scheme"
JWT_HEADER = "x-restate-jwt-v1"
KEY_PREFIX = "publickeyv1_"

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_KEY_LENGTH = 32
_LONGEST_KEY_TEXT = 44
"""32 bytes in base58 are at most 44 characters; longer text is refused before any arithmetic."""


class IdentityError(RestateReflectError):
    """A request is not signed as required; answer it with status 401.

    Attributes:
        reason: For the log. It says nothing that the sender could not know.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IdentityKeyError(RestateReflectError):
    """A configured key is no ``publickeyv1_…`` key, or the extra ``identity`` is not installed."""


class IdentityVerifier:
    """Checks signatures against one or more public keys.

    Args:
        keys: ``publickeyv1_…`` strings; with none, every request passes.

    Raises:
        IdentityKeyError: a key can't be read, or PyJWT or cryptography is missing.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if isinstance(keys, str):
            raise IdentityKeyError("identity keys are a list of strings; write [key], not key")
        self._keys = [_public_key(key) for key in keys]
        self._jwt = _import_jwt() if keys else None

    def verify(self, headers: Mapping[str, str], path: str) -> None:
        """Returns if the request is signed with one of the keys, for this path, now.

        Args:
            headers: With lower-case names, or case-insensitive.
            path: The request's path, in any deployment prefix, without query.

        Raises:
            IdentityError: it is not.
        """
        if not self._keys:
            return
        scheme = headers.get(SCHEME_HEADER)
        if scheme == "v1":
            self._verify_token(headers.get(JWT_HEADER), signed_path(path))
        elif scheme is None:
            raise IdentityError(f"missing header {SCHEME_HEADER}")
        elif scheme == "unsigned":
            raise IdentityError("the request is unsigned, and only signed ones are accepted")
        else:
            raise IdentityError(f"unknown signature scheme {scheme[:32]!r}")

    def _verify_token(self, token: str | None, audience: str) -> None:
        if token is None:
            raise IdentityError(f"missing header {JWT_HEADER}")
        problems = [self._problem(token, key, audience) for key in self._keys]
        if None not in problems:
            # With several keys all but one must fail by signature: that failure tells least.
            telling = [problem for problem in problems if problem and problem != "Signature verification failed"]
            raise IdentityError(f"invalid signature token: {(telling or problems)[0]}")

    def _problem(self, token: str, key: Any, audience: str) -> str | None:
        jwt: Any = self._jwt
        # `iat` must be there but is not compared with the clock: `nbf` is the claim for that.
        options = {"require": ["aud", "exp", "iat", "nbf"], "verify_iat": False}
        try:
            # Naming the one algorithm shuts out `none` and HMAC with the public key as its secret.
            jwt.decode(token, key, algorithms=["EdDSA"], audience=audience, leeway=0, options=options)
        except (jwt.PyJWTError, ValueError, RecursionError) as error:  # the latter from deeply nested JSON
            return str(error) or type(error).__name__
        return None


def signed_path(path: str) -> str:
    """The part of a path that the server signs: its last ``/invoke/x/y`` or ``/discover``, else all of it."""
    parts = path.split("/")
    if len(parts) >= 4 and parts[-3] == "invoke":
        return "/" + "/".join(parts[-3:])
    return "/discover" if len(parts) >= 2 and parts[-1] == "discover" else path


def _import_jwt() -> Any:
    try:
        import jwt
        from jwt.algorithms import has_crypto
    except ImportError as error:
        raise _missing_extra() from error
    if not has_crypto:
        raise _missing_extra()
    return jwt


def _missing_extra() -> IdentityKeyError:
    return IdentityKeyError("identity keys need PyJWT and cryptography. Run: pip install 'restate-reflect[identity]'")


def _public_key(text: str) -> Any:
    raw = _key_bytes(text)
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise _missing_extra() from error
    return Ed25519PublicKey.from_public_bytes(raw)


def _key_bytes(text: str) -> bytes:
    if not text.startswith(KEY_PREFIX):
        raise IdentityKeyError(
            f"identity key {text[:24]!r} must start with {KEY_PREFIX!r}. "
            "Take the one that restate-server logs when it starts with request-identity-private-key-pem-file."
        )
    encoded = text.removeprefix(KEY_PREFIX)
    wrong = next((letter for letter in encoded if letter not in _BASE58), None)
    if wrong is not None:
        raise IdentityKeyError(f"identity key {text[:24]!r}… has the character {wrong!r}, which base58 does not know")
    raw = base58_decode(encoded) if len(encoded) <= _LONGEST_KEY_TEXT else b""
    if len(raw) != _KEY_LENGTH:
        raise IdentityKeyError(f"identity key {text[:24]!r}… does not hold {_KEY_LENGTH} bytes. Was it cut off?")
    return raw


def base58_decode(text: str) -> bytes:
    """Bytes of base58 text (Bitcoin's alphabet); each leading ``1`` is a zero byte.

    Raises ``ValueError`` for other characters.
    """
    number = 0
    for letter in text:
        number = number * 58 + _BASE58.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
