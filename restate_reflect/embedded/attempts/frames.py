"""Frames with their flags; the reader for the side that gets asked for acks."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol.framing import MAX_MESSAGE_BYTES

__all__ = ["Frame", "FrameReader"]

_unpack: Final = struct.Struct(">HHI").unpack_from


class Frame(NamedTuple):
    """One message."""

    type: int
    flags: int
    payload: bytes


class FrameReader:
    """Cuts a byte stream into frames, however it was chunked."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Every frame that ``data`` completes.

        Raises:
            ProtocolViolationError: A frame is longer than 64 MiB.
        """
        buffer = self._buffer + data if self._buffer else data
        frames: list[Frame] = []
        position, end = 0, len(buffer)
        while end - position >= 8:
            message_type, flags, length = _unpack(buffer, position)
            if length > MAX_MESSAGE_BYTES:
                raise ProtocolViolationError(f"a message of {length} bytes (type {message_type:#06x})")
            following = position + 8 + length
            if following > end:
                break
            frames.append(Frame(message_type, flags, buffer[position + 8 : following]))
            position = following
        self._buffer = buffer[position:]
        return frames
