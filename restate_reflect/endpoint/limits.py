"""What an endpoint accepts; each limit can be changed, and says what it is for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from restate_reflect.http2 import Limits
from restate_reflect.protocol.framing import MAX_MESSAGE_BYTES

__all__ = ["DEFAULT_LIMITS", "EndpointLimits", "bounded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointLimits:
    """Limits of an endpoint. Times are seconds; ``math.inf`` switches one off.

    Times are looked at once a second, or four times within the shortest of them: what is to end ends at most
    that much later.
    """

    max_message_bytes: int = MAX_MESSAGE_BYTES
    """Longest protocol message, hence longest input, state value or result."""
    max_request_bytes: int = 256 << 20
    """Everything that one attempt may receive: it is held in memory until the handler has seen it. Over HTTP/1.1 more
    is refused with 413, over HTTP/2 the attempt ends with an error of that code."""
    max_connections: int = 1024
    """Connections at once; further ones are closed unheard. Each costs a file descriptor and some 30 KiB, and a
    restate-server holds a handful."""
    handshake_timeout: float = 10.0
    """For a new connection to say what it speaks: preface and SETTINGS, or the first head of HTTP/1.1 ("slowloris")."""
    receive_timeout: float = 30.0
    """For an HTTP/2 frame or header block that has begun to arrive: at most 64 KiB. Unfinished ones hold memory."""
    journal_timeout: float = 300.0
    """For the recorded journal of an attempt, or for the body of an HTTP/1.1 request, to arrive whole. The server
    sends it at once; 256 MiB at 1 MB/s take less."""
    write_timeout: float = 60.0
    """For a peer that does not read (TCP's buffer and ours are full) to go on. Its attempts are aborted."""
    keepalive_interval: float = 60.0
    """Silence on an HTTP/2 connection after which the peer is asked for a sign of life (PING): half of a connection
    may have vanished without a FIN. restate-server asks every 40 s by itself."""
    keepalive_timeout: float = 20.0
    """For the answer to that PING. Without one the connection is dropped, and its attempts are aborted."""
    idle_timeout: float = 600.0
    """For a connection without an attempt; then it is ended gracefully. More than the 375 s within which restate-server
    drops an idle one by itself, so that a request seldom crosses with the end."""
    shutdown_timeout: float = 10.0
    """Seconds that attempts get to finish or suspend after a stop was asked for."""
    http2: Limits = Limits()  # noqa: RUF009  frozen
    """Limits of one HTTP/2 connection: streams, windows, header sizes, floods."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value > 0 and field.name != "shutdown_timeout":
                raise ValueError(f"{field.name} must be positive, not {value}; use a large number for no limit")

    @property
    def check_interval(self) -> float:
        """Seconds between two looks at what has taken too long."""
        timeouts = (
            self.handshake_timeout,
            self.receive_timeout,
            self.journal_timeout,
            self.write_timeout,
            self.keepalive_interval,
            self.keepalive_timeout,
            self.idle_timeout,
        )
        return min(1.0, min(timeouts) / 4)


DEFAULT_LIMITS: Final = EndpointLimits()


_LONGEST_TIMER: Final = 365 * 86400.0


def bounded(timeout: float) -> float:
    """A timeout that every event loop takes: infinite ones become a year."""
    return min(timeout, _LONGEST_TIMER)
