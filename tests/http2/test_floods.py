"""What a hostile client may cost: each flood ends with ENHANCE_YOUR_CALM, at its limit and not before."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest
from hyperframe.frame import Frame, PingFrame, PriorityFrame, SettingsFrame

from restate_reflect.http2 import Limits, Rate
from tests.http2.peer import (
    GET,
    POST,
    ContinuationFrame,
    DataFrame,
    FrameClient,
    HeadersFrame,
    RstStreamFrame,
    WindowUpdateFrame,
    echo,
    errors,
)

CALM = ("GOAWAY", 0xB)
TEN = Rate(10, 1.0)


class Clock:
    """Time that passes when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def limits(clock: Clock, **rates: Rate) -> Limits:
    return Limits(clock=clock, **rates)  # type: ignore[arg-type]


def streams(client: FrameClient, last: Callable[[int], list[Frame]]) -> Iterator[list[Frame]]:
    number = 1
    while True:
        yield [HeadersFrame(number, client.block(POST), flags=["END_HEADERS"]), *last(number)]
        number += 2


def rapid_reset(client: FrameClient) -> Iterator[list[Frame]]:
    return streams(client, lambda number: [RstStreamFrame(number, error_code=8)])


def made_you_reset(client: FrameClient) -> Iterator[list[Frame]]:
    return streams(client, lambda number: [WindowUpdateFrame(number, window_increment=2**31 - 1)])


def malformed(client: FrameClient) -> Iterator[list[Frame]]:
    number = 1
    while True:
        yield [HeadersFrame(number, client.block([("a", "b")]), flags=["END_HEADERS", "END_STREAM"])]
        number += 2


def repeated(frame: Frame) -> Callable[[FrameClient], Iterator[list[Frame]]]:
    def run(client: FrameClient) -> Iterator[list[Frame]]:
        client.headers(1)
        while True:
            yield [frame]

    return run


FLOODS: dict[str, tuple[str, Callable[[FrameClient], Iterator[list[Frame]]]]] = {
    "rapid reset (CVE-2023-44487)": ("resets", rapid_reset),
    "made you reset (CVE-2025-8671)": ("resets", made_you_reset),
    "malformed requests": ("resets", malformed),
    "PING": ("pings", repeated(PingFrame(0, b"12345678"))),
    "SETTINGS": ("settings", repeated(SettingsFrame(0, settings={4: 70_000}))),
    "SETTINGS ACK": ("settings", repeated(SettingsFrame(0, flags=["ACK"]))),
    "empty DATA": ("empty_data", repeated(DataFrame(1, b""))),
    "DATA of nothing but padding": ("empty_data", repeated(DataFrame(1, b"", flags=["PADDED"], pad_length=9))),
    "PRIORITY": ("ignored_frames", repeated(PriorityFrame(9, depends_on=3))),
    "WINDOW_UPDATE": ("window_updates", repeated(WindowUpdateFrame(1, window_increment=1))),
    "WINDOW_UPDATE of the connection": ("window_updates", repeated(WindowUpdateFrame(0, window_increment=1))),
}


@pytest.mark.parametrize("name", FLOODS)
def test_flood(name: str) -> None:
    """Ten within a second are allowed, the eleventh ends the connection."""
    limit, flood = FLOODS[name]
    client = FrameClient(limits=limits(Clock(), **{limit: TEN}))
    frames = flood(client)
    for _ in range(9 if limit == "settings" else 10):  # the client's preface had one SETTINGS
        client.send(*next(frames))
    assert not client.connection.should_close
    client.send(*next(frames))
    assert errors(client.received())[-1] == CALM
    assert client.connection.should_close


@pytest.mark.parametrize("name", FLOODS)
def test_steady_rate_is_no_flood(name: str) -> None:
    """Ten per second go on for ever."""
    limit, flood = FLOODS[name]
    clock = Clock()
    client = FrameClient(limits=limits(clock, **{limit: TEN}))
    frames = flood(client)
    for _ in range(20):
        clock.now += 1.01
        for _ in range(9):
            client.send(*next(frames))
        client.received()
    assert not client.connection.should_close


def test_window_updates_that_carry_a_response() -> None:
    """A client that grants byte by byte is slow, not hostile."""
    client = FrameClient(echo, limits(Clock(), window_updates=TEN), settings={4: 0})
    client.headers(1)
    client.send(DataFrame(1, b"x" * 100, flags=["END_STREAM"]))
    for _ in range(100):
        client.send(WindowUpdateFrame(1, window_increment=1))
    assert errors(client.received()) == []
    assert client.handlers[0].closed == [None]


def test_flood_after_a_slow_response() -> None:
    """Bytes sent earlier do not pay for WINDOW_UPDATEs that come later."""
    client = FrameClient(limits=limits(Clock(), window_updates=TEN), settings={4: 1000})
    client.get(1)
    stream = client.handlers[0].stream
    stream.respond(200)
    stream.send(b"x" * 500)
    for _ in range(11):
        client.send(WindowUpdateFrame(1, window_increment=1))
    assert errors(client.received()) == []
    for _ in range(11):
        client.send(WindowUpdateFrame(1, window_increment=1))
    assert errors(client.received()) == [CALM]


def test_many_resets_at_once_are_allowed_by_default() -> None:
    """A server that goes down may cancel every stream it has open."""
    client = FrameClient()
    count = Limits().max_concurrent_streams
    for number in range(count):
        client.headers(2 * number + 1)
    for number in range(count):
        client.send(RstStreamFrame(2 * number + 1, error_code=8))
    assert errors(client.received()) == []


def test_continuations_are_counted() -> None:
    """A block of endless empty CONTINUATIONs ends (CVE-2024-27316)."""
    client = FrameClient(limits=Limits(max_continuations=5))
    client.headers(1, flags=())
    for _ in range(5):
        client.send(ContinuationFrame(1, b""))
    assert not client.connection.should_close
    client.send(ContinuationFrame(1, b""))
    assert errors(client.received()) == [CALM]


@pytest.mark.parametrize("pieces", [1, 4])
def test_block_size_is_limited(pieces: int) -> None:
    """A block beyond the limit ends the connection, in one frame or in several, before it is decoded."""
    client = FrameClient(limits=Limits(max_header_block_size=40_000))
    piece = b"\x82" * (40_000 // pieces + 1)
    flags = ["END_HEADERS"] if pieces == 1 else []
    client.send(HeadersFrame(1, piece, flags=flags), *[ContinuationFrame(1, piece) for _ in range(pieces - 1)])
    assert errors(client.received()) == [CALM]


def bomb(client: FrameClient, count: int) -> bytes:
    """A block of ``count`` bytes that each stand for 4,000 bytes of header."""
    client.get(1, [*GET, ("x-bomb", "b" * 4000)])
    client.received()
    return client.block(GET) + b"\xbe" * count


@pytest.mark.parametrize("flags", [["END_HEADERS", "END_STREAM"], ["END_HEADERS"]])
def test_header_bomb_gets_431(flags: list[str]) -> None:
    """A decoded list beyond the limit is answered with 431, never seen above, and the connection goes on."""
    client = FrameClient()
    block = bomb(client, 60_000)
    client.send(HeadersFrame(3, block, flags=flags))
    frames = client.received()
    assert isinstance(frames[0], HeadersFrame)
    assert next(iter(client.decoder.decode(frames[0].data, raw=True))) == (b":status", b"431")
    assert "END_STREAM" in frames[0].flags
    assert errors(frames) == ([] if "END_STREAM" in flags else [("RST", 0)])
    assert len(client.handlers) == 1
    client.get(5, [*GET, ("x-bomb", "b" * 4000)])
    assert client.handlers[-1].stream.id == 5


def test_header_bombs_are_counted() -> None:
    """Bomb after bomb is a flood."""
    client = FrameClient(limits=limits(Clock(), resets=TEN))
    block = bomb(client, 1000)
    for number in range(3, 25, 2):
        client.send(HeadersFrame(number, block, flags=["END_HEADERS", "END_STREAM"]))
    assert errors(client.received()) == [CALM]


def test_trailer_bomb() -> None:
    """A trailer section beyond the limit resets its stream."""
    client = FrameClient()
    block = bomb(client, 1000)
    client.headers(3)
    client.send(HeadersFrame(3, block[len(client.block(GET)) :], flags=["END_HEADERS", "END_STREAM"]))
    assert errors(client.received()) == [("RST", 0xB)]


def test_settings_frame_full_of_changes() -> None:
    """10,000 window sizes in one SETTINGS frame count once, by their last value."""
    client = FrameClient()
    client.headers(1)
    payload = b"".join(struct.pack(">HL", 4, 100_000 + n) for n in range(10_000))
    client.raw(struct.pack(">LBL", len(payload) << 8 | 4, 0, 0) + payload)
    assert client.handlers[0].stream.send_window == 109_999


def test_answers_nobody_reads() -> None:
    """While the transport is full, answers to PINGs are limited (CVE-2019-9512)."""
    client = FrameClient(limits=Limits(max_output_backlog=1000))
    client.connection.pause_writing()
    for _ in range(58):
        client.send(PingFrame(0, b"12345678"))
        client.connection.take_output()
    assert not client.connection.should_close
    client.send(PingFrame(0, b"12345678"))
    assert errors(client.received()) == [CALM]


def test_backlog_starts_anew_when_the_transport_drains() -> None:
    """A client that reads slowly, but reads, is served."""
    client = FrameClient(limits=Limits(max_output_backlog=1000))
    for _ in range(10):
        client.connection.pause_writing()
        for _ in range(50):
            client.send(PingFrame(0, b"12345678"))
            client.connection.take_output()
        client.connection.resume_writing()
    assert not client.connection.should_close


def test_data_waits_while_writing_is_paused() -> None:
    """A full transport holds DATA back like a closed window, and hears of all of it later."""
    client = FrameClient(echo)
    client.connection.pause_writing()
    client.headers(1)
    client.send(DataFrame(1, b"x" * 30_000, flags=["END_STREAM"]))
    assert [type(frame) for frame in client.received()] == [HeadersFrame]
    assert client.handlers[0].stream.buffered == 30_000
    client.connection.resume_writing()
    frames = [frame for frame in client.received() if isinstance(frame, DataFrame)]
    assert sum(len(frame.data) for frame in frames) == 30_000
    assert "END_STREAM" in frames[-1].flags


def test_closed_streams_are_forgotten() -> None:
    """The memory of closed streams is bounded; a late frame for a forgotten one costs its sender a counted reset."""
    client = FrameClient(limits=Limits(closed_streams_remembered=3))
    for number in range(1, 11, 2):
        client.headers(number)
        client.handlers[-1].stream.reset()
    client.received()
    client.send(DataFrame(9, b"late"), DataFrame(1, b"later"))
    assert errors(client.received()) == [("RST", 5)]


def test_header_caches_are_bounded() -> None:
    """Ever new blocks and literals do not pile up."""
    client = FrameClient(echo, Limits(header_cache_entries=8))
    for number in range(100):
        value = b"%d" % number
        block = b"\x82\x86\x84\x00\x01a" + bytes([len(value)]) + value
        client.send(HeadersFrame(2 * number + 1, block, flags=["END_HEADERS", "END_STREAM"]))
        assert client.handlers[-1].head.headers == {"a": str(number)}
    reader = client.connection._reading.core.reader
    assert len(reader._requests) <= 8
    assert len(reader._decoder._literals) <= 8
