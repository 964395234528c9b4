"""Invariants over arbitrary input."""

from __future__ import annotations

import re
import struct
from itertools import pairwise

import hpack
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from restate_reflect.http2 import Limits
from restate_reflect.http2.frames import frame_header
from tests.http2.peer import GET, POST, PREFACE, Pair, Recorder, Server, echo, read_frames

LIMITS = Limits(
    clock=lambda: 0.0, stream_window=100, closed_streams_remembered=3, send_high_water=100, send_low_water=30
)

OPENING = PREFACE + SettingsFrame(0, settings={4: 60}).serialize()
TABLE_FREE = hpack.Encoder()
REQUESTS = [
    b"".join(TABLE_FREE.add((name.encode(), value.encode()), sensitive=True) for name, value in headers)
    for headers in (GET, POST, [*POST, ("content-length", "80")], [*GET, ("Upper", "y")], [*GET, ("x", "y" * 300)])
] + [b"\x82\x86\x84\x40\x01a\x01b"]
DATE = re.compile(rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
TRAILERS = b"\x00\x01t\x011"
ENDING = st.sampled_from([[], [], ["END_STREAM"]])


@given(st.integers(0, 255), st.integers(0, 2**24 - 1), st.integers(0, 255), st.integers(0, 2**31 - 1))
def test_a_frame_header_is_what_struct_packs(kind: int, size: int, flags: int, stream_id: int) -> None:
    """Compiled, it is written octet by octet; ids and sizes as large as these come up in no other test."""
    assert frame_header(kind, size, flags, stream_id) == struct.pack(">LBL", size << 8 | kind, flags, stream_id)


def raw_frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return struct.pack(">LBL", len(payload) << 8 | kind, flags, stream_id) + payload


ODD_FRAMES = st.builds(
    raw_frame, st.integers(0, 12), st.integers(0, 255), st.sampled_from([0, 1, 2, 3, 5, 99]), st.binary(max_size=40)
)


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """What a mostly sensible client sends: streams are opened in order and used while they may be open."""
    opened: list[int] = []
    frames: list[bytes] = []
    for _ in range(draw(st.integers(0, 30))):
        if draw(st.integers(0, 40)) == 40:
            frames.append(draw(ODD_FRAMES))
        elif not opened or draw(st.integers(0, 3)) == 0:
            opened.append(2 * len(opened) + 1)
            frames.append(draw(opening(opened[-1])))
        else:
            frames.append(draw(later(draw(st.sampled_from(opened[-3:])))))
    return frames


def opening(stream_id: int) -> st.SearchStrategy[bytes]:
    """HEADERS, whole or with one CONTINUATION."""

    def frames(block: bytes, ending: list[str], at: int) -> bytes:
        if not at:
            return HeadersFrame(stream_id, block, flags=["END_HEADERS", *ending]).serialize()
        rest = ContinuationFrame(stream_id, block[at:], flags=["END_HEADERS"])
        return HeadersFrame(stream_id, block[:at], flags=ending).serialize() + rest.serialize()

    return st.builds(frames, st.sampled_from(REQUESTS), ENDING, st.integers(0, 3))


def later(stream_id: int) -> st.SearchStrategy[bytes]:
    """A frame for a stream that may still be open, or for the connection."""
    data = st.builds(lambda body, ending: DataFrame(stream_id, body, flags=ending), st.binary(max_size=80), ENDING)
    frames: list[st.SearchStrategy[Frame]] = [
        data,
        data,
        st.builds(lambda n: WindowUpdateFrame(stream_id, window_increment=n), st.integers(1, 200)),
        st.builds(lambda n: WindowUpdateFrame(0, window_increment=n), st.integers(1, 200)),
        st.just(RstStreamFrame(stream_id, error_code=8)),
        st.builds(lambda n: SettingsFrame(0, settings={4: n}), st.integers(0, 300)),
        st.just(PingFrame(0, b"12345678")),
        st.just(PriorityFrame(stream_id, depends_on=0)),
        st.just(HeadersFrame(stream_id, TRAILERS, flags=["END_HEADERS", "END_STREAM"])),
    ]
    return st.one_of(frames).map(lambda frame: frame.serialize())


def converse(handler: Recorder, event: str) -> None:
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


def outcome(chunks: list[bytes]) -> tuple[bytes, list[list[tuple[str, object]]], bool]:
    """Output (without the second it was made in), events of each handler, and whether the connection is over."""
    server = Server(converse, LIMITS)
    output = b""
    for chunk in chunks:
        server.connection.receive(chunk)
        output += server.connection.take_output()
    return DATE.sub(b"DATE", output), [handler.events for handler in server.handlers], server.connection.should_close


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:stop] for start, stop in pairwise(bounds)]


@settings(deadline=None)
@given(conversations(), st.lists(st.integers(0, 10_000), max_size=12))
def test_chunking_does_not_matter(frames: list[bytes], places: list[int]) -> None:
    """However the input is cut, whole, at random places or byte by byte: same output, same events."""
    data = OPENING + b"".join(frames)
    whole = outcome([data])
    assert outcome(cut(data, places)) == whole
    assert outcome([data[at : at + 1] for at in range(len(data))]) == whole


@settings(deadline=None)
@given(conversations())
def test_bookkeeping_holds(frames: list[bytes]) -> None:
    """Whole frames out, windows respected, one ``stream_closed`` per stream that is over."""
    server = Server(converse, LIMITS)
    output, core = b"", server.connection._core
    for number, chunk in enumerate([OPENING, *frames]):
        (server.connection.pause_writing if number % 5 == 3 else server.connection.resume_writing)()
        server.connection.receive(chunk)
        output += server.connection.take_output()
        assert set(core.waiting) <= set(core.streams)
        assert all(stream.buffered and stream.send_window > 0 for stream in core.waiting.values())
        assert core.send_window >= 0
        assert server.connection.open_streams == sum(not handler.closed for handler in server.handlers)
        for stream in core.streams.values():
            assert not stream.buffered or stream.send_window <= 0 or core.writing_paused
    sent = [frame for frame in read_frames(output) if isinstance(frame, DataFrame)]
    assert sum(len(frame.data) for frame in sent) == core.granted_by_peer - core.send_window
    server.connection.connection_lost()
    assert all(len(handler.closed) == 1 for handler in server.handlers)
    assert not core.streams
    assert not core.waiting


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=10), st.booleans())
def test_arbitrary_bytes(chunks: list[bytes], after_preface: bool) -> None:
    """Nothing a peer sends raises; what is held of it stays below one frame."""
    server = Server(converse, LIMITS)
    if after_preface:
        server.connection.receive(OPENING)
    for chunk in chunks:
        server.connection.receive(chunk)
        read_frames(server.connection.take_output())
        assert len(server.connection._partial) < 9 + LIMITS.max_frame_size


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 70), st.integers(1, 70), st.binary(min_size=1, max_size=400))
def test_bodies_pass_any_windows(up: int, down: int, body: bytes) -> None:
    """Whatever the two windows are, a body comes back whole."""
    pair = Pair(echo, Limits(stream_window=up))
    pair.client.update_settings({4: down})
    pair.shuttle()
    stream_id = pair.request(body=body)
    assert pair.body(stream_id) == body
    assert pair.ended(stream_id)
