"""The ``h2`` library as the client: what a well-behaved foreign peer sees."""

from __future__ import annotations

import h2.events
import h2.settings
import pytest

from restate_reflect.http2 import ErrorCode, Limits
from tests.http2.peer import GET, POST, Pair, Recorder, ignore


def test_get_is_answered() -> None:
    """A request without a body arrives whole, and the response ends the stream on both sides."""

    def answer(handler: Recorder, event: str) -> None:
        if event == "eof":
            handler.stream.respond(200, [("Content-Type", "text/plain"), ("x-two", "a"), ("x-two", "b")])
            handler.stream.send_and_end(b"hello")

    pair = Pair(answer)
    stream_id = pair.request([*GET, ("user-agent", "h2")])
    (response,) = pair.of(stream_id, h2.events.ResponseReceived)
    *headers, (name, _) = response.headers  # type: ignore[attr-defined]
    assert headers == [(":status", "200"), ("content-type", "text/plain"), ("x-two", "a"), ("x-two", "b")]
    assert name == "date"
    assert pair.body(stream_id) == b"hello"
    assert pair.ended(stream_id)
    (handler,) = pair.handlers
    head = handler.head
    assert (head.method, head.path, head.scheme, head.authority) == ("GET", "/", "http", "a.test")
    assert dict(head.headers) == {"user-agent": "h2"}
    assert handler.events == [("eof", None), ("closed", None)]
    assert pair.connection.open_streams == 0


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 3_000_000])
def test_bodies_come_back(size: int) -> None:
    """A body of any size passes both ways through windows that are refilled on the way."""
    body = bytes(range(256)) * (size // 256 + 1)
    pair = Pair()
    stream_id = pair.request(body=body[:size])
    assert pair.handlers[0].body == body[:size]
    assert pair.body(stream_id) == body[:size]
    assert pair.ended(stream_id)


def test_large_body_upwards_through_tiny_window() -> None:
    """A receive window of 10 bytes passes a large body, once the client has acknowledged it."""
    pair = Pair(limits=Limits(stream_window=10))
    stream_id = pair.request(body=b"x" * 5000)
    assert pair.client.remote_settings.initial_window_size == 10
    assert pair.body(stream_id) == b"x" * 5000


def test_large_body_downwards_through_tiny_window() -> None:
    """A client's window of 7 bytes passes a large body, seven bytes at a time."""
    pair = Pair()
    pair.client.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 7})
    pair.shuttle()
    stream_id = pair.request(body=b"0123456789" * 300)
    assert pair.body(stream_id) == b"0123456789" * 300
    assert pair.ended(stream_id)
    assert max(len(event.data) for event in pair.of(stream_id, h2.events.DataReceived)) == 7  # type: ignore[attr-defined]


def test_streams_share_the_connection_window() -> None:
    """Responses of several streams go on side by side when the connection's window is what is short."""
    pair = Pair(ignore)
    ids = [pair.request(GET) for _ in range(3)]
    for handler in pair.handlers:
        handler.stream.respond(200)
        handler.stream.send_and_end(b"y" * 60_000)
    pair.shuttle(acknowledge=False)
    assert sum(len(pair.body(stream_id)) for stream_id in ids) == 65_535
    pair.client.increment_flow_control_window(65_535)
    pair.shuttle(acknowledge=False)
    assert all(len(pair.body(stream_id)) > 30_000 for stream_id in ids)
    pair.client.increment_flow_control_window(200_000)
    pair.shuttle(acknowledge=False)
    assert [len(pair.body(stream_id)) for stream_id in ids] == [60_000] * 3
    assert all(pair.ended(stream_id) for stream_id in ids)


def test_bidirectional_stream() -> None:
    """Response bytes flow before the request has ended."""

    def answer(handler: Recorder, event: str) -> None:
        if event == "data":
            if not handler.stream.head_sent:
                handler.stream.respond(200)
            handler.stream.send(handler.body[-3:])
        elif event == "eof":
            handler.stream.end()

    pair = Pair(answer)
    pair.client.send_headers(1, POST)
    for part in (b"one", b"two"):
        pair.client.send_data(1, part)
        pair.shuttle()
        assert pair.body(1).endswith(part)
    pair.client.end_stream(1)
    pair.shuttle()
    assert pair.ended(1)
    assert pair.handlers[0].closed == [None]


def test_trailers_both_ways() -> None:
    """Request trailers end the request; response trailers follow the last buffered byte."""

    def answer(handler: Recorder, event: str) -> None:
        if event == "eof":
            handler.stream.respond(200)
            handler.stream.send(b"z" * 100_000)
            handler.stream.end([("X-Check", "ok")])

    pair = Pair(answer)
    pair.client.send_headers(1, POST)
    pair.client.send_data(1, b"body")
    pair.client.send_headers(1, [("x-sum", "1")], end_stream=True)
    pair.shuttle()
    assert pair.handlers[0].events[:2] == [("data", b"body"), ("eof", None)]
    assert len(pair.body(1)) == 100_000
    (trailers,) = pair.of(1, h2.events.TrailersReceived)
    assert trailers.headers == [("x-check", "ok")]  # type: ignore[attr-defined]
    assert pair.ended(1)


def test_padding_is_removed_and_paid_for() -> None:
    """Padding counts for flow control and never reaches the handler."""
    pair = Pair()
    pair.client.send_headers(1, POST)
    for _ in range(8000):
        pair.client.send_data(1, b"ab", pad_length=255)
        pair.shuttle()
    pair.client.end_stream(1)
    pair.shuttle()
    assert pair.handlers[0].body == b"ab" * 8000


def test_large_headers_both_ways() -> None:
    """Header blocks beyond one frame are split into CONTINUATIONs and put together."""
    long = "v" * 40_000

    def answer(handler: Recorder, event: str) -> None:
        if event == "eof":
            handler.stream.respond(200, [("x-long", handler.head.headers["x-long"])], end_stream=True)

    pair = Pair(answer)
    stream_id = pair.request([*GET, ("x-long", long)])
    (response,) = pair.of(stream_id, h2.events.ResponseReceived)
    assert ("x-long", long) in response.headers  # type: ignore[attr-defined]
    assert pair.ended(stream_id)


def test_ping_is_answered() -> None:
    """PING comes back with its payload."""
    pair = Pair()
    pair.client.ping(b"12345678")
    pair.shuttle()
    (ack,) = [event for event in pair.events if isinstance(event, h2.events.PingAckReceived)]
    assert ack.ping_data == b"12345678"


def test_client_resets() -> None:
    """A reset by the client reaches the handler with its code, and the connection goes on."""
    pair = Pair()
    pair.client.send_headers(1, POST)
    pair.client.reset_stream(1, 8)
    pair.shuttle()
    assert pair.handlers[0].events == [("closed", ErrorCode.CANCEL)]
    assert pair.ended(pair.request(GET))


def test_server_resets() -> None:
    """A reset by the server reaches the client with its code; data under way for it does no harm."""
    pair = Pair(ignore)
    pair.client.send_headers(1, POST)
    pair.client.send_data(1, b"a")
    pair.shuttle()
    pair.handlers[0].stream.reset(ErrorCode.INTERNAL_ERROR)
    pair.client.send_data(1, b"b", end_stream=True)
    pair.shuttle()
    (reset,) = pair.of(1, h2.events.StreamReset)
    assert reset.error_code == 2  # type: ignore[attr-defined]
    assert pair.handlers[0].events == [("data", b"a"), ("closed", ErrorCode.INTERNAL_ERROR)]
    assert not pair.connection.should_close


def test_early_response() -> None:
    """``reset(NO_ERROR)`` after ``end`` lets the whole response out first, then stops the upload."""
    pair = Pair(ignore)
    pair.client.send_headers(1, POST)
    pair.shuttle()
    stream = pair.handlers[0].stream
    stream.respond(413)
    stream.send_and_end(b"e" * 200_000)
    stream.reset(ErrorCode.NO_ERROR)
    assert pair.connection.open_streams == 1
    pair.shuttle()
    assert len(pair.body(1)) == 200_000
    assert [event.error_code for event in pair.of(1, h2.events.StreamReset)] == [0]  # type: ignore[attr-defined]
    assert pair.handlers[0].closed == [ErrorCode.NO_ERROR]
    assert pair.connection.open_streams == 0


def test_response_blocks_stay_valid_when_the_table_shrinks() -> None:
    """A client may lower its header table size at any time: responses never use the table."""
    pair = Pair()
    assert pair.ended(pair.request(GET))
    pair.client.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 0})
    pair.shuttle()
    assert pair.ended(pair.request(GET))
    pair.client.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 8192})
    pair.shuttle()
    assert pair.ended(pair.request(GET))


def test_a_thousand_requests_one_after_another() -> None:
    """Nothing is kept of finished streams."""
    pair = Pair()
    for number in range(1000):
        body = b"%d" % number
        assert pair.body(pair.request([*POST, ("x-request", str(number))], body)) == body
    assert pair.connection.open_streams == 0
    assert [handler.head.headers["x-request"] for handler in pair.handlers] == [str(n) for n in range(1000)]


def test_many_concurrent_streams() -> None:
    """As many streams as announced are served at once, in whatever order they are answered."""
    pair = Pair(ignore, Limits(max_concurrent_streams=50))
    ids = [pair.request(GET) for _ in range(50)]
    assert pair.connection.open_streams == 50
    for handler in reversed(pair.handlers):
        handler.stream.respond(200)
        handler.stream.send_and_end(b"%d" % handler.stream.id)
    pair.shuttle()
    assert [pair.body(stream_id) for stream_id in ids] == [b"%d" % stream_id for stream_id in ids]
