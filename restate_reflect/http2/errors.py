"""Error codes of RFC 9113 section 7, and how a frame is refused inside this layer."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ConnectionFault", "ErrorCode", "StreamFault"]


class ErrorCode(IntEnum):
    """Why a stream or a connection ended (RFC 9113 section 7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class ConnectionFault(Exception):
    """The peer broke a rule that ends the connection; answered with GOAWAY (RFC 9113 section 5.4.1).

    Never leaves ``Connection.receive``.
    """

    def __init__(self, code: ErrorCode, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class StreamFault(Exception):
    """The peer broke a rule that ends one stream; answered with RST_STREAM (RFC 9113 section 5.4.2).

    Never leaves ``Connection.receive``.
    """

    def __init__(self, stream_id: int, code: ErrorCode, why: str) -> None:
        super().__init__(why)
        self.stream_id = stream_id
        self.code = code
        self.why = why
