"""The cases of ``h2spec`` (RFC 9113 sections 3 to 8, RFC 7541), over TCP, against an endpoint with work in progress.

Each case runs on a connection with an attempt in progress on stream 1, and beside another connection with one.
Whatever the case does, the latter completes; the former does unless the connection has to end.

Where the RFC lets a server choose, the table says what ours does: errors in frames that can't belong to any stream
end the connection, a late frame on a stream that was reset only that stream.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest
from hyperframe.frame import ContinuationFrame, DataFrame, HeadersFrame, PriorityFrame, RstStreamFrame

from tests.hostile.peer import INVOKE, TcpPeer, attempt, raw_frame, setting
from tests.hostile.program import wait_until
from tests.http2.peer import GET, POST, Headers

PROTOCOL, FLOW, CLOSED, SIZE, REFUSED, COMPRESSION = 1, 3, 5, 6, 7, 9

Case = Callable[[TcpPeer], None]
ONE = struct.pack(">L", 1)
MOST = struct.pack(">L", 2**31 - 1)


def raw(*frames: bytes) -> Case:
    return lambda peer: peer.raw(b"".join(frames))


def opened(*frames: bytes) -> Case:
    """Stream 3 has an attempt whose journal has not come; then the frames."""

    def run(peer: TcpPeer) -> None:
        peer.headers(3, INVOKE("wait"))
        peer.raw(b"".join(frames))

    return run


def half_closed(last: Case) -> Case:
    """The request on stream 3 has ended, its attempt executes a step."""

    def run(peer: TcpPeer) -> None:
        peer.invoke(3, "step", end=True)
        last(peer)

    return run


def reset(last: Case) -> Case:
    """The peer has reset stream 3."""

    def run(peer: TcpPeer) -> None:
        peer.headers(3, INVOKE("wait"))
        peer.send(RstStreamFrame(3, error_code=8))
        last(peer)

    return run


def completed(last: Case) -> Case:
    """Stream 3 was answered and is over."""

    def run(peer: TcpPeer) -> None:
        peer.check_serving(3)
        last(peer)

    return run


def then(first: Case, second: Case) -> Case:
    def run(peer: TcpPeer) -> None:
        first(peer)
        second(peer)

    return run


def request(*headers: tuple[str, str]) -> Case:
    return lambda peer: peer.headers(3, headers, end=True)


def trailers(*headers: tuple[str, str], end: bool = True) -> Case:
    return lambda peer: peer.headers(3, headers, end=end)


def within_block(*frames: bytes) -> Case:
    """Stream 3 opens with a header block that goes on; then the frames."""

    def run(peer: TcpPeer) -> None:
        peer.send(HeadersFrame(3, peer.block(POST)))
        peer.raw(b"".join(frames))

    return run


def continued(*frames: bytes) -> Case:
    """Stream 3 opens with a block of two frames; then the frames."""

    def run(peer: TcpPeer) -> None:
        block = peer.block(INVOKE("wait"))
        peer.send(HeadersFrame(3, block[:2]), ContinuationFrame(3, block[2:], flags=["END_HEADERS"]))
        peer.raw(b"".join(frames))

    return run


def other_headers(peer: TcpPeer) -> None:
    peer.send(HeadersFrame(5, peer.block(GET), flags=["END_HEADERS", "END_STREAM"]))


def lower_stream(peer: TcpPeer) -> None:
    peer.headers(5, INVOKE("wait"))
    peer.headers(3, INVOKE("wait"))


def depends_on_itself(peer: TcpPeer) -> None:
    peer.send(HeadersFrame(3, peer.block(GET), flags=["END_HEADERS", "END_STREAM", "PRIORITY"], depends_on=3))


def padded_beyond(kind: int, flags: int) -> bytes:
    return raw_frame(kind, flags | 8, 3, b"\x06\x82\x86")


def with_length(length: str, *bodies: bytes) -> Case:
    def run(peer: TcpPeer) -> None:
        peer.headers(3, [*INVOKE("wait"), ("content-length", length)])
        for body in bodies[:-1]:
            peer.send(DataFrame(3, body))
        peer.send(DataFrame(3, bodies[-1], flags=["END_STREAM"]))

    return run


def without(name: str) -> Headers:
    return tuple(field for field in GET if field[0] != name)


late_data = raw(raw_frame(0, 0, 3, b"x"))
late_continuation = raw(raw_frame(9, 4, 3, b"\x82"))


def late_headers(peer: TcpPeer) -> None:
    peer.headers(3, GET, end=True)


GOAWAY: dict[str, tuple[Case, int]] = {
    "4.2/2 DATA above SETTINGS_MAX_FRAME_SIZE": (opened(raw_frame(0, 0, 3, bytes(65_537))), SIZE),
    "4.2/3 HEADERS above SETTINGS_MAX_FRAME_SIZE": (raw(raw_frame(1, 5, 3, b"\x82" * 65_537)), SIZE),
    "4.3/1 block that makes no sense": (
        raw(raw_frame(1, 5, 3, b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50")),
        COMPRESSION,
    ),
    "4.3/2 PRIORITY within a block": (within_block(raw_frame(2, 0, 3, bytes(5))), PROTOCOL),
    "4.3/3 HEADERS within a block": (then(within_block(), other_headers), PROTOCOL),
    "5.1/1 idle: DATA": (raw(raw_frame(0, 1, 3, b"x")), PROTOCOL),
    "5.1/2 idle: RST_STREAM": (raw(raw_frame(3, 0, 3, ONE)), PROTOCOL),
    "5.1/3 idle: WINDOW_UPDATE": (raw(raw_frame(8, 0, 3, ONE)), PROTOCOL),
    "5.1/4 idle: CONTINUATION": (raw(raw_frame(9, 4, 3, b"\x82")), PROTOCOL),
    "5.1/7 half-closed: CONTINUATION": (half_closed(late_continuation), PROTOCOL),
    "5.1/10 closed by RST_STREAM: CONTINUATION": (reset(late_continuation), PROTOCOL),
    "5.1/11 closed: DATA": (completed(late_data), CLOSED),
    "5.1/12 closed: HEADERS": (completed(late_headers), CLOSED),
    "5.1/13 closed: CONTINUATION": (completed(late_continuation), PROTOCOL),
    "5.1.1/1 even stream": (lambda peer: peer.headers(2, GET, end=True), PROTOCOL),
    "5.1.1/2 lower stream": (lower_stream, PROTOCOL),
    "5.3.1/1 HEADERS depend on themselves": (depends_on_itself, PROTOCOL),
    "5.4.1/1 PING of another size": (raw(raw_frame(6, 0, 0, bytes(6))), SIZE),
    "5.5/2 unknown frame within a block": (within_block(raw_frame(0x16, 0, 0, bytes(8))), PROTOCOL),
    "6.1/1 DATA on stream 0": (raw(raw_frame(0, 1, 0, b"x")), PROTOCOL),
    "6.1/3 DATA with too much padding": (opened(padded_beyond(0, 1)), PROTOCOL),
    "6.2/3 HEADERS on stream 0": (raw(raw_frame(1, 5, 0, b"\x82")), PROTOCOL),
    "6.2/4 HEADERS with too much padding": (raw(padded_beyond(1, 5)), PROTOCOL),
    "6.3/1 PRIORITY on stream 0": (raw(raw_frame(2, 0, 0, bytes(5))), PROTOCOL),
    "6.4/1 RST_STREAM on stream 0": (raw(raw_frame(3, 0, 0, ONE)), PROTOCOL),
    "6.4/3 RST_STREAM of another size": (opened(raw_frame(3, 0, 3, bytes(3))), SIZE),
    "6.5/1 SETTINGS ACK with payload": (raw(raw_frame(4, 1, 0, bytes(6))), SIZE),
    "6.5/2 SETTINGS on a stream": (raw(raw_frame(4, 0, 1, bytes(6))), PROTOCOL),
    "6.5/3 SETTINGS of another size": (raw(raw_frame(4, 0, 0, bytes(3))), SIZE),
    "6.5.2/1 ENABLE_PUSH of 2": (raw(setting(2, 2)), PROTOCOL),
    "6.5.2/2 INITIAL_WINDOW_SIZE of 2^31": (raw(setting(4, 2**31)), FLOW),
    "6.5.2/3 MAX_FRAME_SIZE below 2^14": (raw(setting(5, 16_383)), PROTOCOL),
    "6.5.2/4 MAX_FRAME_SIZE above 2^24-1": (raw(setting(5, 2**24)), PROTOCOL),
    "6.7/3 PING on a stream": (raw(raw_frame(6, 0, 1, bytes(8))), PROTOCOL),
    "6.7/4 PING of another size": (raw(raw_frame(6, 0, 0, bytes(7))), SIZE),
    "6.8/1 GOAWAY on a stream": (raw(raw_frame(7, 0, 1, bytes(8))), PROTOCOL),
    "6.9/1 WINDOW_UPDATE of 0 for the connection": (raw(raw_frame(8, 0, 0, bytes(4))), PROTOCOL),
    "6.9/3 WINDOW_UPDATE of another size": (raw(raw_frame(8, 0, 0, bytes(3))), SIZE),
    "6.9.1/2 connection window above 2^31-1": (raw(raw_frame(8, 0, 0, MOST), raw_frame(8, 0, 0, MOST)), FLOW),
    "6.9.2/3 INITIAL_WINDOW_SIZE overflows a stream": (
        opened(raw_frame(8, 0, 3, struct.pack(">L", 2**31 - 1 - 65_535)), setting(4, 65_536)),
        FLOW,
    ),
    "6.10/2 CONTINUATION after END_HEADERS": (continued(raw_frame(9, 4, 3, b"\x82")), PROTOCOL),
    "6.10/3 CONTINUATION on stream 0": (within_block(raw_frame(9, 4, 0, b"\x82")), PROTOCOL),
    "6.10/4 CONTINUATION after whole HEADERS": (opened(raw_frame(9, 4, 3, b"\x82")), PROTOCOL),
    "6.10/6 CONTINUATION after DATA": (opened(raw_frame(0, 0, 3, b"x"), raw_frame(9, 4, 3, b"\x82")), PROTOCOL),
    "8.2/1 PUSH_PROMISE": (raw(raw_frame(5, 4, 1, struct.pack(">L", 2) + b"\x82")), PROTOCOL),
    "hpack 2.3.3/1 index beyond the table": (raw(raw_frame(1, 5, 3, b"\xff\x27")), COMPRESSION),
    "hpack 4.2/1 table size after a field": (raw(raw_frame(1, 5, 3, b"\x82\x3f\x01")), COMPRESSION),
    "hpack 5.2/1 Huffman padding beyond 7 bits": (
        raw(raw_frame(1, 5, 3, b"\x82\x86\x84\x41\x04www\xff\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")),
        COMPRESSION,
    ),
    "hpack 5.2/2 Huffman padding of zeros": (raw(raw_frame(1, 5, 3, b"\x00\x81\x00\x81\x1f")), COMPRESSION),
    "hpack 5.2/3 Huffman EOS": (raw(raw_frame(1, 5, 3, b"\x00\x84\xff\xff\xff\xff\x81\x1f")), COMPRESSION),
    "hpack 6.1/1 index 0": (raw(raw_frame(1, 5, 3, b"\x80")), COMPRESSION),
    "hpack 6.3/1 table size above the limit": (raw(raw_frame(1, 5, 3, b"\x3f\xe2\x1f\x82")), COMPRESSION),
}

RST: dict[str, tuple[Case, int]] = {
    "5.1/5 half-closed: DATA": (half_closed(late_data), CLOSED),
    "5.1/6 half-closed: HEADERS": (half_closed(late_headers), CLOSED),
    "5.1/8 closed by RST_STREAM: DATA": (reset(late_data), CLOSED),
    "5.1/9 closed by RST_STREAM: HEADERS": (reset(late_headers), CLOSED),
    "5.3.1/2 PRIORITY depends on itself": (opened(raw_frame(2, 0, 3, struct.pack(">LB", 3, 9))), PROTOCOL),
    "6.3/2 PRIORITY of another size": (opened(raw_frame(2, 0, 3, bytes(4))), SIZE),
    "6.9/2 WINDOW_UPDATE of 0": (opened(raw_frame(8, 0, 3, bytes(4))), PROTOCOL),
    "6.9.1/3 stream window above 2^31-1": (opened(raw_frame(8, 0, 3, MOST)), FLOW),
    "8.1/1 second HEADERS without END_STREAM": (then(opened(), trailers(("a", "b"), end=False)), PROTOCOL),
    "8.1.2/1 upper case": (request(*GET, ("X-TEST", "ok")), PROTOCOL),
    "8.1.2.1/1 unknown pseudo-header": (request(*GET, (":test", "ok")), PROTOCOL),
    "8.1.2.1/2 response pseudo-header": (request(*GET, (":status", "200")), PROTOCOL),
    "8.1.2.1/3 pseudo-header in trailers": (then(opened(), trailers((":method", "GET"))), PROTOCOL),
    "8.1.2.1/4 pseudo-header after a header": (request(*GET[:3], ("a", "b"), GET[3]), PROTOCOL),
    "8.1.2.2/1 connection": (request(*GET, ("connection", "keep-alive")), PROTOCOL),
    "8.1.2.2/2 te other than trailers": (request(*GET, ("te", "trailers, deflate")), PROTOCOL),
    "8.1.2.3/1 empty :path": (request(*GET[:3], (":path", "")), PROTOCOL),
    "8.1.2.3/2 no :method": (request(*without(":method")), PROTOCOL),
    "8.1.2.3/3 no :scheme": (request(*without(":scheme")), PROTOCOL),
    "8.1.2.3/4 no :path": (request(*without(":path")), PROTOCOL),
    "8.1.2.3/5 :method twice": (request(GET[0], *GET), PROTOCOL),
    "8.1.2.3/6 :scheme twice": (request(GET[1], *GET), PROTOCOL),
    "8.1.2.3/7 :path twice": (request(GET[3], *GET), PROTOCOL),
    "8.1.2.6/1 content-length differs": (with_length("1", b"test"), PROTOCOL),
    "8.1.2.6/2 content-length differs from all DATA": (with_length("5", b"te", b"st"), PROTOCOL),
}

HARMLESS: dict[str, Case] = {
    "4.1/1 unknown frame": raw(raw_frame(0x16, 0, 0, bytes(8))),
    "4.1/2 undefined flags": raw(raw_frame(6, 0x16, 0, bytes(8))),
    "4.1/3 reserved bit": raw(raw_frame(6, 0, 0x80000000, bytes(8))),
    "4.2/1 DATA of 2^14 bytes": then(opened(), lambda peer: peer.data(3, attempt(b'"%s"' % (b"x" * 16_000)))),
    "5.1 closed: PRIORITY": completed(raw(raw_frame(2, 0, 3, bytes(5)))),
    "5.1 closed: WINDOW_UPDATE": completed(raw(raw_frame(8, 0, 3, ONE))),
    "5.1 closed: RST_STREAM": completed(raw(raw_frame(3, 0, 3, ONE))),
    "5.5/1 unknown extension": raw(raw_frame(0xFF, 0xFF, 77, b"anything")),
    "6.3 PRIORITY of an idle stream": lambda peer: peer.send(PriorityFrame(7, depends_on=0)),
    "6.5.2/5 unknown setting": raw(setting(0xFF, 1)),
    "6.5.3/1 a setting twice": raw(raw_frame(4, 0, 0, struct.pack(">HLHL", 4, 100, 4, 65_535))),
    "6.7/2 PING ACK": raw(raw_frame(6, 1, 0, b"unasked!")),
    "6.10/1 two CONTINUATIONs": continued(),
    "7/2 RST_STREAM with an unknown code": opened(raw_frame(3, 0, 3, b"\0\0\0\xff")),
    "8.1 empty trailers": then(opened(), trailers()),
}


class Bystander:
    """A connection with an attempt in progress on stream 1."""

    def __init__(self, peer: TcpPeer) -> None:
        self.peer = peer
        peer.invoke(1, "wait")
        peer.settle()

    def check_completes(self) -> None:
        """What others did on the connection or beside it has not touched the attempt."""
        self.peer.go(1)
        assert self.peer.output(1) == b'"ab"'


@pytest.fixture
def other(port: int) -> Iterator[None]:
    """Another connection, whose attempt must complete whatever happens."""
    with TcpPeer(port) as peer:
        bystander = Bystander(peer)
        yield
        bystander.check_completes()
    for what in ("wait", "step", "body"):
        wait_until(what, 0)


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("case", GOAWAY)
def test_the_connection_ends(port: int, case: str) -> None:
    """GOAWAY with the section's code; the transport closes; the attempts of this connection are closed."""
    run, code = GOAWAY[case]
    with TcpPeer(port) as peer:
        Bystander(peer)
        run(peer)
        peer.read_to_end()
        assert peer.errors[-1] == ("GOAWAY", code)
        wait_until("wait", 1)  # that of the other connection


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("case", RST)
def test_the_stream_ends(port: int, case: str) -> None:
    """RST_STREAM with the section's code; the connection serves on, and its other attempt completes."""
    run, code = RST[case]
    with TcpPeer(port) as peer:
        bystander = Bystander(peer)
        run(peer)
        peer.settle()
        assert peer.errors == [("RST", code)]
        peer.check_serving(9)
        bystander.check_completes()


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("case", HARMLESS)
def test_nothing_ends(port: int, case: str) -> None:
    """What is allowed, or to be ignored, has no effect."""
    with TcpPeer(port) as peer:
        bystander = Bystander(peer)
        HARMLESS[case](peer)
        peer.settle()
        assert peer.errors == []
        peer.check_serving(9)
        bystander.check_completes()


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize("method, path", [("POST", "/health"), ("POST", "/nothing"), ("PUT", "/discover")])
def test_data_in_flight_after_an_early_answer(port: int, method: str, path: str) -> None:
    """5.1, closed: eight uploads fill their windows before their answers are read, in 8,384 frames."""
    head = ((":method", method), *GET[1:3], (":path", path))
    with TcpPeer(port) as peer:
        bystander = Bystander(peer)
        for stream_id in range(3, 19, 2):
            peer.headers(stream_id, head)
            peer.raw(raw_frame(0, 0, stream_id, bytes(1000)) * 1048)
        peer.settle()
        assert peer.errors == [("RST", 0)] * 8
        peer.check_serving(19)
        bystander.check_completes()


def test_head_has_no_body(port: int) -> None:
    """RFC 9110 section 9.3.2: the response ends with its HEADERS."""
    with TcpPeer(port) as peer:
        peer.headers(1, ((":method", "HEAD"), *GET[1:3], (":path", "/health")), end=True)
        peer.until(lambda: peer.ended(1))
        assert [type(frame) for frame in peer.received if frame.stream_id == 1] == [HeadersFrame]


def test_goaway_with_an_unknown_code(port: int) -> None:
    """7/1: streams that are open go on; the connection ends after the last."""
    with TcpPeer(port) as peer:
        bystander = Bystander(peer)
        peer.raw(raw_frame(7, 0, 0, bytes(4) + b"\0\0\0\xff"))
        bystander.check_completes()
        peer.data(1, b"", end=True)
        peer.read_to_end()
        assert peer.errors == [("GOAWAY", 0), ("RST", 0)]


def test_concurrent_streams_are_limited(port: int) -> None:
    """5.1.2/1: a stream beyond SETTINGS_MAX_CONCURRENT_STREAMS is refused, so that it may be tried again."""
    with TcpPeer(port) as peer:
        for number in range(1001):
            peer.headers(2 * number + 1, INVOKE("wait"))
        peer.settle()
        assert peer.errors == [("RST", REFUSED)]
        assert {frame.stream_id for frame in peer.received if isinstance(frame, RstStreamFrame)} == {2001}


def test_a_response_respects_the_windows(port: int) -> None:
    """6.9.1/1, 6.9.2/1 and 2: byte by byte, after a change of the initial window, and after a negative window."""
    with TcpPeer(port, settings={4: 1}) as peer:
        peer.invoke(1, "echo", b'"%s"' % (b"x" * 50))
        peer.settle()
        assert len(peer.body(1)) == 1
        peer.raw(setting(4, 3))
        peer.settle()
        assert len(peer.body(1)) == 3
        peer.raw(setting(4, 0))  # the stream's window is -3 now
        peer.grant(1, 4)
        peer.settle()
        assert len(peer.body(1)) == 4
        peer.grant(1, 1000)
        assert peer.output(1) == b'"%s"' % (b"x" * 50)


@pytest.mark.parametrize(
    "opening",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + raw_frame(0x16, 0, 0, b"hello"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + raw_frame(6, 0, 0, bytes(8)),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + raw_frame(4, 1, 0),
    ],
)
def test_preface_without_settings(port: int, opening: bytes) -> None:
    """3.4: GOAWAY, and the transport closes."""
    with TcpPeer(port, silent=True) as peer:
        peer.raw(opening)
        peer.read_to_end()
        assert peer.errors == [("GOAWAY", PROTOCOL)]
