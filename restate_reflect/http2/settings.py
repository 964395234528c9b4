"""What the two sides announce (RFC 9113 section 6.5)."""

from __future__ import annotations

from typing import Final

from . import frames, windows
from .errors import ConnectionFault, ErrorCode
from .limits import Limits

__all__ = ["PeerSettings", "opening"]

ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6

_MIN_FRAME_SIZE: Final = 1 << 14
_MAX_FRAME_SIZE: Final = (1 << 24) - 1


def opening(limits: Limits) -> bytes:
    """The server's preface: SETTINGS, and the connection window beyond the 65,535 bytes it starts with.

    SETTINGS_HEADER_TABLE_SIZE stays at the protocol's default, so header blocks mean the same before
    and after the peer has seen this.
    """
    announced = [
        (MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams),
        (INITIAL_WINDOW_SIZE, limits.stream_window),
        (MAX_FRAME_SIZE, limits.max_frame_size),
        (MAX_HEADER_LIST_SIZE, limits.max_header_list_size),
    ]
    extra = limits.connection_window - windows.DEFAULT_WINDOW
    return frames.settings_frame(announced) + (frames.window_update(0, extra) if extra > 0 else b"")


class PeerSettings:
    """The client's settings that a server obeys; the others are checked and forgotten.

    SETTINGS_HEADER_TABLE_SIZE needs no obedience: responses never use the dynamic table.
    SETTINGS_MAX_HEADER_LIST_SIZE is advisory.
    """

    def __init__(self) -> None:
        self.initial_window = windows.DEFAULT_WINDOW
        self.max_frame_size = _MIN_FRAME_SIZE

    def apply(self, identifier: int, value: int) -> None:
        """Take over one setting; unknown ones are ignored (section 6.5.2)."""
        if identifier == INITIAL_WINDOW_SIZE:
            _require(value <= windows.MAX_WINDOW, ErrorCode.FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE", value)
            self.initial_window = value
        elif identifier == MAX_FRAME_SIZE:
            in_range = _MIN_FRAME_SIZE <= value <= _MAX_FRAME_SIZE
            _require(in_range, ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE", value)
            self.max_frame_size = value
        elif identifier == ENABLE_PUSH:
            _require(value <= 1, ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH", value)


def _require(valid: bool, code: ErrorCode, name: str, value: int) -> None:
    if not valid:
        raise ConnectionFault(code, f"SETTINGS_{name} of {value} is out of range")
