"""Rules of RFC 9113 sections 3 to 8, each broken by a client, and the error that must follow.

``GOAWAY`` ends the connection; ``RST`` one stream, and then a PING is still answered.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hyperframe.frame import Frame, GoAwayFrame, PingFrame, PriorityFrame, SettingsFrame

from restate_reflect.http2 import Limits
from tests.http2.peer import (
    GET,
    POST,
    PREFACE,
    ContinuationFrame,
    DataFrame,
    FrameClient,
    HeadersFrame,
    Recorder,
    RstStreamFrame,
    Server,
    WindowUpdateFrame,
    echo,
    errors,
    read_frames,
)

PROTOCOL, FLOW, CLOSED, SIZE, REFUSED, COMPRESSION = 1, 3, 5, 6, 7, 9


def raw_frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A frame that no library would write."""
    return struct.pack(">LBL", len(payload) << 8 | kind, flags, stream_id) + payload


def setting(identifier: int, value: int) -> bytes:
    return raw_frame(4, 0, 0, struct.pack(">HL", identifier, value))


Case = Callable[[FrameClient], None]


def raw(*frames: bytes) -> Case:
    return lambda client: client.raw(b"".join(frames))


def opened(*frames: bytes) -> Case:
    """Stream 1 is open (POST without a body yet), then the frames."""

    def run(client: FrameClient) -> None:
        client.headers(1)
        client.raw(b"".join(frames))

    return run


def ended(*frames: bytes) -> Case:
    """The request on stream 1 has ended, the response has not; then the frames."""

    def run(client: FrameClient) -> None:
        client.get(1)
        client.raw(b"".join(frames))

    return run


def reset(*frames: bytes) -> Case:
    """The client reset stream 1; then the frames."""

    def run(client: FrameClient) -> None:
        client.headers(1)
        client.send(RstStreamFrame(1, error_code=8))
        client.raw(b"".join(frames))

    return run


def completed(*frames: bytes) -> Case:
    """Stream 1 was answered and is over; then the frames."""

    def run(client: FrameClient) -> None:
        client.react = echo
        client.get(1)
        client.raw(b"".join(frames))

    return run


def request(*headers: tuple[str, str]) -> Case:
    return lambda client: client.get(1, headers)


def late_headers(client: FrameClient) -> None:
    client.headers(1)


def block_then(*frames: bytes) -> Case:
    """A header block without END_HEADERS on stream 1; then the frames."""

    def run(client: FrameClient) -> None:
        client.headers(1, flags=())
        client.raw(b"".join(frames))

    return run


def trailers(*headers: tuple[str, str], flags: tuple[str, ...] = ("END_HEADERS", "END_STREAM")) -> Case:
    def run(client: FrameClient) -> None:
        client.headers(1)
        client.headers(1, headers, flags=flags)

    return run


def then(first: Case, second: Case) -> Case:
    def run(client: FrameClient) -> None:
        first(client)
        second(client)

    return run


def with_body(length: str, *bodies: bytes) -> Case:
    """A POST that announces ``length`` and sends ``bodies``, the last with END_STREAM."""

    def run(client: FrameClient) -> None:
        client.headers(1, [*POST, ("content-length", length)])
        for body in bodies[:-1]:
            client.send(DataFrame(1, body))
        client.send(DataFrame(1, bodies[-1], flags=["END_STREAM"]))

    return run


FOUR = struct.pack(">L", 1)
PSEUDO_IN_TRAILER = (":path", "/")

CONNECTION_ERRORS = {
    "4.2 frame above SETTINGS_MAX_FRAME_SIZE": (opened(raw_frame(0, 0, 1, bytes(65_537))), SIZE),
    "4.2 unknown frame above SETTINGS_MAX_FRAME_SIZE": (raw(raw_frame(0xEE, 0, 0, bytes(65_537))), SIZE),
    "4.3 block that makes no sense": (raw(raw_frame(1, 5, 1, b"\x80")), COMPRESSION),
    "4.3 block cut short": (raw(raw_frame(1, 5, 1, b"\x82\x41\x8a\xa0")), COMPRESSION),
    "4.3 index beyond the table": (raw(raw_frame(1, 5, 1, b"\xff\x20")), COMPRESSION),
    "4.3 integer without end": (raw(raw_frame(1, 5, 1, b"\xff" + b"\xff" * 20)), COMPRESSION),
    "4.3 table size above the limit": (raw(raw_frame(1, 5, 1, b"\x3f\xe2\x1f\x82")), COMPRESSION),
    "4.3 table size after a field": (raw(raw_frame(1, 5, 1, b"\x82\x20")), COMPRESSION),
    "4.3 Huffman padding of zeros": (raw(raw_frame(1, 5, 1, b"\x00\x81\x00\x81\x1f")), COMPRESSION),
    "4.3 Huffman padding of a byte": (raw(raw_frame(1, 5, 1, b"\x00\x82\x1f\xff\x81\x1f")), COMPRESSION),
    "4.3 Huffman EOS": (raw(raw_frame(1, 5, 1, b"\x00\x84\xff\xff\xff\xfc\x81\x1f")), COMPRESSION),
    "5.1 idle: DATA": (raw(raw_frame(0, 0, 1, b"x")), PROTOCOL),
    "5.1 idle: RST_STREAM": (raw(raw_frame(3, 0, 1, FOUR)), PROTOCOL),
    "5.1 idle: WINDOW_UPDATE": (raw(raw_frame(8, 0, 1, FOUR)), PROTOCOL),
    "5.1 idle: CONTINUATION": (raw(raw_frame(9, 4, 1, b"\x82")), PROTOCOL),
    "5.1 closed by END_STREAM: DATA": (completed(raw_frame(0, 0, 1, b"x")), CLOSED),
    "5.1 closed by END_STREAM: HEADERS": (then(completed(), late_headers), CLOSED),
    "5.1 closed by END_STREAM: CONTINUATION": (completed(raw_frame(9, 4, 1, b"\x82")), PROTOCOL),
    "5.1.1 even stream": (lambda client: client.headers(2), PROTOCOL),
    "5.1.1 stream below the newest": (then(lambda c: c.get(5), lambda c: c.get(3)), PROTOCOL),
    "5.3.1 stream depends on itself": (opened(raw_frame(1, 0x25, 3, struct.pack(">LB", 3, 9) + b"\x82")), PROTOCOL),
    "6.1 DATA on stream 0": (raw(raw_frame(0, 0, 0, b"x")), PROTOCOL),
    "6.1 DATA on a server's stream": (raw(raw_frame(0, 0, 2, b"x")), PROTOCOL),
    "6.1 padding as long as the payload": (opened(raw_frame(0, 8, 1, b"\x05abcd")), PROTOCOL),
    "6.1 padded without a pad length": (opened(raw_frame(0, 8, 1, b"")), SIZE),
    "6.2 HEADERS on stream 0": (raw(raw_frame(1, 5, 0, b"\x82")), PROTOCOL),
    "6.2 padding beyond the block": (raw(raw_frame(1, 0xD, 1, b"\x09\x82\x86")), PROTOCOL),
    "6.2 priority flag on four bytes": (raw(raw_frame(1, 0x25, 1, b"abcd")), SIZE),
    "6.2 frame of another type within a block": (block_then(raw_frame(6, 0, 0, bytes(8))), PROTOCOL),
    "6.2 unknown frame within a block": (block_then(raw_frame(0x7F, 0, 0)), PROTOCOL),
    "6.2 HEADERS within a block": (block_then(raw_frame(1, 5, 3, b"\x82")), PROTOCOL),
    "6.3 PRIORITY on stream 0": (raw(raw_frame(2, 0, 0, bytes(5))), PROTOCOL),
    "6.3 idle stream depends on itself": (raw(raw_frame(2, 0, 1, struct.pack(">LB", 1, 9))), PROTOCOL),
    "6.4 RST_STREAM on stream 0": (raw(raw_frame(3, 0, 0, FOUR)), PROTOCOL),
    "6.4 RST_STREAM of another size": (opened(raw_frame(3, 0, 1, b"abc")), SIZE),
    "6.5 SETTINGS on a stream": (opened(raw_frame(4, 0, 1)), PROTOCOL),
    "6.5 SETTINGS of five bytes": (raw(raw_frame(4, 0, 0, bytes(5))), SIZE),
    "6.5 SETTINGS ACK with a payload": (raw(raw_frame(4, 1, 0, bytes(6))), SIZE),
    "6.5.2 ENABLE_PUSH of 2": (raw(setting(2, 2)), PROTOCOL),
    "6.5.2 INITIAL_WINDOW_SIZE of 2^31": (raw(setting(4, 2**31)), FLOW),
    "6.5.2 MAX_FRAME_SIZE below 16384": (raw(setting(5, 16_383)), PROTOCOL),
    "6.5.2 MAX_FRAME_SIZE of 2^24": (raw(setting(5, 2**24)), PROTOCOL),
    "6.6 PUSH_PROMISE from a client": (opened(raw_frame(5, 4, 1, FOUR + b"\x82")), PROTOCOL),
    "6.7 PING on a stream": (raw(raw_frame(6, 0, 1, bytes(8))), PROTOCOL),
    "6.7 PING of another size": (raw(raw_frame(6, 0, 0, bytes(7))), SIZE),
    "6.8 GOAWAY on a stream": (raw(raw_frame(7, 0, 1, bytes(8))), PROTOCOL),
    "6.8 GOAWAY of seven bytes": (raw(raw_frame(7, 0, 0, bytes(7))), SIZE),
    "6.9 connection WINDOW_UPDATE of 0": (raw(raw_frame(8, 0, 0, bytes(4))), PROTOCOL),
    "6.9 WINDOW_UPDATE of another size": (raw(raw_frame(8, 0, 0, bytes(3))), SIZE),
    "6.9.1 connection window above 2^31-1": (raw(raw_frame(8, 0, 0, struct.pack(">L", 2**31 - 1))), FLOW),
    "6.9.2 INITIAL_WINDOW_SIZE overflows a stream": (
        opened(raw_frame(8, 0, 1, struct.pack(">L", 2**31 - 1 - 65_535)), setting(4, 65_536)),
        FLOW,
    ),
    "6.10 CONTINUATION of another stream": (block_then(raw_frame(9, 4, 3, b"\x82")), PROTOCOL),
    "6.10 CONTINUATION without HEADERS": (raw(raw_frame(9, 4, 1, b"\x82")), PROTOCOL),
    "6.10 CONTINUATION after END_HEADERS": (opened(raw_frame(9, 4, 1, b"\x82")), PROTOCOL),
    "6.10 CONTINUATION after DATA": (opened(raw_frame(0, 0, 1, b"x"), raw_frame(9, 4, 1, b"\x82")), PROTOCOL),
}

STREAM_ERRORS = {
    "5.1 half-closed: DATA": (ended(raw_frame(0, 0, 1, b"x")), CLOSED),
    "5.1 half-closed: HEADERS": (then(ended(), late_headers), CLOSED),
    "5.1 closed by RST_STREAM: DATA": (reset(raw_frame(0, 0, 1, b"x")), CLOSED),
    "5.1 closed by RST_STREAM: HEADERS": (then(reset(), late_headers), CLOSED),
    "6.3 PRIORITY of another size": (opened(raw_frame(2, 0, 1, bytes(4))), SIZE),
    "6.3 open stream depends on itself": (opened(raw_frame(2, 0, 1, struct.pack(">LB", 1, 9))), PROTOCOL),
    "6.9 WINDOW_UPDATE of 0": (opened(raw_frame(8, 0, 1, bytes(4))), PROTOCOL),
    "6.9.1 stream window above 2^31-1": (opened(raw_frame(8, 0, 1, struct.pack(">L", 2**31 - 1))), FLOW),
    "8.1 second HEADERS without END_STREAM": (trailers(("a", "b"), flags=("END_HEADERS",)), PROTOCOL),
    "8.1 pseudo-header in trailers": (trailers(PSEUDO_IN_TRAILER), PROTOCOL),
    "8.1 invalid trailer": (trailers(("Upper", "x")), PROTOCOL),
    "8.1.1 body shorter than content-length": (with_body("5", b"abcd"), PROTOCOL),
    "8.1.1 body longer than content-length": (with_body("5", b"abc", b"def"), PROTOCOL),
    "8.1.1 no body in spite of content-length": (request(*POST, ("content-length", "1")), PROTOCOL),
    "8.1.1 trailers before content-length is reached": (
        then(
            lambda c: c.headers(1, [*POST, ("content-length", "1")]),
            lambda c: c.headers(1, [("a", "b")], flags=("END_HEADERS", "END_STREAM")),
        ),
        PROTOCOL,
    ),
    "8.1.1 content-length is no number": (request(*GET, ("content-length", "-1")), PROTOCOL),
    "8.1.1 content-length twice": (request(*GET, ("content-length", "0"), ("content-length", "1")), PROTOCOL),
    "8.2.1 upper case name": (request(*GET, ("Accept", "x")), PROTOCOL),
    "8.2.1 blank in a name": (request(*GET, ("a b", "x")), PROTOCOL),
    "8.2.1 colon in a name": (request(*GET, ("a:b", "x")), PROTOCOL),
    "8.2.1 empty name": (request(*GET, ("", "x")), PROTOCOL),
    "8.2.1 line feed in a value": (request(*GET, ("a", "x\ny")), PROTOCOL),
    "8.2.1 carriage return in a value": (request(*GET, ("a", "x\r")), PROTOCOL),
    "8.2.1 NUL in a value": (request(*GET, ("a", "x\0")), PROTOCOL),
    "8.2.1 blank before a value": (request(*GET, ("a", " x")), PROTOCOL),
    "8.2.1 tab after a value": (request(*GET, ("a", "x\t")), PROTOCOL),
    "8.2.2 connection": (request(*GET, ("connection", "close")), PROTOCOL),
    "8.2.2 transfer-encoding": (request(*GET, ("transfer-encoding", "chunked")), PROTOCOL),
    "8.2.2 keep-alive": (request(*GET, ("keep-alive", "1")), PROTOCOL),
    "8.2.2 proxy-connection": (request(*GET, ("proxy-connection", "close")), PROTOCOL),
    "8.2.2 upgrade": (request(*GET, ("upgrade", "h2c")), PROTOCOL),
    "8.2.2 te other than trailers": (request(*GET, ("te", "gzip")), PROTOCOL),
    "8.3 unknown pseudo-header": (request(*GET, (":test", "x")), PROTOCOL),
    "8.3 response pseudo-header": (request(*GET, (":status", "200")), PROTOCOL),
    "8.3 pseudo-header after a header": (request(*GET[:3], ("a", "b"), GET[3]), PROTOCOL),
    "8.3.1 :protocol without extended CONNECT": (request(*GET, (":protocol", "websocket")), PROTOCOL),
    "8.3.1 no :method": (request(*GET[1:]), PROTOCOL),
    "8.3.1 no :scheme": (request(GET[0], *GET[2:]), PROTOCOL),
    "8.3.1 no :path": (request(*GET[:3]), PROTOCOL),
    "8.3.1 empty :path": (request(*GET[:3], (":path", "")), PROTOCOL),
    "8.3.1 relative :path": (request(*GET[:3], (":path", "a")), PROTOCOL),
    "8.3.1 fragment in :path": (request(*GET[:3], (":path", "/#a")), PROTOCOL),
    "8.3.1 asterisk without OPTIONS": (request(*GET[:3], (":path", "*")), PROTOCOL),
    "8.3.1 :method is no token": (request((":method", "G T"), *GET[1:]), PROTOCOL),
    "8.3.1 :method twice": (request(GET[0], *GET), PROTOCOL),
    "8.3.1 :path twice": (request(*GET, GET[3]), PROTOCOL),
    "8.3.1 user in :authority": (request(*GET[:2], (":authority", "me@a.test"), GET[3]), PROTOCOL),
    "8.3.1 host differs from :authority": (request(*GET, ("host", "b.test")), PROTOCOL),
    "8.3.1 host twice": (request(*GET, ("host", "a.test"), ("host", "a.test")), PROTOCOL),
    "8.5 CONNECT with :path": (request((":method", "CONNECT"), *GET[1:]), PROTOCOL),
    "8.5 CONNECT without :authority": (request((":method", "CONNECT")), PROTOCOL),
}


@pytest.mark.parametrize("case", CONNECTION_ERRORS)
def test_connection_error(case: str) -> None:
    """The connection ends with the code the section names, all handlers hear of it, later input is ignored."""
    run, code = CONNECTION_ERRORS[case]
    client = FrameClient()
    run(client)
    frames = client.received()
    assert errors(frames)[-1] == ("GOAWAY", code)
    goaway = frames[-1]
    assert isinstance(goaway, GoAwayFrame)
    assert goaway.additional_data.decode() == client.connection.failure
    assert client.connection.should_close
    assert client.connection.open_streams == 0
    assert all(len(handler.closed) == 1 for handler in client.handlers)
    client.send(PingFrame(0, b"........"))
    assert client.received() == []


@pytest.mark.parametrize("case", STREAM_ERRORS)
def test_stream_error(case: str) -> None:
    """The stream is reset with the code the section names; the connection serves on."""
    run, code = STREAM_ERRORS[case]
    client = FrameClient()
    run(client)
    assert errors(client.received()) == [("RST", code)]
    assert client.connection.open_streams == 0
    assert all(len(handler.closed) == 1 for handler in client.handlers)
    client.react = echo
    client.get(9)
    assert client.handlers[-1].closed == [None]
    assert not client.connection.should_close


HARMLESS = {
    "5.1 half-closed: WINDOW_UPDATE": ended(raw_frame(8, 0, 1, FOUR)),
    "5.1 half-closed: PRIORITY": ended(raw_frame(2, 0, 1, bytes(5))),
    "5.1 closed: WINDOW_UPDATE": completed(raw_frame(8, 0, 1, FOUR)),
    "5.1 closed: RST_STREAM": completed(raw_frame(3, 0, 1, FOUR)),
    "5.1 closed: PRIORITY": completed(raw_frame(2, 0, 1, bytes(5))),
    "5.1 closed by RST_STREAM: WINDOW_UPDATE": reset(raw_frame(8, 0, 1, FOUR)),
    "5.1 idle: PRIORITY": raw(raw_frame(2, 0, 7, bytes(5))),
    "5.5 unknown frame": raw(raw_frame(0xFF, 0xFF, 77, b"anything")),
    "4.1 reserved bit of the stream id": raw(raw_frame(6, 0, 0x80000000, bytes(8))),
    "4.1 undefined flags": raw(raw_frame(6, 0xFE, 0, bytes(8))),
    "6.5.2 unknown setting": raw(setting(0xAAAA, 5)),
    "6.5 unexpected SETTINGS ACK": raw(raw_frame(4, 1, 0)),
    "6.7 unexpected PING ACK": raw(raw_frame(6, 1, 0, bytes(8))),
    "8.1 empty trailers": trailers(),
    "8.2.2 te: trailers": request(*GET, ("te", "trailers")),
    "8.3.1 host agrees with :authority": request(*GET, ("host", "A.test")),
    "8.3.1 OPTIONS *": request((":method", "OPTIONS"), *GET[1:3], (":path", "*")),
    "8.1.1 content-length reached": with_body("5", b"abc", b"de"),
    "8.1.1 content-length of 0": request(*GET, ("content-length", "0")),
    "8.1.1 equal content-lengths": request(*GET, ("content-length", "0"), ("content-length", "0")),
    "9218 PRIORITY_UPDATE": raw(raw_frame(0x10, 0, 0, FOUR + b"u=1")),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_harmless(case: str) -> None:
    """These are allowed, or to be ignored, and the connection serves on."""
    client = FrameClient()
    HARMLESS[case](client)
    assert errors(client.received()) == []
    client.react = echo
    client.get(9)
    assert client.handlers[-1].closed == [None]


@pytest.mark.parametrize(
    "opening",
    [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"Q", PREFACE[:-1] + b"x"],
)
def test_wrong_preface(opening: bytes) -> None:
    """Another protocol is turned away at its first wrong byte (section 3.4)."""
    server = Server()
    server.connection.receive(opening)
    assert errors(read_frames(server.connection.take_output())) == [("GOAWAY", PROTOCOL)]
    assert server.connection.should_close


@pytest.mark.parametrize("first", [raw_frame(6, 0, 0, bytes(8)), raw_frame(4, 1, 0), raw_frame(1, 5, 1, b"\x82")])
def test_preface_without_settings(first: bytes) -> None:
    """SETTINGS has to be the first frame, and no ACK (section 3.4)."""
    server = Server()
    server.connection.receive(PREFACE + first)
    assert errors(read_frames(server.connection.take_output())) == [("GOAWAY", PROTOCOL)]


def test_server_opens_with_settings() -> None:
    """The server's first frame is SETTINGS with its limits, without waiting for the client."""
    settings, window = read_frames(Server(limits=Limits(stream_window=123_456)).connection.take_output())
    assert isinstance(settings, SettingsFrame)
    assert settings.settings == {3: 1000, 4: 123_456, 5: 65_536, 6: 65_536}
    assert isinstance(window, WindowUpdateFrame)
    assert window.window_increment == (16 << 20) - 65_535


def test_settings_are_acknowledged() -> None:
    """Each SETTINGS gets one ACK."""
    client = FrameClient()
    client.send(SettingsFrame(0, settings={4: 100}), SettingsFrame(0))
    assert [(type(frame).__name__, set(frame.flags)) for frame in client.received()] == [("SettingsFrame", {"ACK"})] * 2


def test_concurrent_streams_are_limited() -> None:
    """A stream too many is refused and not seen above; its header block still counts (section 5.1.2)."""
    client = FrameClient(limits=Limits(max_concurrent_streams=2))
    client.headers(1)
    client.headers(3)
    client.headers(5, [*POST, ("x-new", "in-table")])
    assert errors(client.received()) == [("RST", REFUSED)]
    assert [handler.stream.id for handler in client.handlers] == [1, 3]
    client.send(RstStreamFrame(1))
    client.headers(7, [*POST, ("x-new", "in-table")])
    assert client.handlers[-1].head.headers == {"x-new": "in-table"}


def test_frames_of_a_stream_we_reset_are_ignored() -> None:
    """After our RST_STREAM any frame may come; blocks keep the table in step, DATA the window (section 5.1)."""
    client = FrameClient(limits=Limits(connection_window=65_535))
    client.headers(1)
    client.handlers[0].stream.reset()
    client.received()
    client.send(DataFrame(1, bytes(16_384)), DataFrame(1, bytes(16_384)), DataFrame(1, bytes(5)))
    client.headers(1, [("x-trailer", "in-table")], flags=("END_HEADERS", "END_STREAM"))
    client.send(RstStreamFrame(1))
    frames = client.received()
    assert errors(frames) == []
    assert [(frame.stream_id, frame.window_increment) for frame in frames if isinstance(frame, WindowUpdateFrame)] == [
        (0, 32_768)
    ]
    client.get(3, [*GET, ("x-trailer", "in-table")])
    assert client.handlers[-1].head.headers == {"x-trailer": "in-table"}


def test_block_in_pieces() -> None:
    """A block may be cut anywhere, with padding and priority on the first piece (sections 6.2, 6.10)."""
    client = FrameClient()
    block = client.block([*GET, ("x-a", "b")])
    client.send(HeadersFrame(1, block[:3], flags=["END_STREAM", "PADDED", "PRIORITY"], pad_length=7, depends_on=5))
    client.send(ContinuationFrame(1, b""), ContinuationFrame(1, block[3:9]))
    client.send(ContinuationFrame(1, block[9:], flags=["END_HEADERS"]))
    assert client.handlers[0].head.headers == {"x-a": "b"}
    assert client.handlers[0].events == [("eof", None)]


def test_malformed_request_keeps_the_table_in_step() -> None:
    """Fields after an invalid one still enter the table."""
    client = FrameClient()
    client.get(1, [*GET, ("Bad", "x"), ("x-good", "y")])
    client.get(3, [*GET, ("x-good", "y")])
    assert errors(client.received()) == [("RST", PROTOCOL)]
    assert client.handlers[0].head.headers == {"x-good": "y"}


def test_goaway_from_the_client() -> None:
    """After the client's GOAWAY its streams go on; with the last one the transport may close (section 6.8)."""
    client = FrameClient()
    client.get(1)
    client.send(GoAwayFrame(0, last_stream_id=0, error_code=0))
    assert not client.connection.should_close
    client.handlers[0].stream.respond(200, end_stream=True)
    assert client.connection.should_close


def shutdown_client() -> FrameClient:
    client = FrameClient()
    client.get(1)
    client.received()
    client.connection.shutdown()
    client.connection.shutdown()
    return client


def test_shutdown_serves_what_crossed_it() -> None:
    """Streams opened before the client saw the first GOAWAY are served; later ones are refused (section 6.8)."""
    client = shutdown_client()
    goaway, ping = client.received()
    assert isinstance(goaway, GoAwayFrame)
    assert isinstance(ping, PingFrame)
    assert (goaway.last_stream_id, goaway.error_code) == (2**31 - 1, 0)
    client.get(3)
    client.send(PingFrame(0, ping.opaque_data, flags=["ACK"]))
    (goaway,) = client.received()
    assert isinstance(goaway, GoAwayFrame)
    assert (goaway.last_stream_id, goaway.error_code) == (3, 0)
    client.get(5)
    assert errors(client.received()) == [("RST", REFUSED)]
    assert [handler.stream.id for handler in client.handlers] == [1, 3]


def test_shutdown_ends_with_the_last_stream() -> None:
    """``should_close`` waits for every open stream and for the client to have seen the GOAWAY."""
    client = shutdown_client()
    client.handlers[0].stream.respond(200, end_stream=True)
    assert not client.connection.should_close
    client.send(PingFrame(0, b"shutdown", flags=["ACK"]))
    assert client.connection.should_close


def test_fatal_inside_a_burst_stops_reading() -> None:
    """Frames behind the one that ends the connection, in the same read, have no effect."""
    client = FrameClient()
    client.raw(raw_frame(6, 0, 0, b"") + HeadersFrame(1, client.block(GET), flags=["END_HEADERS"]).serialize())
    assert client.handlers == []


def close_all(handler: Recorder, event: str) -> None:
    if event == "eof":
        handler.stream.respond(200)


def test_every_kind_of_frame_at_once() -> None:
    """A burst of many frames in one read is taken in order."""
    client = FrameClient(close_all)
    frames: list[Frame] = [
        HeadersFrame(1, client.block(POST), flags=["END_HEADERS"]),
        PriorityFrame(1, depends_on=0, stream_weight=3),
        DataFrame(1, b"ab"),
        WindowUpdateFrame(1, window_increment=5),
        DataFrame(1, b"c", flags=["END_STREAM"]),
        PingFrame(0, b"abcdefgh"),
    ]
    client.raw(b"".join(frame.serialize() for frame in frames))
    assert client.handlers[0].events == [("data", b"ab"), ("data", b"c"), ("eof", None)]
    assert [type(frame).__name__ for frame in client.received()] == ["HeadersFrame", "PingFrame"]
