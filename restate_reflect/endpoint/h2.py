"""HTTP/2: frames -> attempt -> frames, in the callback that brought the bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.environment import Environment
from restate_reflect.endpoint.core import Accepted, Answer, Core, refuse_oversized
from restate_reflect.http2 import ErrorCode, RequestHandler
from restate_reflect.http2.headers import RequestHead
from restate_reflect.http2.stream import Stream

if TYPE_CHECKING:  # loaded where there is a chain of payloads
    from restate_reflect.durable.translated import TranslatedAttempt

__all__ = ["has_attempt", "open_stream"]


def open_stream(core: Core, environment: Environment[Attempt], stream: Stream, head: RequestHead) -> RequestHandler:
    """Answers a request, or begins an attempt whose output goes to the stream.

    ``environment`` is the core's on the loop that runs; a connection asks for it once (0.3 µs).
    """
    # As `answer` does it, without the call.
    accepted, fields = core.accepted, head.fields
    is_plain = head.method == "POST" and "content-encoding" not in fields
    by_path = accepted.get(fields.get("content-type")) if is_plain else None
    known = None if by_path is None else by_path.get(head.path)
    if known is None:
        headers = {**head.fields, "host": head.authority} if core.local_only else head.headers
        decision = core.answer(head.method, head.path, headers, "BIDI_STREAM")
        if isinstance(decision, Answer):
            stream.respond(decision.status, decision.headers, end_stream=not decision.body)
            stream.send_and_end(decision.body)
            return _Answered(stream)
        known = decision
    return _AttemptStream(core, environment, stream, known, head)


def has_attempt(handlers: Iterable[RequestHandler]) -> bool:
    """Whether any of the requests is an attempt; the others were answered at once."""
    return any(type(handler) is _AttemptStream for handler in handlers)


class _Answered:
    """Turns away the body of a request that was answered."""

    __slots__ = ("_stream",)

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def data_received(self, data: bytes) -> None:
        self._stream.reset(ErrorCode.NO_ERROR)

    def eof_received(self) -> None: ...
    def stream_closed(self, error: int | None) -> None: ...
    def writable(self) -> None: ...


class _AttemptStream:
    """Connects a stream with an attempt, both ways."""

    __slots__ = ("_attempt", "_left", "_request_ended", "_stream")

    def __init__(
        self, core: Core, environment: Environment[Attempt], stream: Stream, accepted: Accepted, head: RequestHead
    ) -> None:
        self._stream = stream
        self._request_ended = False
        self._left = core.limits.max_request_bytes
        if core.payloads is None:
            self._attempt: Attempt | TranslatedAttempt = Attempt(
                accepted.plan, accepted.version, self, environment, head.fields
            )
        else:
            self._attempt = core.start(accepted, self, head.fields)
        stream.begin(accepted.block, False)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._refuse_oversized()
        else:
            self._attempt.receive(data)

    def _refuse_oversized(self) -> None:
        refuse_oversized(self._attempt)

    def eof_received(self) -> None:
        self._request_ended = True
        self._attempt.receive_eof()

    def stream_closed(self, error: int | None) -> None:
        self._attempt.abort("the connection was closed before the attempt had ended")

    def writable(self) -> None:
        self._stream.resume()

    def write(self, data: bytes, *, end: bool) -> None:
        """The attempt's output. A peer that does not read is not read from either.

        An attempt often ends before its request does; the peer is then told that the rest of the
        request is not needed (RFC 9113 section 8.1), or the stream would stay half open.
        """
        if end:
            self._stream.send_and_end(data)
            if not self._request_ended and not self._stream.closed:
                self._stream.reset(ErrorCode.NO_ERROR)
            return
        self._stream.send(data)
        if self._stream.buffered > HIGH_WATER:
            self._stream.pause()


HIGH_WATER = 1024 * 1024
"""Bytes of output waiting for window above which a stream's input is paused."""
