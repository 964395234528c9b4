"""Connections and streams that end in the middle of an attempt: nothing of it is left."""

from __future__ import annotations

import gc
import socket
import struct
import weakref
from collections.abc import Callable

import pytest
from hyperframe.frame import GoAwayFrame, RstStreamFrame

from restate_reflect.durable.attempt import Attempt
from tests.hostile.peer import TcpPeer
from tests.hostile.program import Guest, wait_until
from tests.journals import M
from tests.support import ServedInThread, ServedProcess


def close(peer: TcpPeer) -> None:
    peer.socket.close()


def reset_connection(peer: TcpPeer) -> None:
    """RST instead of FIN."""
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.socket.close()


def half_close(peer: TcpPeer) -> None:
    """FIN in one direction: as no HTTP/2 peer does that, it is the end."""
    peer.socket.shutdown(socket.SHUT_WR)
    peer.read_to_end()


def reset_stream(peer: TcpPeer) -> None:
    for stream_id in (1, 3):
        peer.send(RstStreamFrame(stream_id, error_code=8))
    peer.settle()


def break_a_rule(peer: TcpPeer) -> None:
    peer.raw(b"\0\0\1\6\0\0\0\0\0x")
    peer.read_to_end()


def say_goodbye_and_leave(peer: TcpPeer) -> None:
    peer.send(GoAwayFrame(0, last_stream_id=0, error_code=0))
    peer.socket.close()


ENDS: tuple[Callable[[TcpPeer], None], ...] = (
    close,
    reset_connection,
    half_close,
    reset_stream,
    break_a_rule,
    say_goodbye_and_leave,
)


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_left_of_an_attempt(port: int, end: Callable[[TcpPeer], None]) -> None:
    """Coroutines are closed, bodies of steps cancelled; attempts are freed without the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        before = set(map(id, attempts()))
        with TcpPeer(port) as peer:
            peer.invoke(1, "wait")
            peer.invoke(3, "step")
            wait_until("wait", 1)
            wait_until("body", 1)
            watched = [weakref.ref(each) for each in attempts() if id(each) not in before]
            assert len(watched) == 2
            end(peer)
            for what in ("wait", "step", "body"):
                wait_until(what, 0)
        with TcpPeer(port) as other:
            other.check_serving(1)
        assert [each() for each in watched] == [None, None]
    finally:
        gc.enable()


def attempts() -> list[Attempt]:
    return [each for each in gc.get_objects() if type(each) is Attempt]


def test_a_step_in_progress_outlives_the_request(port: int) -> None:
    """The end of the request alone ends nothing: the step's result can still be offered."""
    with TcpPeer(port) as peer:
        peer.invoke(1, "step", end=True)
        wait_until("body", 1)
        peer.settle()
        assert not peer.ended(1)
        peer.send(RstStreamFrame(1, error_code=8))
        wait_until("body", 0)


def test_the_end_of_the_request_suspends(port: int) -> None:
    """What waits for the server, and nothing else, is suspended at once."""
    with TcpPeer(port) as peer:
        peer.invoke(1, "wait")
        peer.settle()
        peer.data(1, b"", end=True)
        peer.until(lambda: peer.ended(1))
        assert peer.types(1)[-1] == M.SUSPENSION


def test_a_stop_ends_hostile_connections_too() -> None:
    """An endpoint that stops waits neither for a peer in its handshake nor for one that reads nothing."""
    with ServedInThread(Guest) as served:
        silent, deaf = TcpPeer(served.port, silent=True), TcpPeer(served.port, settings={4: 2**31 - 1})
        deaf.grant(0, 2**30)
        deaf.invoke(1, "big", b"20000000")
        deaf.invoke(3, "wait")
        wait_until("wait", 1)
        served.stop()
        wait_until("wait", 0)
        silent.socket.close()
        deaf.socket.close()


def test_a_blocked_loop_catches_up(process: ServedProcess) -> None:
    """User code that blocks the loop delays the others; it does not lose them."""
    with TcpPeer(process.port) as one, TcpPeer(process.port) as other:
        one.invoke(1, "block", b"0.5")
        other.invoke(1, "wait")
        other.go(1)
        assert other.output(1) == b'"ab"'
        one.until(lambda: one.ended(1))
        assert one.types(1)[-1] == M.END
