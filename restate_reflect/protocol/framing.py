"""Bytes <-> messages: an 8 byte header (type, flags, length; big endian) and a payload."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from restate_reflect.errors import ProtocolViolationError

__all__ = [
    "MAX_MESSAGE_BYTES",
    "REQUESTED_ACK",
    "FrameDecoder",
    "RawMessage",
    "encode_frame",
    "header",
    "is_command",
    "is_notification",
]

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""Longest message accepted. restate-server's own default limit is 32 MiB
(``worker.invoker.message-size-limit``); a peer that announces more is broken or hostile."""

REQUESTED_ACK: Final = 0x8000
"""Flag of ``ProposeRunCompletionMessage``: answer with an ack (V7)."""

_HEADER: Final = struct.Struct(">HHI")
_read_header: Final = _HEADER.unpack_from

header: Final = _HEADER.pack
"""The header of a payload: its type, flags and bytes. Raises ``struct.error`` from 2^32 bytes on."""


class RawMessage(NamedTuple):
    """A frame whose payload was not looked at yet."""

    type: int
    payload: bytes


def is_command(message_type: int) -> bool:
    """Whether a frame of this type is a journal command."""
    return 0x0400 <= message_type < 0x8000


def is_notification(message_type: int) -> bool:
    """Whether a frame of this type is a completion or a signal."""
    return 0x8000 <= message_type < 0xFC00


def encode_frame(message_type: int, payload: bytes, flags: int = 0) -> bytes:
    """One frame."""
    return header(message_type, flags, len(payload)) + payload


class FrameDecoder:
    """Cuts a byte stream into messages, however it was chunked."""

    __slots__ = ("_kept", "_limit", "_wanted", "violation")

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        self._limit = limit
        self._kept: bytearray | None = None
        """The beginning of a message whose end has not arrived."""
        self._wanted = 0
        self.violation: ProtocolViolationError | None = None
        """A header announced more than the limit; what follows it can't be cut any more."""

    def cut(self, data: bytes) -> list[tuple[int, bytes]]:
        """Type and payload of every message that ``data`` completes.

        The engine's way: half of what ``feed`` costs. Whoever has taken the messages looks at ``violation``.
        """
        if self._kept:
            data = self._joined(data)
        messages: list[tuple[int, bytes]] = []
        position, end = 0, len(data)
        while end - position >= 8:
            message_type, _flags, length = _read_header(data, position)
            if length > self._limit:
                self._refuse(message_type, length)
                return messages
            start = position + 8
            if start + length > end:
                break
            position = start + length
            messages.append((message_type, data[start:position]))
        if position < end:
            self._keep(data, position)
        return messages

    def _refuse(self, message_type: int, length: int) -> None:
        self.violation = ProtocolViolationError(
            f"a message of {length} bytes (type {message_type:#06x}) exceeds the limit of {self._limit} bytes"
        )

    def feed(self, data: bytes) -> Iterator[RawMessage]:
        """Yields every message that ``data`` completes.

        Raises:
            ProtocolViolationError: A header announces more than the limit; after the messages before it.
        """
        for message in self.cut(data):
            yield RawMessage(*message)
        if self.violation is not None:
            raise self.violation

    def _joined(self, data: bytes) -> bytes:
        """What was kept and what has come, once that is a whole message; nothing before."""
        assert self._kept is not None
        self._kept += data
        if len(self._kept) < self._wanted:
            return b""
        joined = bytes(self._kept)
        self._kept = None
        return joined

    def _keep(self, data: bytes, position: int) -> None:
        """Keeps a message's beginning, and knows how long it will be: large messages are not looked at per chunk."""
        self._kept = bytearray(memoryview(data)[position:])
        self._wanted = 8 + _read_header(data, position)[2] if len(self._kept) >= 8 else 8

    @property
    def is_empty(self) -> bool:
        """Whether the stream stands at a message boundary."""
        return not self._kept
