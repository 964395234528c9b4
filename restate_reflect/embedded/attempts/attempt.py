"""One attempt, seen from the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from restate_reflect.embedded.attempts.frames import Frame, FrameReader
from restate_reflect.embedded.deployments.transport import Exchange
from restate_reflect.embedded.kernel.records import Failure, Invocation
from restate_reflect.protocol.versions import MINIMUM, ProtocolVersion

__all__ = ["ServerAttempt"]

_MAX_SHOWN = 500


class Listener(Protocol):
    """Who is told that there is something to read."""

    def spoke(self, attempt: ServerAttempt) -> None: ...


class ServerAttempt:
    """An exchange and what is to be known of it; the ``Receiver`` of its answer."""

    __slots__ = (
        "_error",
        "_frames",
        "_listener",
        "_received",
        "_status",
        "abort_timeout",
        "active_at",
        "closing",
        "deployment",
        "exchange",
        "given_up",
        "has_ended",
        "inactivity_timeout",
        "input_closed",
        "invocation",
        "is_over",
        "outbox",
        "output",
        "pausing",
        "version",
    )

    def __init__(
        self, listener: Listener, invocation: Invocation, deployment: str, negotiated: ProtocolVersion | None
    ) -> None:
        self.invocation = invocation
        self.deployment = deployment
        self.version = ProtocolVersion(invocation.protocol) if invocation.protocol else negotiated or MINIMUM
        self.exchange: Exchange | None = None
        self.active_at = 0
        self.inactivity_timeout = 60_000
        self.abort_timeout = 600_000
        self.closing = False
        """Whether its input is to be closed, so that it suspends."""
        self.input_closed = False
        self.pausing = False
        """Whether an operator waits for its end to pause the invocation; ``closing``, too, then."""
        self.given_up: Failure | None = None
        """Why it is to fail as soon as its exchange ends, whatever it says until then."""
        self.is_over = False
        """Whether what it still says counts for nothing."""
        self.has_ended = False
        """Whether the exchange has ended."""
        self.outbox: list[bytes] = []
        self.output: bytes | None = None
        """The last output command that it has sent."""
        self._listener = listener
        self._frames = FrameReader()
        self._received: list[bytes] = []
        self._status = 0
        self._error: str | None = None

    # ------------------------------------------------------------ to the deployment

    def write(self, data: bytes) -> None:
        assert self.exchange is not None
        self.exchange.write(data)

    def write_outbox(self) -> None:
        """Everything it is to be told, in one write."""
        if self.outbox:
            data = b"".join(self.outbox)
            self.outbox.clear()
            if not self.input_closed:
                self.write(data)

    def close_input(self) -> None:
        self.input_closed = True
        assert self.exchange is not None
        self.exchange.close_input()

    def abort(self) -> None:
        if self.exchange is not None and not self.has_ended:
            self.exchange.abort()

    # ------------------------------------------------------------ from the deployment

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        self._status = status

    def received(self, data: bytes) -> None:
        self._received.append(data)
        if self._status == 200:
            self._speak()

    def ended(self, error: str | None) -> None:
        self._error = error
        self.has_ended = True
        self._speak()

    def _speak(self) -> None:
        if not self.is_over:
            self._listener.spoke(self)

    def take_frames(self) -> list[Frame]:
        """The messages that have arrived."""
        if self._status != 200:
            return []
        data = b"".join(self._received)
        self._received.clear()
        return self._frames.feed(data)

    def why_ended(self) -> Failure:
        """What to say of an exchange that ended without saying how."""
        if self._error is not None:
            return Failure(500, self._error, doc_code="RT0010")
        if self._status != 200:
            body = b"".join(self._received).decode(errors="replace")[:_MAX_SHOWN]
            return Failure(500, f"the deployment answered with status {self._status}: {body}", doc_code="RT0012")
        return Failure(500, "the attempt has ended without saying how")
