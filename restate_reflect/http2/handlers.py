"""Who hears about a request."""

from __future__ import annotations

from typing import Final, Protocol

__all__ = ["NOBODY", "RequestHandler"]


class RequestHandler(Protocol):
    """What the layer above does with one request.

    An exception from one of these is logged and resets the stream with INTERNAL_ERROR.
    """

    def data_received(self, data: bytes) -> None:
        """Body bytes: one DATA frame's worth, never empty."""

    def eof_received(self) -> None:
        """The peer has ended the request. Not called for a stream that was reset."""

    def stream_closed(self, error: int | None) -> None:
        """Called exactly once, and last.

        ``None``: both sides ended it. Otherwise the error code it was reset with by either side; ``CANCEL`` when the
        connection was lost. It may come from within the ``end`` or ``reset`` that closes the stream.
        """

    def writable(self) -> None:
        """``Stream.buffered`` has fallen to ``Limits.send_low_water`` after being above ``send_high_water``."""


class _Nobody:
    """The handler of a stream that has none yet or no longer."""

    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> None: ...
    def stream_closed(self, error: int | None) -> None: ...
    def writable(self) -> None: ...


NOBODY: Final = _Nobody()
