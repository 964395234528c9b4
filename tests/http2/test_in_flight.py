"""Frames that crossed with the end of their stream (RFC 9113 section 5.1, "closed").

A peer sends on until it has read that we ended the stream: as much as the windows it was granted allow is no fault.
Each test has a limit of three ignored frames, so that what is counted would show.
"""

from __future__ import annotations

import pytest
from hyperframe.frame import DataFrame, RstStreamFrame

from restate_reflect.http2 import ErrorCode, Limits, Rate
from tests.http2.peer import GET, FrameClient, HeadersFrame, Pair, Recorder, echo, errors

PROTOCOL, FLOW, CLOSED, CALM = 1, 3, 5, 0xB
WINDOW = 70_000
LIMITS = Limits(ignored_frames=Rate(3, 1000.0), stream_window=WINDOW)


def answer_early(handler: Recorder, event: str) -> None:
    """As an endpoint answers 404: at the first byte, and the rest is not wanted."""
    if event == "data":
        handler.stream.respond(404, end_stream=True)
        handler.stream.reset(ErrorCode.NO_ERROR)


def answered_early() -> FrameClient:
    """Stream 1 was answered after its first ten bytes; the client has not read that yet."""
    client = FrameClient(answer_early, LIMITS)
    client.headers(1)
    client.send(DataFrame(1, b"x" * 10))
    assert errors(client.received()) == [("RST", 0)]
    return client


def test_a_whole_window_may_be_under_way() -> None:
    """However many frames it takes: 7,000 of ten bytes."""
    client = answered_early()
    frame = DataFrame(1, b"x" * 10).serialize()
    client.raw(frame * (WINDOW // 10 - 1))
    client.get(3)
    assert errors(client.received()) == []
    assert client.handlers[-1].stream.id == 3


def test_padding_counts() -> None:
    """As flow control counts it (section 6.1): twenty bytes a frame are twice what fits."""
    client = answered_early()
    client.raw(DataFrame(1, b"", flags=["PADDED"], pad_length=19).serialize() * (WINDOW // 20))
    assert errors(client.received()) == [("GOAWAY", FLOW)]


def test_more_than_the_window_is_an_error() -> None:
    """No peer that keeps to the rules can send that (section 6.9.1)."""
    client = answered_early()
    client.raw(DataFrame(1, b"x" * 10_000).serialize() * 6 + DataFrame(1, b"x" * 9_990).serialize())
    assert errors(client.received()) == []
    client.send(DataFrame(1, b"x"))
    assert errors(client.received()) == [("GOAWAY", FLOW)]


def test_the_connections_window_is_topped_up_for_ignored_data() -> None:
    """Or uploads that are turned away would use it up: 600 times a window go through."""
    client = FrameClient(answer_early, Limits(stream_window=WINDOW, connection_window=WINDOW))
    for number in range(600):
        stream_id = 2 * number + 1
        client.headers(stream_id)
        client.raw(DataFrame(stream_id, b"x" * 10_000).serialize() * 7)
    assert set(errors(client.received())) == {("RST", 0)}


@pytest.mark.parametrize("last", ["DATA", "empty DATA", "trailers", "RST_STREAM"])
def test_the_peers_own_end_may_be_under_way(last: str) -> None:
    """Once on each stream, so that no number of streams is a flood."""
    client = FrameClient(answer_early, LIMITS)
    for number in range(20):
        stream_id = 2 * number + 1
        client.headers(stream_id)
        client.send(DataFrame(stream_id, b"x"))
        end_of_stream(client, stream_id, last)
    assert errors(client.received()) == [("RST", 0)] * 20


def end_of_stream(client: FrameClient, stream_id: int, last: str) -> None:
    match last:
        case "DATA":
            client.send(DataFrame(stream_id, b"x", flags=["END_STREAM"]))
        case "empty DATA":
            client.send(DataFrame(stream_id, b"", flags=["END_STREAM"]))
        case "trailers":
            client.headers(stream_id, [("a", "b")], flags=("END_HEADERS", "END_STREAM"))
        case _:
            client.send(RstStreamFrame(stream_id, error_code=8))


@pytest.mark.parametrize(
    "last, error",
    [
        ("DATA", ("GOAWAY", CLOSED)),
        ("empty DATA", ("GOAWAY", CLOSED)),
        ("trailers", ("GOAWAY", CLOSED)),
        ("RST_STREAM", ("RST", CLOSED)),
    ],
)
def test_nothing_may_follow_the_peers_own_end(last: str, error: tuple[str, int]) -> None:
    """Then it is no crossing any more, but an error of the peer's."""
    client = answered_early()
    end_of_stream(client, 1, last)
    client.send(DataFrame(1, b"x"))
    assert errors(client.received()) == [error]


@pytest.mark.parametrize("frame", ["empty DATA", "trailers", "RST_STREAM"])
def test_what_no_window_bounds_is_counted(frame: str) -> None:
    """Empty DATA and header blocks without END_STREAM, and RST_STREAM again and again."""
    client = answered_early()
    if frame == "RST_STREAM":
        client.send(RstStreamFrame(1, error_code=8))
    for _ in range(4):
        assert not client.connection.should_close
        match frame:
            case "empty DATA":
                client.send(DataFrame(1, b""))
            case "trailers":
                client.send(HeadersFrame(1, client.block([("a", "b")]), flags=["END_HEADERS"]))
            case _:
                client.send(RstStreamFrame(1, error_code=8))
    assert errors(client.received()) == [("GOAWAY", CALM)]


def test_resets_that_cross_with_a_whole_response() -> None:
    """A client that gives up just as the response goes out is no flood."""
    client = FrameClient(echo, LIMITS)
    for number in range(20):
        client.get(2 * number + 1)
        client.send(RstStreamFrame(2 * number + 1, error_code=8))
    assert errors(client.received()) == []


def test_refused_streams_have_a_window_too() -> None:
    """What a refused request sent along is turned away in silence."""
    client = FrameClient(limits=Limits(max_concurrent_streams=1, ignored_frames=Rate(3, 1000.0)))
    client.headers(1)
    client.headers(3)
    client.raw(DataFrame(3, b"x" * 10).serialize() * 6_553)
    assert errors(client.received()) == [("RST", 7)]


def test_a_last_frame_that_is_turned_away_needs_no_reset() -> None:
    """The request has ended by itself: RST_STREAM would only tell the client something is wrong."""
    client = FrameClient(answer_early, LIMITS)
    client.headers(1)
    client.send(DataFrame(1, b"x", flags=["END_STREAM"]))
    assert errors(client.received()) == []
    assert client.handlers[0].closed == [None]


def test_h2_uploads_that_are_turned_away() -> None:
    """The ``h2`` library's client fills its windows before it reads a byte of the answer, stream after stream."""
    pair = Pair(answer_early, Limits(ignored_frames=Rate(3, 1000.0)))
    for _ in range(50):
        stream_id = pair.client.get_next_available_stream_id()
        pair.client.send_headers(stream_id, [*GET[1:], (":method", "POST")])
        while window := pair.client.local_flow_control_window(stream_id):
            pair.client.send_data(stream_id, b"x" * min(window, 16_384))
        pair.shuttle()
        assert pair.ended(stream_id)
    assert not pair.connection.should_close
