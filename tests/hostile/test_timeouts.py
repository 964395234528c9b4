"""Peers that stop half-way, and vanish: each wait has an end, and what others do goes on."""

from __future__ import annotations

import time

import pytest
from hyperframe.frame import ContinuationFrame, GoAwayFrame, HeadersFrame, PingFrame

from tests.hostile.conftest import Limited
from tests.hostile.peer import INVOKE, TcpPeer, attempt, raw_frame
from tests.hostile.program import wait_until
from tests.http2.peer import GET, PREFACE
from tests.journals import M, start

CALM = ("GOAWAY", 0xB)
SHORT = 0.2


@pytest.mark.parametrize(
    "opening",
    [b"", PREFACE[:10], b"GET /health HTTP/1.1\r\nhost: a.test\r\nx-slow: ", b"POST /"],
)
def test_a_connection_has_to_say_what_it_speaks(limited: Limited, opening: bytes) -> None:
    """Neither a preface nor a head is waited for longer than ``handshake_timeout``."""
    with TcpPeer(limited(handshake_timeout=SHORT), silent=True) as peer:
        peer.raw(opening)
        peer.read_to_end()
        assert peer.received == []


def test_a_preface_ends_with_settings(limited: Limited) -> None:
    """They are part of the handshake."""
    with TcpPeer(limited(handshake_timeout=SHORT), silent=True) as peer:
        peer.raw(PREFACE)
        peer.read_to_end()
        assert peer.errors == [CALM]


def test_a_head_may_come_in_pieces(limited: Limited) -> None:
    """As long as it is there in time, it is served."""
    with TcpPeer(limited(), silent=True) as peer:
        for at in range(len(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")):
            peer.raw(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n"[at : at + 1])
        assert peer.socket.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize("half", [raw_frame(0, 0, 1, bytes(100))[:50], raw_frame(6, 0, 0, bytes(8))[:4]])
def test_half_a_frame_is_not_waited_for(limited: Limited, half: bytes) -> None:
    """The connection ends after ``receive_timeout``, and its attempts with it; others go on."""
    port = limited(receive_timeout=SHORT)
    with TcpPeer(port) as other, TcpPeer(port) as peer:
        other.invoke(1, "wait")
        peer.invoke(1, "wait")
        peer.settle()
        peer.raw(half)
        peer.read_to_end()
        assert peer.errors == [CALM]
        wait_until("wait", 1)
        other.go(1)
        assert other.output(1) == b'"ab"'


def test_half_a_header_block_is_not_waited_for(limited: Limited) -> None:
    """However regularly its next piece comes: the time is that of the block."""
    with TcpPeer(limited(receive_timeout=2 * SHORT)) as peer:
        peer.send(HeadersFrame(1, peer.block(GET)[:2]))
        peer.socket.settimeout(SHORT)
        for _ in range(30):
            if not peer.try_raw(ContinuationFrame(1, b"").serialize()):
                break
            try:
                if not peer.receive():
                    break
            except TimeoutError:
                pass
        assert peer.errors in ([CALM], [])  # a reset may take the GOAWAY with it
        assert peer.closed or not peer.try_raw(b"x")


def test_whole_frames_may_go_on_for_ever(limited: Limited) -> None:
    """A busy connection is often read in the middle of a frame: that is no fault."""
    with TcpPeer(limited(receive_timeout=SHORT)) as peer:
        peer.invoke(1, "wait")
        until = time.monotonic() + 4 * SHORT
        ping = PingFrame(0, b"12345678").serialize()
        peer.raw(ping[:5])
        for count in range(1, 900):  # as many as a second may have
            peer.raw(ping[5:] + ping[:5])
            peer.until(lambda count=count: sum(isinstance(f, PingFrame) for f in peer.received) == count)
            if time.monotonic() > until:
                break
        peer.raw(ping[5:])
        peer.go(1)
        assert peer.output(1) == b'"ab"'


def test_a_silent_peer_is_asked_whether_it_is_there(limited: Limited) -> None:
    """While it answers, its attempt goes on."""
    with TcpPeer(limited(keepalive_interval=SHORT, keepalive_timeout=20.0)) as peer:
        peer.invoke(1, "wait")
        for count in (1, 2, 3):
            peer.until(lambda count=count: sum(isinstance(frame, PingFrame) for frame in peer.received) == count)
            ping = [frame for frame in peer.received if isinstance(frame, PingFrame)][-1]
            peer.send(PingFrame(0, ping.opaque_data, flags=["ACK"]))
        peer.go(1)
        assert peer.output(1) == b'"ab"'


def test_a_peer_that_vanished_is_given_up(limited: Limited) -> None:
    """Half of a connection may be gone without a FIN: no answer in time, and the attempt is closed."""
    with TcpPeer(limited(keepalive_interval=SHORT, keepalive_timeout=SHORT)) as peer:
        peer.invoke(1, "wait")
        wait_until("wait", 1)
        wait_until("wait", 0)
        peer.read_to_end()
        assert [type(frame) for frame in peer.received if isinstance(frame, PingFrame)] == [PingFrame]


def test_an_idle_connection_is_ended_gracefully(limited: Limited) -> None:
    """A GOAWAY that names no stream, so that a request under way is served; then the last one, then the end."""
    with TcpPeer(limited(idle_timeout=SHORT)) as peer:
        peer.until(lambda: any(isinstance(frame, GoAwayFrame) for frame in peer.received))
        peer.check_serving(1)
        ping = next(frame for frame in peer.received if isinstance(frame, PingFrame))
        peer.send(PingFrame(0, ping.opaque_data, flags=["ACK"]))
        peer.read_to_end()
        goaways = [frame for frame in peer.received if isinstance(frame, GoAwayFrame)]
        assert [(frame.last_stream_id, frame.error_code) for frame in goaways] == [(2**31 - 1, 0), (1, 0)]


def test_pings_do_not_keep_a_connection(limited: Limited) -> None:
    """Only attempts do: else a peer could hold all connections at no cost. One that does not answer is cut off."""
    with TcpPeer(limited(idle_timeout=SHORT)) as peer:
        peer.headers(1, [*GET[:3], (":path", "/nothing")])  # answered with 404, and never ended
        peer.read_to_end()
        assert peer.errors == [("GOAWAY", 0), ("GOAWAY", 0)]


def test_a_connection_with_an_attempt_is_not_idle(limited: Limited) -> None:
    """However long it waits."""
    port = limited(idle_timeout=SHORT)
    with TcpPeer(port) as peer, TcpPeer(port) as idle:
        peer.invoke(1, "wait")
        peer.settle()
        idle.until(lambda: bool(idle.errors))
        peer.settle()
        assert peer.errors == []
        peer.go(1)
        assert peer.output(1) == b'"ab"'


def test_a_peer_that_does_not_read_is_cut_off(limited: Limited) -> None:
    """After ``write_timeout`` without a byte taken; the rest of its attempts is aborted."""
    with TcpPeer(limited(write_timeout=SHORT), settings={4: 2**31 - 1}) as peer:
        peer.grant(0, 2**30)
        peer.invoke(1, "wait")
        peer.invoke(3, "big", b"30000000")
        wait_until("wait", 1)
        wait_until("wait", 0, timeout=20)


def test_a_journal_is_not_waited_for(limited: Limited) -> None:
    """An attempt whose journal stops half-way ends with an error of its own; the connection serves on."""
    with TcpPeer(limited(journal_timeout=2 * SHORT)) as peer:
        peer.invoke(1, "wait")
        peer.headers(3, INVOKE("wait"))
        peer.data(3, start(5))
        peer.headers(5, INVOKE("wait"))
        for stream_id in (3, 5):
            peer.until(lambda stream_id=stream_id: peer.ended(stream_id))
            assert peer.types(stream_id) == [M.ERROR]
            assert "journal_timeout" in peer.messages(stream_id)[0].message
        peer.go(1)
        assert peer.output(1) == b'"ab"'


def test_connections_are_limited(limited: Limited) -> None:
    """One too many is closed unheard; when another has gone there is room again. Both protocols count."""
    port = limited(max_connections=2)
    with TcpPeer(port) as first:
        first.invoke(1, "wait")
        with TcpPeer(port, silent=True) as second:
            second.raw(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
            assert second.socket.recv(15) == b"HTTP/1.1 200 OK"
            with TcpPeer(port, silent=True) as third:
                third.read_to_end()
                assert third.received == []
        first.settle()
        retry_until_served(port)
        first.go(1)
        assert first.output(1) == b'"ab"'


def retry_until_served(port: int) -> None:
    """The endpoint sees the end of a connection in its own time."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with TcpPeer(port, silent=True) as peer:
            try:
                peer.raw(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
                if peer.socket.recv(15) == b"HTTP/1.1 200 OK":
                    return
            except ConnectionError:
                pass
    raise AssertionError("there is no room again")


def test_an_attempt_takes_no_more_than_allowed(limited: Limited) -> None:
    """Beyond ``max_request_bytes`` the attempt ends with code 413; the stream beside it goes on."""
    with TcpPeer(limited(max_request_bytes=10_000)) as peer:
        peer.invoke(1, "wait")
        peer.headers(3, INVOKE("echo"))
        body = attempt(b'"%s"' % (b"x" * 12_000))
        peer.data(3, body[:9000])
        peer.data(3, body[9000:])
        peer.until(lambda: peer.ended(3))
        (error,) = peer.messages(3)
        assert (error.code, "max_request_bytes" in error.message) == (413, True)
        peer.go(1)
        assert peer.output(1) == b'"ab"'
