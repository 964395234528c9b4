"""The connections of a listener: those that have not said yet what they speak, and those of HTTP/2."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, cast

from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.h2 import has_attempt, open_stream
from restate_reflect.endpoint.limits import EndpointLimits
from restate_reflect.http2 import Connection, ErrorCode

__all__ = ["H2Connection", "Owner", "Sniffer"]

logger = logging.getLogger("restate_reflect.http2")

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

MAX_HEAD: Final = 64 << 10
"""Bytes of an HTTP/1.1 head that are waited for; a longer one goes to aiohttp unfinished, whose own limits (8 KiB a
line) refuse it."""

CLOSE_TIMEOUT: Final = 5.0
"""Seconds a closed HTTP/2 connection gets to flush what it has to say."""


class Owner(Protocol):
    """Whoever keeps the connections."""

    limits: EndpointLimits

    def admits(self, sniffer: Sniffer) -> bool:
        """Whether there is room for one more."""
        ...

    def forget(self, connection: Sniffer | H2Connection) -> None:
        """It is over, or was handed over."""

    def http1_protocol(self) -> asyncio.Protocol | None:
        """``None`` before ``load_http1`` is done."""
        ...

    def load_http1(self) -> asyncio.Task[Any]: ...
    def http2_protocol(self) -> H2Connection: ...


class Sniffer(asyncio.Protocol):
    """Waits for enough bytes to tell the protocol, then hands the connection over.

    HTTP/1.1 is handed over with its first head complete: aiohttp itself would wait for that for ever.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self._opened = asyncio.get_running_loop().time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._owner.admits(self):
            logger.warning(
                "a connection was refused: there are %d (max_connections)", self._owner.limits.max_connections
            )
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data
        if received.startswith(PREFACE):
            self._hand_over(self._owner.http2_protocol())
        elif not PREFACE.startswith(received) and _is_complete_head(received):
            self._to_http1()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.forget(self)

    def check(self, now: float) -> None:
        if now - self._opened >= self._owner.limits.handshake_timeout:
            self.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    close = go_away = abort  # there is nothing to say yet

    def _to_http1(self) -> None:
        protocol = self._owner.http1_protocol()
        if protocol is not None:
            self._hand_over(protocol)
            return
        assert self._transport is not None
        self._transport.pause_reading()
        self._owner.load_http1().add_done_callback(self._http1_loaded)

    def _http1_loaded(self, loading: asyncio.Task[Any]) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if loading.cancelled() or loading.exception() is not None:
            logger.error("HTTP/1.1 can't be served", exc_info=None if loading.cancelled() else loading.exception())
            self.abort()
            return
        self._transport.resume_reading()
        self._to_http1()

    def _hand_over(self, protocol: asyncio.Protocol) -> None:
        assert self._transport is not None
        self._owner.forget(self)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(self._received)


def _is_complete_head(received: bytes) -> bool:
    """Whether aiohttp needs no more to answer; what can't be the start of a method it refuses at once.

    Lines that end in a bare LF would be waited for in vain: it refuses them too.
    """
    is_whole = b"\n\r\n" in received or b"\n\n" in received
    return is_whole or not received[:1].isalpha() or len(received) > MAX_HEAD


class H2Connection(asyncio.Protocol):
    """A transport on one side, the sans-IO connection on the other."""

    def __init__(self, core: Core, on_lost: Callable[[H2Connection], Any]) -> None:
        self._on_lost = on_lost
        self._limits = core.limits
        self._connection = Connection(partial(open_stream, core, core.environment), core.limits.http2)
        self._connection.on_output = self._flush
        self._transport: asyncio.Transport | None = None
        self._closing: asyncio.Transport | None = None
        self._patience = Patience(core.limits, asyncio.get_running_loop().time())
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._patience.heard = True
        self._connection.receive(data)
        self._flush()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = self._closing = None
        self._on_lost(self)
        self._connection.connection_lost()
        # Cuts the cycle: left to the collector, closed connections cost 70 bytes an invocation for a long time.
        self._connection.on_output = None

    def pause_writing(self) -> None:
        """A peer that does not read gets no more than its window and our backlog allow."""
        self._paused = True
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._paused = False
        self._connection.resume_writing()
        self._flush()

    def go_away(self) -> None:
        self._connection.shutdown()
        self._flush()

    def close(self) -> None:
        """Says goodbye; a peer that does not read it is cut off after ``CLOSE_TIMEOUT``."""
        self._connection.close()
        self._flush()
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self.abort)

    def abort(self) -> None:
        """Drops the connection, with whatever the peer has not read."""
        transport = self._transport or self._closing
        if transport is not None:
            transport.abort()

    def check(self, now: float) -> None:
        """Ends the connection if the peer took too long, or asks whether it is still there."""
        if self._transport is None:
            return
        unread = self._transport.get_write_buffer_size() if self._paused else 0
        match self._patience.verdict(now, self._connection, unread):
            case None:
                return
            case "ping":
                self._connection.ping()
            case "go away":
                self.go_away()
            case "close":
                self.close()
            case reason:
                self._connection.close(ErrorCode.ENHANCE_YOUR_CALM, reason)
        self._flush()

    def _flush(self) -> None:
        if self._transport is None:
            return
        output = self._connection.take_output()
        if output and not self._transport.is_closing():  # asyncio logs whatever else is written to a peer that has gone
            self._transport.write(output)
        if self._connection.should_close:
            self._log_failure()
            transport, self._transport = self._transport, None
            self._closing = transport
            # A peer that does not read would keep a closing transport for ever.
            transport.abort() if self._paused else transport.close()

    def _log_failure(self) -> None:
        if self._connection.failure:
            logger.warning("an HTTP/2 connection was ended: %s", self._connection.failure)


class Patience:
    """How long one HTTP/2 peer has kept us waiting, and for what."""

    def __init__(self, limits: EndpointLimits, now: float) -> None:
        self.heard = False
        """Set with each read: reading the clock there would cost more than all the rest of this."""
        self._limits = limits
        self._opened = self._last_heard = self._last_busy = now
        self._unfinished: tuple[tuple[str, int], float] | None = None
        self._unread_before: tuple[int, float] | None = None
        self._pinged = self._said_goodbye = False

    def verdict(self, now: float, connection: Connection, unread: int) -> str | None:
        """``None``, ``"ping"``, ``"go away"``, ``"close"``, or why the connection must end.

        ``unread`` is how many bytes the transport holds, 0 unless it holds too many.
        """
        if not connection.has_begun and now - self._opened >= self._limits.handshake_timeout:
            return f"no complete preface within {self._limits.handshake_timeout:g} s (handshake_timeout)"
        return (
            self._unread(now, unread)
            or self._half_sent(now, connection)
            or self._silent(now)
            or self._idle(now, connection)
        )

    def _unread(self, now: float, unread: int) -> str | None:
        if not unread or self._unread_before is None or unread < self._unread_before[0]:
            self._unread_before = (unread, now) if unread else None
            return None
        if now - self._unread_before[1] < self._limits.write_timeout:
            return None
        return f"the peer has read nothing for {self._limits.write_timeout:g} s (write_timeout)"

    def _half_sent(self, now: float, connection: Connection) -> str | None:
        what = connection.unfinished
        if what is None:
            self._unfinished = None
            return None
        if self._unfinished is None or self._unfinished[0] != what:
            self._unfinished = what, now
        if now - self._unfinished[1] < self._limits.receive_timeout:
            return None
        return f"a {what[0]} was not complete within {self._limits.receive_timeout:g} s (receive_timeout)"

    def _silent(self, now: float) -> str | None:
        if self.heard:
            self.heard = self._pinged = False
            self._last_heard = now
            return None
        silence = now - self._last_heard
        if silence >= self._limits.keepalive_interval + self._limits.keepalive_timeout:
            return f"the peer is gone: nothing heard for {silence:.0f} s (keepalive_timeout)"
        if silence < self._limits.keepalive_interval or self._pinged:
            return None
        self._pinged = True
        return "ping"

    def _idle(self, now: float, connection: Connection) -> str | None:
        if has_attempt(connection.handlers):
            self._last_busy = now
            return None
        idle = now - self._last_busy
        if idle >= self._limits.idle_timeout + CLOSE_TIMEOUT:
            return "close"
        if idle < self._limits.idle_timeout or self._said_goodbye:
            return None
        self._said_goodbye = True
        return "go away"
