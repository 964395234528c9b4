"""Bytes of frames (RFC 9113 sections 4 and 6): the constants, writers, and the checks a payload needs by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final

from .errors import ConnectionFault, ErrorCode

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9

ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
HAS_PRIORITY: Final = 0x20

MAX_STREAM_ID: Final = 0x7FFFFFFF

# Length (24 bits) and type (8) share one 32-bit word; then flags, then the stream id with its reserved bit.
_HEADER = Struct(">LBL")
_U32 = Struct(">L")
_SETTING = Struct(">HL")
unpack_header = _HEADER.unpack_from
pack_header = _HEADER.pack
pack_u32 = _U32.pack
unpack_u32 = _U32.unpack_from

SETTINGS_ACK: Final = pack_header(SETTINGS, ACK, 0)


def frame_header(kind: int, size: int, flags: int, stream_id: int) -> bytes:
    """The first nine octets of a frame (section 4.1)."""
    return pack_header(size << 8 | kind, flags, stream_id)


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """One whole frame."""
    return pack_header(len(payload) << 8 | kind, flags, stream_id) + payload


def settings_frame(settings: Sequence[tuple[int, int]]) -> bytes:
    """SETTINGS with the pairs in the order given (section 6.5)."""
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*pair) for pair in settings))


def read_settings(data: bytes, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The (identifier, value) pairs of a SETTINGS payload, in order."""
    if (stop - start) % _SETTING.size:
        raise ConnectionFault(
            ErrorCode.FRAME_SIZE_ERROR, f"SETTINGS payload of {stop - start} bytes is not a multiple of 6"
        )
    return _SETTING.iter_unpack(data[start:stop])


def window_update(stream_id: int, increment: int) -> bytes:
    """WINDOW_UPDATE (section 6.9); stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, pack_u32(increment))


def ping(payload: bytes, flags: int = 0) -> bytes:
    """PING (section 6.7) with eight bytes of payload."""
    return frame(PING, flags, 0, payload)


def goaway(last_stream_id: int, code: int, debug: str = "") -> bytes:
    """GOAWAY (section 6.8); ``debug`` is for whoever reads the peer's log."""
    return frame(GOAWAY, 0, 0, pack_u32(last_stream_id) + pack_u32(code) + debug.encode())


def split_headers(stream_id: int, block: bytes, end_stream: bool, max_frame_size: int) -> bytes:
    """HEADERS and CONTINUATIONs of a block that does not fit one frame (section 6.10)."""
    pieces = [block[at : at + max_frame_size] for at in range(0, len(block), max_frame_size)]
    return b"".join(
        [
            frame(HEADERS, END_STREAM if end_stream else 0, stream_id, pieces[0]),
            *(frame(CONTINUATION, 0, stream_id, piece) for piece in pieces[1:-1]),
            frame(CONTINUATION, END_HEADERS, stream_id, pieces[-1]),
        ]
    )


def without_padding(data: bytes, start: int, stop: int) -> tuple[int, int]:
    """Bounds of what is left of a PADDED payload without the length byte and the padding (section 6.1)."""
    if start >= stop:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "padded frame without a pad length")
    padding = data[start]
    if padding >= stop - start:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"padding of {padding} bytes in a payload of {stop - start}")
    return start + 1, stop - padding


def require_size(name: str, expected: int, actual: int) -> None:
    """Fixed-size frames end the connection when they have another size (section 4.2)."""
    if actual != expected:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"{name} payload of {actual} bytes instead of {expected}")


def require_stream(name: str, stream_id: int) -> None:
    """Frames about a stream need one."""
    if not stream_id:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{name} on stream 0")


def require_connection(name: str, stream_id: int) -> None:
    """Frames about the connection carry stream 0."""
    if stream_id:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"{name} on stream {stream_id} instead of 0")
