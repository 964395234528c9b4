"""Frame headers, for whatever is written often."""

from __future__ import annotations

from typing import Final

from .frames import pack_header

__all__ = ["frame_header"]

_IS_COMPILED: Final = not __file__.endswith((".py", ".pyc"))


def frame_header(kind: int, size: int, flags: int, stream_id: int) -> bytes:
    """The first nine octets of a frame (RFC 9113 section 4.1)."""
    if not _IS_COMPILED:
        return pack_header(size << 8 | kind, flags, stream_id)
    # In C an array: a tenth of the instructions.
    octets = [0, 0, 0, 0, 0, 0, 0, 0, 0]
    octets[0] = size >> 16
    octets[1] = size >> 8 & 0xFF
    octets[2] = size & 0xFF
    octets[3] = kind
    octets[4] = flags
    octets[5] = stream_id >> 24
    octets[6] = stream_id >> 16 & 0xFF
    octets[7] = stream_id >> 8 & 0xFF
    octets[8] = stream_id & 0xFF
    return octets[:9]  # type: ignore[return-value]  # in C a piece of an array is bytes
