"""Peers that give no window, grant too much, do not read, or write byte by byte."""

from __future__ import annotations

import struct

from hyperframe.frame import HeadersFrame

from restate_reflect.http2 import Limits
from tests.hostile.conftest import Limited
from tests.hostile.peer import INVOKE, TcpPeer, attempt
from tests.hostile.program import resident
from tests.support import ServedProcess

REFUSED = ("RST", 7)
MIB = 1 << 20


def test_a_zero_window_holds_the_response_back(port: int) -> None:
    """The attempt is through; its answer waits, whole, for as long as it takes."""
    with TcpPeer(port, settings={4: 0}) as peer:
        peer.invoke(1, "echo")
        peer.check_serving_head(3)
        assert peer.body(1) == b""
        peer.grant(1, 1000)
        assert peer.output(1) == b'"a"'


def test_the_connection_window_holds_all_back(port: int) -> None:
    """65,535 bytes without a WINDOW_UPDATE for the connection, whatever the streams' windows."""
    with TcpPeer(port, settings={4: 2**31 - 1}) as peer:
        peer.invoke(1, "big", b"100000")
        peer.until(lambda: len(peer.body(1)) == 65_535)
        peer.settle()
        assert len(peer.body(1)) == 65_535
        peer.grant(0, 2**31 - 1 - 65_535)
        assert len(peer.output(1)) == 100_002


def test_responses_that_nobody_takes_are_limited(limited: Limited) -> None:
    """Above ``max_unsent`` new streams are refused; those there are end once they are given window."""
    port = limited(http2=Limits(max_unsent=3 * MIB))
    with TcpPeer(port, settings={4: 0}) as peer:
        for stream_id in (1, 3, 5, 7, 9):
            peer.invoke(stream_id, "big", b"1000000")
            peer.settle()
        assert peer.errors == [REFUSED]
        peer.grant(0, 2**30)
        for stream_id in (1, 3, 5, 7):
            peer.grant(stream_id, 2**30)
            assert len(peer.output(stream_id)) == 1_000_002
        peer.check_serving_head(11)


def test_a_peer_that_takes_nothing_does_not_fill_the_memory(process: ServedProcess) -> None:
    """300 attempts that answer 1 MB each: 64 MiB wait, the others are refused."""
    before = resident(process.pid)
    with TcpPeer(process.port, settings={4: 0}) as peer:
        for number in range(300):
            peer.invoke(2 * number + 1, "big", b"1000000")
        peer.settle()
        assert set(peer.errors) == {REFUSED}
        assert len(peer.errors) > 200
        # What waits, and its copies while it was made (Python frees them for reuse, not to the system).
        assert resident(process.pid) - before < 160 * MIB
        with TcpPeer(process.port) as other:
            other.invoke(1, "echo")
            assert other.output(1) == b'"a"'


def test_a_slow_reader_gets_everything(port: int) -> None:
    """4 MB in reads of 2 KiB: the transport is full nearly all the time."""
    with TcpPeer(port, settings={4: 2**31 - 1}) as peer:
        peer.chunk = 2048
        peer.grant(0, 2**30)
        peer.invoke(1, "big", b"4000000")
        assert len(peer.output(1)) == 4_000_002


def test_a_slow_writer_is_served(port: int) -> None:
    """Head and journal come byte by byte."""
    with TcpPeer(port) as peer:
        head = HeadersFrame(1, peer.block(INVOKE("echo")), flags=["END_HEADERS"]).serialize()
        data = struct.pack(">LBL", len(attempt()) << 8, 1, 1) + attempt()
        peer.socket.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
        for at in range(len(head + data)):
            peer.raw((head + data)[at : at + 1])
        assert peer.output(1) == b'"a"'


def test_data_beyond_the_window(limited: Limited) -> None:
    """A peer that ignores the window of a stream loses the stream, of the connection the connection."""
    port = limited(http2=Limits(stream_window=100))
    with TcpPeer(port) as peer:
        peer.settle()
        peer.raw(b"\0\0\0\x04\x01\0\0\0\0")  # SETTINGS ACK: the small window is in force
        peer.headers(1, INVOKE("wait"))
        peer.headers(3, INVOKE("echo"))
        peer.data(1, bytes(101))
        peer.data(3, attempt())
        assert peer.output(3) == b'"a"'
        assert peer.errors[0] == ("RST", 3)
