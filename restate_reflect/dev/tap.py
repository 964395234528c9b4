"""Watches the attempts of an endpoint for ``dev``, and ends those that only a change of the code can mend."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, Final

from restate_reflect.dev.story import Story
from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.environment import Sink
from restate_reflect.engine.ending import AttemptError
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import FrameDecoder, encode_frame
from restate_reflect.protocol.messages import MessageType

__all__ = ["Tap", "target_of"]

MISMATCH: Final = 570
"""Code of a journal mismatch."""

News = Callable[[dict[str, Any]], None]


class Tap:
    """Between one attempt and its connection.

    An attempt that fails for a bug is retried for ever in production, as a redeploy mends it. Whoever develops sits in
    front of it: here the invocation fails at once, and its caller is told. A journal mismatch is retried, as the save
    that mends it lets the invocation go on.
    """

    def __init__(self, attempt: Attempt, sink: Sink, news: News) -> None:
        self._attempt, self._sink, self._news = attempt, sink, news
        self._story = Story(attempt, self._tell)
        self._incoming, self._outgoing = FrameDecoder(), FrameDecoder()
        attempt.on_received = self.received

    def received(self, data: bytes) -> None:
        """Bytes of the request."""
        self._safely(self._incoming, data, self._story.received)

    def write(self, data: bytes, *, end: bool) -> None:
        """Bytes of the response."""
        error = self._attempt.engine.failure
        self._safely(self._outgoing, data, self._story.sent)
        if error is not None:
            self._failed(error)
            if error.bug and error.code != MISMATCH:
                data = _answered(data, error)
        if end:
            self._story.ended()
        self._sink.write(data, end=end)

    def _safely(self, decoder: FrameDecoder, data: bytes, take: Callable[[int, bytes], None]) -> None:
        """The log must not break what it watches."""
        try:
            for kind, payload in decoder.cut(data):
                take(kind, payload)
        except Exception:
            self._tell("log", f"(not shown: {traceback.format_exc(limit=0).strip()})", None)

    # ------------------------------------------------------------ news

    def _tell(self, style: str, text: str, milliseconds: float | None) -> None:
        self._news({"style": style, "text": text, "ms": milliseconds, **self._who()})

    def _failed(self, error: AttemptError) -> None:
        news = {"code": error.code, "message": error.message, "trace": error.stacktrace, "bug": error.bug}
        self._news({"failure": news, "source": str(self._attempt.handler.source), **self._who()})

    def _who(self) -> dict[str, str]:
        """``Counter/a/add`` and the invocation's id."""
        return {"target": target_of(self._attempt, self._story.key), "id": self._story.id}


def target_of(attempt: Attempt, key: str) -> str:
    """``Counter/a/add``."""
    return "/".join(part for part in (attempt.service.name, key, attempt.handler.name) if part)


def _answered(data: bytes, error: AttemptError) -> bytes:
    """The output with the error, which asks for another attempt, turned into the handler's own answer."""
    kept = sum(8 + len(payload) for kind, payload in FrameDecoder().cut(data) if kind != MessageType.ERROR)
    output = pb.OutputCommandMessage(failure=pb.Failure(code=error.code, message=error.message))
    answer = encode_frame(MessageType.OUTPUT_COMMAND, output.SerializeToString())
    return data[:kept] + answer + encode_frame(MessageType.END, b"")
