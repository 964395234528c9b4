"""Bytes <-> messages: an 8 byte header (type, flags, length; big endian) and a payload."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from restate_reflect.errors import ProtocolViolationError

__all__ = ["MAX_MESSAGE_BYTES", "REQUESTED_ACK", "FrameDecoder", "RawMessage", "encode_frame"]

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""Longest message accepted. restate-server's own default limit is 32 MiB
(``worker.invoker.message-size-limit``); a peer that announces more is broken or hostile."""

REQUESTED_ACK: Final = 0x8000
"""Flag of ``ProposeRunCompletionMessage``: answer with an ack (V7)."""

_HEADER = struct.Struct(">HHI")
_pack_header = _HEADER.pack
_unpack_header = _HEADER.unpack_from


class RawMessage(NamedTuple):
    """A frame whose payload was not looked at yet."""

    type: int
    payload: bytes


def encode_frame(message_type: int, payload: bytes, flags: int = 0) -> bytes:
    """One frame."""
    return _pack_header(message_type, flags, len(payload)) + payload


class FrameDecoder:
    """Cuts a byte stream into messages, however it was chunked."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[RawMessage]:
        """Yields every message that ``data`` completes.

        Raises:
            ProtocolViolationError: A header announces more than the limit.
        """
        buffer: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            buffer = self._buffer
        position = 0
        end = len(buffer)
        while end - position >= 8:
            message_type, _flags, length = _unpack_header(buffer, position)
            if length > self._limit:
                raise ProtocolViolationError(
                    f"a message of {length} bytes (type {message_type:#06x}) exceeds the limit of {self._limit} bytes"
                )
            following = position + 8 + length
            if following > end:
                break
            yield RawMessage(message_type, bytes(buffer[position + 8 : following]))
            position = following
        self._keep(buffer, position, end)

    def _keep(self, buffer: bytes | bytearray, position: int, end: int) -> None:
        if buffer is self._buffer:
            del self._buffer[:position]
        elif position < end:
            self._buffer += buffer[position:]

    @property
    def is_empty(self) -> bool:
        """Whether the stream stands at a message boundary."""
        return not self._buffer
