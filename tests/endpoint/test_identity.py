"""Signed requests: which pass, which don't, and what is said about it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from restate_reflect.endpoint.identity import (
    IdentityError,
    IdentityKeyError,
    IdentityVerifier,
    base58_decode,
    signed_path,
)

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
PATH = "/invoke/Counter/add"
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def base58_encode(data: bytes) -> str:
    digits = ""
    number = int.from_bytes(data, "big")
    while number:
        number, rest = divmod(number, 58)
        digits = ALPHABET[rest] + digits
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def public_bytes(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_key(private: Ed25519PrivateKey) -> str:
    return "publickeyv1_" + base58_encode(public_bytes(private))


def claims(path: str = PATH, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {"aud": path, "exp": now + 60, "iat": now, "nbf": now, **changes}
    return {name: value for name, value in made.items() if value is not None}


def signed(content: dict[str, Any], private: Ed25519PrivateKey = PRIVATE) -> dict[str, str]:
    return headers(jwt.encode(content, private, algorithm="EdDSA"))


def headers(token: str) -> dict[str, str]:
    return {"x-restate-signature-scheme": "v1", "x-restate-jwt-v1": token}


def unsecured(content: dict[str, Any], algorithm: str = "none") -> str:
    parts = [{"alg": algorithm, "typ": "JWT"}, content]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])


def verifier(*privates: Ed25519PrivateKey) -> IdentityVerifier:
    return IdentityVerifier([public_key(private) for private in privates or (PRIVATE,)])


@pytest.mark.parametrize("path", [PATH, "/discover", "/prefix/v2" + PATH, "/a/b/c/discover", "/invoke/x/y" + PATH])
def test_a_signed_request_passes_under_any_prefix(path: str) -> None:
    """The server signs the path without the deployment's prefix."""
    aud = "/discover" if path.endswith("/discover") else PATH
    verifier().verify(signed(claims(aud)), path)


@pytest.mark.parametrize("private", [PRIVATE, OTHER])
def test_each_of_several_keys_is_accepted(private: Ed25519PrivateKey) -> None:
    """While keys rotate, requests signed with the old and with the new one pass."""
    verifier(PRIVATE, OTHER).verify(signed(claims(), private), PATH)


def test_without_keys_everything_passes() -> None:
    """Nothing is checked unless a key is configured."""
    IdentityVerifier([]).verify({}, PATH)


Case = tuple[str, Callable[[], dict[str, str]], str]
TOKEN = signed(claims(exp=int(time.time()) + 10_000))["x-restate-jwt-v1"]
REFUSED: list[Case] = [
    ("expired", lambda: signed(claims(exp=int(time.time()) - 1)), "expired"),
    ("not yet valid", lambda: signed(claims(nbf=int(time.time()) + 30)), "not yet valid"),
    ("wrong audience", lambda: signed(claims("/invoke/Counter/get")), "Audience"),
    ("audience of the discovery", lambda: signed(claims("/discover")), "Audience"),
    ("no aud", lambda: signed(claims(aud=None)), "aud"),
    ("no exp", lambda: signed(claims(exp=None)), "exp"),
    ("no iat", lambda: signed(claims(iat=None)), "iat"),
    ("no nbf", lambda: signed(claims(nbf=None)), "nbf"),
    ("exp is text", lambda: signed(claims(exp="soon")), "exp"),
    ("wrong key", lambda: signed(claims(), OTHER), "Signature verification failed"),
    ("no headers", dict, "missing header x-restate-signature-scheme"),
    ("no token", lambda: {"x-restate-signature-scheme": "v1"}, "missing header x-restate-jwt-v1"),
    ("unsigned", lambda: {"x-restate-signature-scheme": "unsigned"}, "unsigned"),
    ("unsigned with token", lambda: {**headers(TOKEN), "x-restate-signature-scheme": "unsigned"}, "unsigned"),
    ("other scheme", lambda: {**headers(TOKEN), "x-restate-signature-scheme": "v2"}, "unknown signature scheme 'v2'"),
    ("alg none", lambda: headers(unsecured(claims())), "alg"),
    ("alg None", lambda: headers(unsecured(claims(), "None")), "alg"),
    ("public key as secret", lambda: headers(confused()), "alg"),
    ("empty", lambda: headers(""), "invalid signature token"),
    ("not a token", lambda: headers("a.b.c"), "invalid signature token"),
    ("not ASCII", lambda: headers("é.ü.ß"), "invalid signature token"),
    ("truncated signature", lambda: headers(TOKEN[:-20]), "invalid signature token"),
    ("no signature", lambda: headers(TOKEN.rpartition(".")[0] + "."), "Signature verification failed"),
    ("deeply nested header", lambda: headers(nested() + "." + TOKEN.partition(".")[2]), "invalid signature token"),
    ("deeply nested claims", lambda: headers(f"{TOKEN.split('.')[0]}.{nested()}.AAAA"), "invalid signature token"),
    ("two parts", lambda: headers(TOKEN.rpartition(".")[0]), "Not enough segments"),
]


def confused() -> str:
    """HMAC, keyed with what everybody knows."""
    return jwt.encode(claims(), public_bytes(PRIVATE), algorithm="HS256")


def nested() -> str:
    return base64.urlsafe_b64encode(b"[" * 99_999).decode()


@pytest.mark.parametrize("make, reason", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_other_requests_are_refused(make: Callable[[], dict[str, str]], reason: str) -> None:
    """Each way to be wrong raises IdentityError, and nothing else."""
    with pytest.raises(IdentityError) as caught:
        verifier().verify(make(), PATH)
    assert reason in caught.value.reason


def test_a_telling_reason_wins_over_a_failed_signature() -> None:
    """With two keys, an expired token is called expired, not badly signed."""
    with pytest.raises(IdentityError, match="expired"):
        verifier(OTHER, PRIVATE).verify(signed(claims(exp=1)), PATH)


@settings(deadline=None)  # the machine may be busy
@given(position=st.integers(0, len(TOKEN) - 1), letter=st.sampled_from(ALPHABET + "-_."))
def test_a_token_with_one_letter_changed_is_refused(position: int, letter: str) -> None:
    """Every letter is covered by the signature, but for the two unused bits of the last one of each part."""
    changed = TOKEN[:position] + letter + TOKEN[position + 1 :]
    ends_part = position + 1 == len(TOKEN) or TOKEN[position + 1] == "."
    if changed == TOKEN or ends_part:
        return
    with pytest.raises(IdentityError):
        verifier().verify(headers(changed), PATH)


@given(st.binary(max_size=40))
def test_base58_decoding_undoes_encoding(data: bytes) -> None:
    """Leading zero bytes included."""
    assert base58_decode(base58_encode(data)) == data


def test_base58_knows_the_published_vectors() -> None:
    """From the test vectors of the Internet-Draft 'The Base58 Encoding Scheme'."""
    assert base58_decode("2NEpo7TZRRrLZSi2U") == b"Hello World!"
    assert base58_decode("11233QC4") == bytes.fromhex("0000287fb4cd")


@pytest.mark.parametrize(
    "key, message",
    [
        ("w7YcfeMcTM1dUJ8TzRCE2a5Y7fKhpRCNsRxTBdVrjmJi", "must start with 'publickeyv1_'"),
        ("publickeyv1_0OIl", "has the character '0'"),
        ("publickeyv1_", "does not hold 32 bytes"),
        ("publickeyv1_2NEpo7TZRRrLZSi2U", "does not hold 32 bytes"),
        ("publickeyv1_" + "z" * 100_000, "does not hold 32 bytes"),
    ],
)
def test_a_bad_key_is_a_start_up_error(key: str, message: str) -> None:
    """The message names the key's beginning and what is wrong with it."""
    with pytest.raises(IdentityKeyError, match=message):
        IdentityVerifier([key])


def test_a_bare_string_is_no_list_of_keys() -> None:
    """Else each of its letters would be taken for a key."""
    with pytest.raises(IdentityKeyError, match="a list"):
        IdentityVerifier(public_key(PRIVATE))


@pytest.mark.parametrize("missing", ["jwt", "cryptography.hazmat.primitives.asymmetric.ed25519"])
def test_a_missing_extra_is_named(missing: str) -> None:
    """Without PyJWT or cryptography, keys can't be used, and the message says what to install."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from restate_reflect.endpoint.identity import IdentityKeyError, IdentityVerifier\n"
        "IdentityVerifier([])\n"
        f"try: IdentityVerifier([{public_key(PRIVATE)!r}])\n"
        "except IdentityKeyError as error: print(error)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'restate-reflect[identity]'" in shown


@pytest.mark.parametrize(
    "path, part",
    [
        ("/invoke/a/b", "/invoke/a/b"),
        ("/p/invoke/a/b", "/invoke/a/b"),
        ("/discover", "/discover"),
        ("/p/discover", "/discover"),
        ("/invoke/a/discover", "/invoke/a/discover"),
        ("/invoke/a", "/invoke/a"),
        ("/health", "/health"),
        ("invoke/a/b", "invoke/a/b"),
        ("discover", "discover"),
        ("", ""),
    ],
)
def test_the_signed_part_of_a_path(path: str, part: str) -> None:
    """A handler may be called 'discover', too."""
    assert signed_path(path) == part
