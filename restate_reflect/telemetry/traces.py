"""Ids of traces and spans.

An invocation has one trace, in whichever processes its attempts run: that of the ``traceparent`` that it was called
with, else one that its id tells. Headers of outgoing calls are compared on replay, so what is in them must be the same
in every attempt: the id of a call's span follows from the invocation and the call's number.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import Final, NamedTuple

from restate_reflect.context import Request

__all__ = ["SpanIds", "TraceParent", "given_to_attempt", "given_to_invocation", "own", "wanted_ids"]

_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class TraceParent(NamedTuple):
    """A place in a trace, as W3C's header tells it."""

    trace_id: int
    span_id: int
    flags: int = 1

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"


def given_to_attempt(request: Request) -> TraceParent | None:
    """By a server that traces; another one in each attempt."""
    return _read(request.attempt_headers.get("traceparent"))


def given_to_invocation(request: Request) -> TraceParent | None:
    """By whoever called; the same in each attempt."""
    return _read(request.headers.get("traceparent"))


def own(request: Request, number: int | None = None) -> TraceParent:
    """A place of the invocation's own: its beginning, or its outgoing call of this number."""
    above = given_to_invocation(request)
    made = sha256(request.id.encode()).digest()
    trace_id = int.from_bytes(made[:16]) if above is None else above.trace_id
    place = made if number is None else sha256(f"{request.id} {number}".encode()).digest()
    return TraceParent(trace_id, int.from_bytes(place[16:24]) or 1, 1 if above is None else above.flags)


def _read(text: str | None) -> TraceParent | None:
    found = _TRACEPARENT.fullmatch(text or "")
    if found is None or found[1] == "0" * 32 or found[2] == "0" * 16:
        return None
    return TraceParent(int(found[1], 16), int(found[2], 16), int(found[3], 16))


_wanted: ContextVar[TraceParent | None] = ContextVar("restate_reflect_span_ids", default=None)


@contextmanager
def wanted_ids(ids: TraceParent) -> Iterator[None]:
    """A span that is started meanwhile has these ids, if its provider was given ``SpanIds``."""
    token = _wanted.set(ids)
    try:
        yield
    finally:
        _wanted.reset(token)


class SpanIds:
    """For ``TracerProvider(id_generator=SpanIds())``: spans of calls have the ids that the callees are told.

    Without it the traces are the same, but a callee's parent is a span that was never exported.
    """

    def generate_span_id(self) -> int:
        wanted = _wanted.get()
        return random.SystemRandom().randrange(1, 1 << 64) if wanted is None else wanted.span_id

    def generate_trace_id(self) -> int:
        wanted = _wanted.get()
        return random.SystemRandom().randrange(1, 1 << 128) if wanted is None else wanted.trace_id

    def is_trace_id_random(self) -> bool:
        return False
