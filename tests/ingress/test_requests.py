"""Requests as data: their paths and headers hold for any names, keys and options."""

from __future__ import annotations

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from restate_reflect import IdempotentRequest, WorkflowRun
from restate_reflect.ingress._requests import CallOptions, call_request, raw_request, result_request
from restate_reflect.reflection import TargetDirectory
from tests.ingress.services import Desk, Shelf

KEYS = st.text(st.characters(codec="utf-8"), min_size=1)
DIRECTORY = TargetDirectory()


@given(KEYS, st.booleans())
def test_a_key_is_one_segment_of_the_path(key: str, send: bool) -> None:
    """Whatever it holds, it comes out of the path as it went in."""
    request = call_request(DIRECTORY.target(Shelf.total), (), {}, CallOptions(key=key), send=send)
    segments = request.path.split("?")[0].split("/")
    assert [unquote(segment) for segment in segments] == ["", "Shelf", key, "total", *(["send"] if send else [])]
    assert request.path.isascii()


@given(st.floats(0, 1e6), st.text("abcdefXYZ-_", min_size=1))
def test_a_delay_is_whole_milliseconds(delay: float, scope: str) -> None:
    """And only there when it is not zero."""
    request = raw_request("S", "h", b"", None, CallOptions(delay=delay, scope=scope), send=True)
    path, _, query = request.path.partition("?")
    assert path == f"/restate/scope/{scope}/send/S/h"
    assert query == (f"delay={round(delay * 1000)}ms" if round(delay * 1000) else "")


@given(KEYS, st.text(st.characters(codec="utf-8"), min_size=1))
def test_results_are_asked_for_in_a_way_that_may_be_repeated(key: str, idempotency_key: str) -> None:
    """By path where it can carry the idempotency key, which the server does not decode, else by a body."""
    for target in (WorkflowRun("W", key), IdempotentRequest("S", "h", idempotency_key, key), "inv_1"):
        request = result_request(target, "output")
        assert request.repeatable
        assert (request.method == "GET") == (not request.body)
    if result_request(IdempotentRequest("S", "h", idempotency_key), "attach").method == "GET":
        assert "%" not in idempotency_key


def test_a_body_decides_whether_there_is_a_content_type() -> None:
    """The server refuses a content type without a body for JSON, and demands it for binary input."""

    def content_type(method: object, *args: object) -> str | None:
        request = call_request(DIRECTORY.target(method), args, {}, CallOptions(), send=False)  # type: ignore[arg-type]
        return request.headers.get("content-type")

    assert content_type(Desk.nothing) is None
    assert content_type(Desk.blob, b"") == "application/octet-stream"
    assert content_type(Desk.header, "a") == "application/json"


def test_only_what_has_one_effect_is_repeatable() -> None:
    target = DIRECTORY.target(Shelf.add)
    assert not call_request(target, (1,), {}, CallOptions(key="a"), send=True).repeatable
    assert call_request(target, (1,), {}, CallOptions(key="a", idempotency_key="k"), send=True).repeatable
    given_as_header = CallOptions(key="a", headers={"Idempotency-Key": "k"})
    assert call_request(target, (1,), {}, given_as_header, send=True).repeatable
