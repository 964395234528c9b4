"""Every limit of the HTTP/2 layer, with the attack or the waste it stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .windows import DEFAULT_WINDOW, MAX_WINDOW

__all__ = ["Limits", "Meter", "Rate"]


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` events within ``period`` seconds."""

    count: int
    period: float


class Meter:
    """Counts events against a ``Rate``.

    The clock is read once per ``count`` events, not per event, so that counting costs next to
    nothing; the window is therefore "since the last time it was full", which lets through up to
    twice the rate across a boundary and never flags a peer that keeps to it.
    """

    __slots__ = ("_clock", "_left", "_rate", "_since")

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._left = rate.count
        self._since = clock()

    def exceeded(self) -> bool:
        """Count one event; true when it is one too many."""
        self._left -= 1
        if self._left >= 0:
            return False
        now = self._clock()
        if now - self._since < self._rate.period:
            return True
        self._since = now
        self._left = self._rate.count - 1
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one peer may cost. Sizes are bytes.

    The length of request bodies is not limited here: the endpoint knows which handler it is for.
    """

    max_concurrent_streams: int = 1000
    """SETTINGS_MAX_CONCURRENT_STREAMS. restate-server opens 128 or fewer per connection unless told otherwise."""
    stream_window: int = 1 << 20
    """What a peer may send on one stream before the handler's side has taken it; holds most journals whole."""
    connection_window: int = 16 << 20
    """The same over all streams: the most that one read burst of a connection can bring."""
    max_frame_size: int = 1 << 16
    """SETTINGS_MAX_FRAME_SIZE. Four times the default spares three quarters of the per-frame work on large
    bodies; more would only make each connection hold longer partial frames."""
    max_header_list_size: int = 64 << 10
    """SETTINGS_MAX_HEADER_LIST_SIZE, counted decoded. One byte of a block can stand for 4 KiB of header
    (the "HPACK bomb", CVE-2016-6581). A request above it gets status 431."""
    max_header_block_size: int = 64 << 10
    """Encoded size of one block: it has to be buffered until END_HEADERS (CVE-2024-27316)."""
    max_continuations: int = 32
    """CONTINUATION frames per block. Without it empty ones could be sent for ever (CVE-2024-27316, CVE-2019-9518)."""
    header_cache_entries: int = 256
    """Decoded blocks and literals kept per connection. They hold what the peer chose, so they are bounded."""
    closed_streams_remembered: int = 2000
    """Streams whose end is remembered to tell late frames (harmless) from wrong ones; twice the concurrent
    ones, as all of them may be cancelled at once and their last DATA is still under way."""
    send_high_water: int = 64 << 10
    """``Stream.buffered`` above this arms ``RequestHandler.writable``."""
    send_low_water: int = 16 << 10
    """``RequestHandler.writable`` is called when the buffer has drained to this."""
    max_output_backlog: int = 256 << 10
    """Bytes handed out while the transport's buffer is full. DATA waits then, so they are answers (ACKs, RST_STREAM,
    header blocks) that a peer asks for and never reads (CVE-2019-9512, 9514, 9515)."""
    max_unsent: int = 64 << 20
    """Response bytes that wait for a connection's peer. Above it new streams are refused (REFUSED_STREAM, so that a
    client may try again): a peer that opens streams and grants no window would otherwise fill the memory."""
    resets: Rate = Rate(2000, 30.0)
    """Streams the peer opened and cancelled, or made us reset: "rapid reset" CVE-2023-44487 and "made you
    reset" CVE-2025-8671. A server that shuts down may cancel every stream of the connection at once."""
    pings: Rate = Rate(1000, 10.0)
    """Each PING costs an answer (CVE-2019-9512). Bandwidth probing sends tens per second at most."""
    settings: Rate = Rate(100, 10.0)
    """Each SETTINGS costs an answer and walks all open streams (CVE-2019-9515)."""
    empty_data: Rate = Rate(1000, 10.0)
    """DATA without a byte and without END_STREAM moves nothing and escapes flow control (CVE-2019-9518)."""
    ignored_frames: Rate = Rate(5000, 10.0)
    """PRIORITY, unknown types, RST_STREAM again and again: without effect, yet they are parsed (CVE-2019-9513). DATA
    that crosses with the end of its stream is not among them: the stream's window bounds it."""
    window_updates: Rate = Rate(10_000, 10.0)
    """WINDOW_UPDATEs beyond this are a flood unless at least as many bytes were sent meanwhile."""
    clock: Callable[[], float] = time.monotonic
    """Seconds; only differences matter."""

    def __post_init__(self) -> None:
        if not 1 << 14 <= self.max_frame_size < 1 << 24:
            raise ValueError(
                f"max_frame_size must be from 16384 to 16777215 (RFC 9113 section 6.5.2), not {self.max_frame_size}"
            )
        if not DEFAULT_WINDOW <= self.connection_window <= MAX_WINDOW:
            raise ValueError(
                f"connection_window must be from {DEFAULT_WINDOW} to {MAX_WINDOW}, not {self.connection_window}"
            )
        if not 0 < self.stream_window <= MAX_WINDOW:
            raise ValueError(f"stream_window must be from 1 to {MAX_WINDOW}, not {self.stream_window}")
