"""Tokens of request identity.

Invariants: nothing raises but ``IdentityError``; what passes was signed with the key (checked without PyJWT), for
this path, and has not expired.
"""

# ruff: noqa: PT017  what a refusal says is part of the invariant
from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from restate_reflect.endpoint.identity import IdentityError, IdentityVerifier, signed_path
from tests.conformance.settings import base58
from tests.fuzz.source import Source

__all__ = ["SEEDS", "check"]

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
SCHEMES = ("v1", "unsigned", "v2", "")
PATHS = ("/invoke/Counter/add", "/discover", "/prefix/invoke/Counter/add", "/invoke/a/../../discover")
FAR = 4102444800
"""The year 2100."""


def _public(private: Ed25519PrivateKey) -> str:
    return "publickeyv1_" + base58(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


VERIFIER = IdentityVerifier([_public(PRIVATE), _public(OTHER)])


def check(data: bytes) -> None:
    """Scheme, path, token."""
    source = Source(data)
    scheme, path = source.pick(SCHEMES), source.pick(PATHS)
    token = source.rest().decode("latin-1")
    try:
        VERIFIER.verify({"x-restate-signature-scheme": scheme, "x-restate-jwt-v1": token}, path)
    except IdentityError as error:
        assert error.reason
        return
    assert scheme == "v1"
    _check_really_signed(token, path)


def _check_really_signed(token: str, path: str) -> None:
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    assert any(_verifies(key, raw, signed.encode()) for key in (PRIVATE, OTHER))
    claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
    assert signed_path(path) in (claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]])
    assert claims["nbf"] <= time.time() < claims["exp"]


def _verifies(key: Ed25519PrivateKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.public_key().verify(signature, signed)
    except Exception:
        return False
    return True


def _token(private: Ed25519PrivateKey, **changes: Any) -> bytes:
    claims = {"aud": "/invoke/Counter/add", "exp": FAR, "iat": 0, "nbf": 0, **changes}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, private, algorithm="EdDSA").encode()


SEEDS = [
    b"\0\0" + _token(PRIVATE),
    b"\0\2" + _token(OTHER),
    b"\0\1" + _token(PRIVATE, aud="/discover"),
    b"\0\0" + _token(PRIVATE, aud=["/invoke/Counter/add", "/x"]),
    b"\0\0" + _token(PRIVATE, exp=1),
    b"\0\0" + _token(PRIVATE, nbf=FAR),
    b"\0\0" + _token(PRIVATE, aud=None),
    b"\1\0" + _token(PRIVATE),
    b"\0\0..",
    b"\0\0e30.e30.e30",
]
