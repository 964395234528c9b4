"""The calls and callbacks of one stream, and the windows behind them."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from restate_reflect.http2 import ErrorCode, Limits, RequestHead, Stream
from tests.http2.peer import (
    GET,
    DataFrame,
    FrameClient,
    HeadersFrame,
    Recorder,
    RstStreamFrame,
    Server,
    SettingsFrame,
    WindowUpdateFrame,
    echo,
    errors,
    sent_data,
)


def responding(client: FrameClient, stream_id: int = 1) -> Stream:
    """A stream whose request has ended and whose response head is out."""
    client.get(stream_id)
    stream = client.handlers[-1].stream
    stream.respond(200)
    client.received()
    return stream


def test_send_and_end_takes_one_frame() -> None:
    """A body that fits goes out as one DATA frame with END_STREAM."""
    client = FrameClient()
    responding(client).send_and_end(b"body")
    (frame,) = client.received()
    assert isinstance(frame, DataFrame)
    assert (frame.data, set(frame.flags)) == (b"body", {"END_STREAM"})


def test_send_and_end_of_nothing() -> None:
    """An empty body ends the stream with an empty DATA frame."""
    client = FrameClient()
    responding(client).send_and_end(b"")
    (frame,) = client.received()
    assert isinstance(frame, DataFrame)
    assert (frame.data, set(frame.flags)) == (b"", {"END_STREAM"})


def test_end_stream_rides_on_the_last_buffered_frame() -> None:
    """``end`` after buffered bytes costs no frame of its own."""
    client = FrameClient(settings={4: 5})
    stream = responding(client)
    stream.send(b"12345678")
    stream.end()
    assert stream.buffered == 3
    client.send(WindowUpdateFrame(1, window_increment=100))
    frames = client.received()
    assert [(frame.data, set(frame.flags)) for frame in frames if isinstance(frame, DataFrame)] == [
        (b"12345", set()),
        (b"678", {"END_STREAM"}),
    ]
    assert client.handlers[0].closed == [None]


def test_frames_obey_the_peers_frame_size() -> None:
    """DATA frames are no longer than SETTINGS_MAX_FRAME_SIZE, which may grow."""
    client = FrameClient()
    stream = responding(client)
    stream.send(b"x" * 20_000)
    assert [frame.body_len for frame in client.received()] == [16_384, 3616]
    client.send(SettingsFrame(0, settings={5: 30_000}))
    client.received()
    stream.send(b"x" * 20_000)
    assert [frame.body_len for frame in client.received()] == [20_000]


def test_nothing_follows_the_end() -> None:
    """After ``end`` every call is ignored."""
    client = FrameClient(settings={4: 0})
    client.headers(1)
    stream = client.handlers[0].stream
    stream.respond(200)
    stream.end()
    client.received()
    stream.respond(500)
    stream.send(b"x")
    stream.send_and_end(b"x")
    stream.end([("a", "b")])
    assert client.received() == []
    assert stream.buffered == 0


def test_nothing_follows_a_reset() -> None:
    """After a reset by either side every call is ignored, and buffered bytes are dropped."""
    client = FrameClient(settings={4: 0})
    ours, theirs = responding(client, 1), responding(client, 3)
    ours.send(b"lost")
    theirs.send(b"lost")
    ours.reset(ErrorCode.INTERNAL_ERROR)
    client.send(RstStreamFrame(3, error_code=0x77))
    assert errors(client.received()) == [("RST", 2)]
    for stream in (ours, theirs):
        stream.send(b"x")
        stream.send_and_end(b"y")
        stream.end()
        stream.reset()
        stream.resume()
        assert stream.buffered == 0
    client.send(SettingsFrame(0, settings={4: 1000}))
    assert [type(frame) for frame in client.received()] == [SettingsFrame]
    assert [handler.closed for handler in client.handlers] == [[2], [0x77]]


def test_wrong_order_is_a_bug_of_the_caller() -> None:
    """Body before head, and a second head, raise."""
    client = FrameClient()
    client.get(1)
    stream = client.handlers[0].stream
    calls: list[Callable[[], None]] = [
        lambda: stream.send(b"x"),
        stream.end,
        lambda: stream.send_and_end(b"x"),
        lambda: stream.send_and_end(b""),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match="call respond before"):
            call()
    stream.respond(200)
    with pytest.raises(RuntimeError, match="already responded"):
        stream.respond(200)


@pytest.mark.parametrize(
    "status, headers",
    [
        (100, []),
        (1000, []),
        (200, [("a b", "x")]),
        (200, [("", "x")]),
        (200, [(":status", "200")]),
        (200, [("a", "x\r\ny: z")]),
        (200, [("a", " x")]),
    ],
)
def test_impossible_response(status: int, headers: list[tuple[str, str]]) -> None:
    """A head HTTP/2 can't carry raises and leaves the stream as it was."""
    client = FrameClient()
    client.get(1)
    with pytest.raises(ValueError, match=r"status|header"):
        client.handlers[0].stream.respond(status, headers)
    assert client.received() == []
    client.handlers[0].stream.respond(500, end_stream=True)
    assert client.handlers[0].closed == [None]


def test_impossible_trailers() -> None:
    """Trailers are checked when given, not when the buffer has drained."""
    client = FrameClient(settings={4: 0})
    stream = responding(client)
    stream.send(b"x")
    with pytest.raises(ValueError, match="header"):
        stream.end([("a", "\n")])
    stream.end([("a", "b")])
    assert not stream.closed


def test_writable_after_high_water() -> None:
    """``writable`` comes once, when the buffer falls to the low mark after it was above the high one."""
    client = FrameClient(limits=Limits(send_high_water=100, send_low_water=10), settings={4: 0})
    stream = responding(client)
    heard = client.handlers[0].events
    stream.send(b"x" * 100)
    client.send(WindowUpdateFrame(1, window_increment=95))
    assert ("writable", None) not in heard
    stream.send(b"x" * 96)
    client.send(WindowUpdateFrame(1, window_increment=90))
    assert ("writable", None) not in heard
    client.send(WindowUpdateFrame(1, window_increment=1))
    client.send(WindowUpdateFrame(1, window_increment=10))
    assert heard.count(("writable", None)) == 1


def test_send_from_within_writable() -> None:
    """A handler may go on from ``writable``; everything arrives in order."""
    parts = [b"%03d" % number * 50 for number in range(40)]
    rest = parts[::-1]

    def more(handler: Recorder, event: str) -> None:
        if event in ("eof", "writable"):
            while rest and handler.stream.buffered <= 300:
                handler.stream.send(rest.pop())
            if not rest:
                handler.stream.end()

    client = FrameClient(limits=Limits(send_high_water=300, send_low_water=100), settings={4: 0})

    def answer(handler: Recorder, event: str) -> None:
        if event == "eof":
            handler.stream.respond(200)
        more(handler, event)

    client.react = answer
    client.get(1)
    for _ in range(100):
        client.send(WindowUpdateFrame(1, window_increment=61))
    assert sent_data(client.received(), 1) == b"".join(parts)
    assert client.handlers[0].closed == [None]


def test_negative_window() -> None:
    """A lowered SETTINGS_INITIAL_WINDOW_SIZE makes windows negative; sending resumes when they are positive again."""
    client = FrameClient(settings={4: 100})
    stream = responding(client)
    stream.send(b"a" * 60)
    client.send(SettingsFrame(0, settings={4: 20}))
    assert stream.send_window == -40
    client.received()
    stream.send(b"b" * 10)
    client.send(WindowUpdateFrame(1, window_increment=40))
    assert client.received() == []
    client.send(WindowUpdateFrame(1, window_increment=3))
    assert sent_data(client.received(), 1) == b"bbb"
    client.send(SettingsFrame(0, settings={4: 25}))
    assert sent_data(client.received(), 1) == b"bbbbb"
    client.send(SettingsFrame(0, settings={4: 1000}))
    assert sent_data(client.received(), 1) == b"bb"


def test_new_window_is_used_after_the_ack() -> None:
    """The ACK of a SETTINGS frame precedes the DATA it admits."""
    client = FrameClient(settings={4: 0})
    stream = responding(client)
    stream.send(b"x")
    client.send(SettingsFrame(0, settings={4: 10}))
    assert [type(frame) for frame in client.received()] == [SettingsFrame, DataFrame]


def test_largest_windows() -> None:
    """Windows of exactly 2^31-1 are allowed, on streams and on the connection."""
    client = FrameClient(settings={4: 2**31 - 1})
    client.get(1)
    client.send(WindowUpdateFrame(0, window_increment=2**31 - 1 - 65_535))
    assert client.handlers[0].stream.send_window == 2**31 - 1
    assert errors(client.received()) == []


def test_stream_window_is_granted_in_batches() -> None:
    """One WINDOW_UPDATE per half window, not one per frame."""
    client = FrameClient(limits=Limits(stream_window=100_000, connection_window=1_000_000))
    client.headers(1)
    for _ in range(100):
        client.send(DataFrame(1, bytes(10_000)))
    updates = [frame for frame in client.received() if isinstance(frame, WindowUpdateFrame)]
    assert [(frame.stream_id, frame.window_increment) for frame in updates] == [(1, 60_000)] * 8 + [(0, 510_000)] + [
        (1, 60_000)
    ] * 8


def test_overrun_of_the_stream_window() -> None:
    """DATA beyond the stream's window resets it with FLOW_CONTROL_ERROR."""
    client = FrameClient(limits=Limits(stream_window=65_535))
    client.headers(1)
    client.handlers[0].stream.pause()
    for _ in range(4):
        client.send(DataFrame(1, bytes(16_383)))
    client.send(DataFrame(1, bytes(3)))
    assert errors(client.received()) == []
    client.send(DataFrame(1, b"x", flags=["END_STREAM"]))
    assert errors(client.received()) == [("RST", 3)]
    assert client.handlers[0].closed == [ErrorCode.FLOW_CONTROL_ERROR]


def test_overrun_of_the_connection_window() -> None:
    """A single read may not bring more than the connection window admits."""
    client = FrameClient(limits=Limits(connection_window=65_535, max_frame_size=200_000, stream_window=1 << 20))
    client.headers(1)
    client.send(DataFrame(1, bytes(65_536)))
    assert errors(client.received()) == [("GOAWAY", 3)]


def test_pause_stops_granting() -> None:
    """A paused stream can fill its window and no more; others go on; ``resume`` grants at once."""
    client = FrameClient(limits=Limits(stream_window=65_535))
    client.headers(1)
    client.headers(3)
    stream = client.handlers[0].stream
    stream.pause()
    client.send(DataFrame(1, bytes(60_000)), DataFrame(3, bytes(60_000)))
    assert [frame.stream_id for frame in client.received() if isinstance(frame, WindowUpdateFrame)] == [3]
    stream.resume()
    (update,) = client.received()
    assert isinstance(update, WindowUpdateFrame)
    assert (update.stream_id, update.window_increment) == (1, 60_000)


def test_small_window_binds_after_the_ack() -> None:
    """A window below the default counts from the client's ACK on: what was under way is accepted (section 6.9.3)."""
    client = FrameClient(limits=Limits(stream_window=1000))
    client.headers(1)
    client.send(DataFrame(1, bytes(30_000)), SettingsFrame(0, flags=["ACK"]))
    assert errors(client.received()) == []
    client.headers(3)
    client.handlers[1].stream.pause()
    client.send(DataFrame(3, bytes(1000)), DataFrame(3, b"x"))
    assert errors(client.received()) == [("RST", 3)]


def test_output_outside_receive_is_announced() -> None:
    """``on_output`` is called once per ``take_output``, and not for output made within ``receive``."""
    client = FrameClient(echo)
    calls: list[int] = []
    client.connection.on_output = lambda: calls.append(1)
    client.get(1)
    assert calls == []
    client.received()
    client.react = lambda handler, event: None
    client.get(3)
    stream = client.handlers[1].stream
    stream.respond(200)
    stream.send(b"a")
    stream.send_and_end(b"b")
    assert calls == [1]
    client.received()
    client.connection.shutdown()
    assert calls == [1, 1]


def test_flush_from_within_on_output() -> None:
    """The owner may flush in ``on_output`` itself; ``should_close`` is already right then."""
    client = FrameClient()
    client.get(1)
    client.connection.shutdown()
    client.received()
    client.get(3)
    seen: list[bool] = []
    client.connection.on_output = lambda: seen.append(
        client.connection.take_output() != b"" and client.connection.should_close
    )
    client.connection.close()
    assert seen == [True]


def test_connection_lost() -> None:
    """All handlers hear of it once; later calls have no effect."""
    client = FrameClient()
    client.get(1)
    client.headers(3)
    client.connection.connection_lost()
    client.connection.connection_lost()
    assert [handler.closed for handler in client.handlers] == [[ErrorCode.CANCEL]] * 2
    client.handlers[0].stream.respond(200, end_stream=True)
    client.connection.close()
    client.connection.shutdown()
    client.get(5)
    assert client.received() == []
    assert client.connection.should_close


@pytest.mark.parametrize("code, told", [(ErrorCode.NO_ERROR, 8), (ErrorCode.INTERNAL_ERROR, 2)])
def test_close(code: ErrorCode, told: int) -> None:
    """``close`` sends one GOAWAY and ends all streams, even if their handlers turn to each other."""
    client = FrameClient()
    client.get(1)
    client.get(3)

    def react(handler: Recorder, event: str) -> None:
        for other in client.handlers:
            other.stream.respond(500)
            other.stream.reset()

    for handler in client.handlers:
        handler.react = react
    client.connection.close(code)
    client.connection.close()
    assert errors(client.received()) == [("GOAWAY", code)]
    assert [handler.closed for handler in client.handlers] == [[told]] * 2


@pytest.mark.parametrize("where", ["request", "data", "eof", "writable", "closed"])
def test_exception_in_a_handler(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """A failing handler costs its stream, is logged, and the bytes behind it are still taken."""

    def react(handler: Recorder, event: str) -> None:
        if event == where:
            raise ZeroDivisionError("bug")
        if event == "eof":
            handler.stream.respond(200)
            handler.stream.send(b"x" * 1000)

    client = FrameClient(react, Limits(send_high_water=100), settings={4: 0})
    if where == "request":
        client.connection._core.on_request = _failing
    with caplog.at_level(logging.ERROR):
        client.headers(1)
        client.send(DataFrame(1, b"x"), DataFrame(1, b"", flags=["END_STREAM"]))
        client.send(WindowUpdateFrame(1, window_increment=1000))
        if where == "closed":
            client.send(RstStreamFrame(1))
    assert "ZeroDivisionError" in caplog.text
    if where != "closed":
        assert ("RST", 2) in errors(client.received())
    if where != "request":
        client.react = echo
        client.get(3)
        assert client.handlers[-1].closed == [None]
    assert client.connection.open_streams == 0


def _failing(stream: Stream, head: RequestHead) -> Recorder:
    raise ZeroDivisionError("bug")


def test_reset_before_the_handler_is_known() -> None:
    """A stream reset within ``on_request`` still tells the handler that is returned."""
    handlers: list[Recorder] = []

    def refuse(stream: Stream, head: RequestHead) -> Recorder:
        stream.respond(503)
        stream.reset(ErrorCode.REFUSED_STREAM)
        handlers.append(Recorder(stream, head, lambda handler, event: None))
        return handlers[-1]

    client = FrameClient()
    client.connection._core.on_request = refuse
    client.get(1)
    assert handlers[0].events == [("closed", ErrorCode.REFUSED_STREAM)]


def test_response_before_the_handler_is_known() -> None:
    """A request may be answered whole within ``on_request``."""
    handlers: list[Recorder] = []

    def answer(stream: Stream, head: RequestHead) -> Recorder:
        stream.respond(404, end_stream=True)
        handlers.append(Recorder(stream, head, lambda handler, event: None))
        return handlers[-1]

    client = FrameClient()
    client.connection._core.on_request = answer
    client.get(1)
    assert handlers[0].events == [("eof", None), ("closed", None)]
    (frame,) = client.received()
    assert isinstance(frame, HeadersFrame)
    assert set(frame.flags) == {"END_HEADERS", "END_STREAM"}


def test_reset_while_data_is_delivered() -> None:
    """A handler that resets in ``data_received`` hears neither the rest nor the end."""

    def react(handler: Recorder, event: str) -> None:
        if event == "data":
            handler.stream.reset()

    client = FrameClient(react)
    client.headers(1)
    client.send(DataFrame(1, b"x", flags=["END_STREAM"]))
    assert client.handlers[0].events == [("data", b"x"), ("closed", ErrorCode.CANCEL)]


def test_response_that_ends_with_the_last_data() -> None:
    """A handler that answers the frame which ends the request closes the stream: nothing is left to end or reset."""

    def react(handler: Recorder, event: str) -> None:
        if event == "data":
            handler.stream.respond(200)
            handler.stream.send_and_end(b"answer")
            handler.stream.reset(ErrorCode.NO_ERROR)

    client = FrameClient(react)
    client.headers(1)
    client.received()
    client.send(DataFrame(1, b"x", flags=["END_STREAM"]))
    assert client.handlers[0].events == [("data", b"x"), ("closed", None)]
    assert [type(frame).__name__ for frame in client.received()] == ["HeadersFrame", "DataFrame"]


def test_close_while_data_is_delivered() -> None:
    """A handler may end the whole connection; frames behind it in the read are dropped."""
    client = FrameClient()
    client.react = lambda handler, event: client.connection.close() if event == "data" else None
    client.headers(1)
    data = DataFrame(1, b"x").serialize()
    client.raw(data + data + HeadersFrame(3, client.block(GET), flags=["END_HEADERS"]).serialize())
    (handler,) = client.handlers
    assert handler.events == [("data", b"x"), ("closed", ErrorCode.CANCEL)]
    assert errors(client.received()) == [("GOAWAY", 0)]


@pytest.mark.parametrize(
    "wrong",
    [{"max_frame_size": 16_383}, {"max_frame_size": 1 << 24}, {"connection_window": 65_534}, {"stream_window": 0}],
)
def test_impossible_limits(wrong: dict[str, int]) -> None:
    """Limits the protocol can't express are refused when they are made, with the range that is possible."""
    with pytest.raises(ValueError, match="must be from"):
        Server(limits=Limits(**wrong))  # type: ignore[arg-type]


def test_headers_are_joined() -> None:
    """Repeated headers are joined by commas, cookies by semicolons; octets that are no UTF-8 are escaped."""
    client = FrameClient()
    client.get(1, [*GET[:2], GET[3], ("cookie", "a=1"), ("x", "1"), ("host", "h.test"), ("cookie", "b=2"), ("x", "2")])
    head = client.handlers[0].head
    assert head.headers == {"cookie": "a=1; b=2", "x": "1, 2", "host": "h.test"}
    assert head.authority == "h.test"
    block = client.block(GET) + b"\x00\x01a\x03x\xff\xc3" + b"\x00\x01b\x02\xc3\xa9"
    client.send(HeadersFrame(3, block, flags=["END_HEADERS"]))
    assert client.handlers[1].head.headers == {"a": "x\udcff\udcc3", "b": "é"}


def test_connect() -> None:
    """CONNECT has an authority only."""
    client = FrameClient()
    client.headers(1, [(":method", "CONNECT"), (":authority", "a.test:1")])
    head = client.handlers[0].head
    assert (head.method, head.authority, head.path, head.scheme) == ("CONNECT", "a.test:1", "", "")
