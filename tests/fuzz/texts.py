"""Short texts from outside: Accept headers, content types, requests, import strings, identity keys.

Invariants: each is accepted or refused with the error made for it; refusals say something.
"""

# ruff: noqa: PT017  what a refusal says is part of the invariant
from __future__ import annotations

from collections.abc import Callable

from restate_reflect import reflect
from restate_reflect.endpoint.core import Accepted, Core
from restate_reflect.endpoint.identity import IdentityKeyError, IdentityVerifier
from restate_reflect.errors import TargetError
from restate_reflect.manifest import negotiate
from restate_reflect.protocol.versions import ProtocolVersion
from restate_reflect.targets.target import parse
from tests.fuzz.programs import Service
from tests.fuzz.source import Source

__all__ = ["SEEDS", "check"]

CORE = Core([reflect(Service)])


def check(data: bytes) -> None:
    """The first byte says what the rest is."""
    source = Source(data)
    source.pick(CHECKS)(source.rest().decode("utf-8", "surrogateescape"))


def _accept(text: str) -> None:
    version = negotiate(text)
    assert version is None or f".v{version}+json" in text.lower() or "*" in text or not text.strip()


def _content_type(text: str) -> None:
    version = ProtocolVersion.from_content_type(text)
    assert version is None or version.content_type == text


def _request(text: str) -> None:
    method, _, rest = text.partition(" ")
    path, _, kind = rest.partition(" ")
    for mode in ("BIDI_STREAM", "REQUEST_RESPONSE"):
        decision = CORE.answer(method, path, {"content-type": kind, "accept": kind}, mode)
        if isinstance(decision, Accepted):
            assert method == "POST"
            assert path.partition("?")[0].endswith(f"/invoke/Service/{decision.plan.handler.name}")
        else:
            assert decision.status in (200, 401, 404, 405, 415, 501)
            assert decision.body


def _import_string(text: str) -> None:
    try:
        target = parse(text)
    except TargetError as error:
        assert str(error)
        return
    assert (target.module is None) != (target.file is None)
    assert target.attribute is None or text.strip().endswith(f":{target.attribute}")


def _key(text: str) -> None:
    try:
        IdentityVerifier([text])
    except IdentityKeyError as error:
        assert str(error)


CHECKS: tuple[Callable[[str], None], ...] = (_accept, _content_type, _request, _import_string, _key)

V4 = b"application/vnd.restate.endpointmanifest.v4+json"
SEEDS = [
    b"\0" + V4 + b", application/vnd.restate.endpointmanifest.v3+json;q=0.5, */*;q=0.1",
    b"\0application/*;q=1.000;v=1",
    b"\x01application/vnd.restate.invocation.v6",
    b"\x02POST /prefix/invoke/Service/echo application/vnd.restate.invocation.v6",
    b"\x02GET /discover?x=1 " + V4,
    b"\x02GET /health -",
    b"\x03package.module:Class.attribute",
    b"\x03path/to/file.py:name",
    b"\x03path/to/module",
    b"\x04publickeyv1_w7YHemBctH5Ck2nQRQ47iBBqhNHy4FV7t2Usbye2A6f",
]
