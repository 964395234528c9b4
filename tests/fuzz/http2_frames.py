"""HTTP/2 frames, raw or well-formed one by one.

Invariants: nothing raises; only whole frames come out; a handler hears of its end exactly once; what is held of the
peer's bytes stays below one frame; the count of unsent bytes is right.
"""

from __future__ import annotations

import hpack

from restate_reflect.http2 import Limits
from tests.fuzz.logs import check_silent
from tests.fuzz.source import Source, cut
from tests.http2.peer import GET, POST, PREFACE, Recorder, Server, SettingsFrame

__all__ = ["SEEDS", "check"]

LIMITS = Limits(
    clock=lambda: 0.0,
    stream_window=100,
    closed_streams_remembered=3,
    send_high_water=100,
    send_low_water=30,
    max_unsent=1000,
    max_concurrent_streams=4,
)
OPENING = PREFACE + SettingsFrame(0, settings={4: 60}).serialize()
STREAMS = (1, 3, 5, 7, 0, 2, 9, 99, 2**31 - 1)
_encoder = hpack.Encoder()
BLOCKS = [
    b"".join(_encoder.add((name.encode(), value.encode()), sensitive=True) for name, value in headers)
    for headers in (GET, POST, [*POST, ("content-length", "80")], [*GET, ("Upper", "y")], [*GET, ("x", "y" * 300)])
] + [b"\x82\x86\x84\x40\x01a\x01b", b"\x3f\xe1\x1f\x82\x86\x84", b"\x20\x82\x86\x84", b"\xbe", b""]


def check(data: bytes) -> None:
    """The first byte: bit 0 raw bytes or frames, bit 1 with the opening, the rest the size of the pieces."""
    source = Source(data)
    head = source.byte()
    wire = source.rest() if head & 1 else b"".join(_frames(source))
    server = Server(_react, LIMITS)
    _drive(server, cut((OPENING if head & 2 else b"") + wire, head >> 2))
    server.connection.connection_lost()
    assert all(len(handler.closed) == 1 for handler in server.handlers)
    assert server.connection._core.unsent == 0
    check_silent()


def _drive(server: Server, chunks: list[bytes]) -> None:
    core, output = server.connection._core, b""
    for chunk in chunks:
        server.connection.receive(chunk)
        output += server.connection.take_output()
        assert len(server.connection._partial) < 9 + LIMITS.max_frame_size
        assert core.unsent == sum(stream.buffered for stream in core.streams.values())
        assert core.send_window >= 0
    _check_whole(output)


def _check_whole(output: bytes) -> None:
    at = 0
    while at < len(output):
        size = int.from_bytes(output[at : at + 3], "big")
        assert size <= 16_384
        assert output[at + 3] in (0, 1, 3, 4, 6, 7, 8, 9)
        at += 9 + size
    assert at == len(output), "half a frame was written"


def _react(handler: Recorder, event: str) -> None:
    """A handler that does a little of everything."""
    stream = handler.stream
    if event == "data" and stream.head_sent:
        stream.send(handler.body)
    elif event == "data":
        stream.respond(200)
        stream.pause()
    elif event == "writable":
        stream.resume()
    elif event == "eof":
        if not stream.head_sent:
            stream.respond(200)
        stream.send_and_end(b"z" * 150)


def _frames(source: Source) -> list[bytes]:
    frames: list[bytes] = []
    while source and len(frames) < 200:
        kind, flags, stream_id = source.pick(range(12)), source.byte(), source.pick(STREAMS)
        payload = source.pick(BLOCKS) if kind in (1, 9) and flags & 0x80 else source.take(source.byte() % 48)
        frames.append(_frame(kind, flags & 0x7F, stream_id, payload))
    return frames


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream_id.to_bytes(4, "big") + payload


SEEDS = [
    b"\x01" + OPENING + _frame(1, 5, 1, BLOCKS[0]),
    b"\x03" + _frame(1, 4, 1, BLOCKS[1]) + _frame(0, 1, 1, b"body") + _frame(8, 0, 1, b"\0\0\0\x09"),
    b"\x03" + _frame(1, 0, 1, BLOCKS[1][:2]) + _frame(9, 4, 1, BLOCKS[1][2:]) + _frame(3, 0, 1, b"\0\0\0\x08"),
    b"\x0b" + _frame(1, 5, 1, BLOCKS[0]) + _frame(4, 0, 0, b"\0\4\0\0\1\0") + _frame(6, 0, 0, bytes(8)),
    b"\x02" + bytes([1, 0x84, 0, 1, 0, 0, 0, 5]) + b"abcde" + bytes([0, 1, 0, 2]) + b"fg",
    b"\x06" + bytes([1, 0x85, 0, 0, 1, 0x84, 1, 1, 3, 0, 1, 4, 0, 0, 0, 8, 7, 0, 4, 8]) + bytes(8),
]
