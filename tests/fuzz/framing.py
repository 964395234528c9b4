"""The service protocol's framing.

Invariants: however the bytes are cut, the same messages come out; nothing longer than the limit is held; encoding
the messages again gives the bytes they came from.
"""

from __future__ import annotations

from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol.framing import FrameDecoder, RawMessage, encode_frame
from tests.fuzz.source import Source, cut

__all__ = ["SEEDS", "check"]

LIMIT = 300


def check(data: bytes) -> None:
    """The first byte is the size of the pieces."""
    source = Source(data)
    size, wire = source.byte(), source.rest()
    whole = _decoded([wire])
    assert _decoded(cut(wire, size)) == whole
    if not whole[1]:
        encoded = b"".join(encode_frame(message.type, message.payload) for message in whole[0])
        assert len(wire) - LIMIT - 8 < len(encoded) <= len(wire)


def _decoded(chunks: list[bytes]) -> tuple[list[RawMessage], bool]:
    """Messages, and whether a header was refused."""
    decoder = FrameDecoder(LIMIT)
    messages: list[RawMessage] = []
    for chunk in chunks:
        try:
            messages += decoder.feed(chunk)
        except ProtocolViolationError:
            return messages, True
        assert len(decoder._kept or b"") < LIMIT + 8
    return messages, False


SEEDS = [
    b"\x00" + encode_frame(0, b"start") + encode_frame(0x0400, b""),
    b"\x01" + encode_frame(0xFBFF, b"x" * 100) + b"\x00\x03",
    b"\x07" + encode_frame(3, b"", 0x8000) + encode_frame(1, b"x" * 301),
]
