"""Malformed service protocol inside of well-formed HTTP/2: error 571 on that stream, and nothing else happens."""

from __future__ import annotations

import pytest

from restate_reflect.protocol.framing import encode_frame
from tests.hostile.peer import INVOKE, TcpPeer, attempt
from tests.hostile.program import wait_until
from tests.journals import CANCEL, M, done, given_input, journal, signal, start

MALFORMED: dict[str, bytes] = {
    "an unknown message": encode_frame(0x0009, b""),
    "a custom message": encode_frame(0xFC01, b"x"),
    "nothing but garbage": b"\xff" * 64,
    "a message beyond the limit": b"\x00\x00\x00\x00\xff\xff\xff\xff",
    "a start message that is no protobuf": encode_frame(M.START, b"\xff\xff\xff"),
    "an empty journal": start(0),
    "two start messages": start(2) + start(2),
    "a command before the start": given_input(b'"a"'),
    "a notification before the start": signal("go", b'"x"'),
    "a journal without its input": start(1) + signal("go", b'"x"'),
    "a journal that starts with another command": start(1) + encode_frame(M.SLEEP_COMMAND, b""),
    "an input that is no protobuf": start(1) + encode_frame(M.INPUT_COMMAND, b"\xff\xff"),
    "a command after the journal": attempt() + given_input(b'"again"'),
    "a notification that is no protobuf": attempt() + encode_frame(M.SLEEP_COMPLETION, b"\xff\xff"),
    "a notification without an id": attempt() + encode_frame(M.SLEEP_COMPLETION, b"\x22\x00"),
    "a notification without a result": attempt() + encode_frame(M.SLEEP_COMPLETION, b"\x08\x01"),
    "a result that nobody asked for": attempt() + done(M.SLEEP_COMPLETION, 99),
    "an ack that nobody asked for": attempt() + encode_frame(M.PROPOSE_RUN_COMPLETION_ACK, b"\x08\x63"),
    "a message of ours": attempt() + encode_frame(M.SUSPENSION, b""),
    "state keys that are no text": journal(given_input(b'"a"'), state={})
    + encode_frame(M.GET_LAZY_STATE_KEYS_COMPLETION, b"\x08\x01\x8a\x01\x03\x0a\x01\xff"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_violation_ends_its_attempt_alone(port: int, case: str) -> None:
    """Its stream ends with one error message; attempts on the connection and beside it go on."""
    with TcpPeer(port) as other, TcpPeer(port) as peer:
        other.invoke(1, "wait")
        peer.invoke(1, "wait")
        wait_until("wait", 2)
        peer.headers(3, INVOKE("wait"))
        peer.data(3, MALFORMED[case])
        peer.until(lambda: peer.ended(3))
        assert peer.types(3)[-1] == M.ERROR
        assert peer.messages(3)[-1].code == 571
        wait_until("wait", 2)
        for each in (peer, other):
            each.go(1)
            assert each.output(1) == b'"ab"'


def test_a_request_that_ends_within_its_journal(port: int) -> None:
    """571, too, whether within a message or between two."""
    with TcpPeer(port) as peer:
        for stream_id, data in ((1, attempt()[:-1]), (3, start(1)), (5, b"")):
            peer.headers(stream_id, INVOKE("wait"))
            peer.data(stream_id, data, end=True)
            peer.until(lambda stream_id=stream_id: peer.ended(stream_id))
            assert peer.messages(stream_id)[-1].code == 571


def test_bytes_after_the_end_are_turned_away(port: int) -> None:
    """The response is complete; the rest of the request is not needed (RFC 9113 section 8.1)."""
    with TcpPeer(port) as peer:
        peer.invoke(1, "echo")
        assert peer.output(1) == b'"a"'
        peer.data(1, CANCEL * 100)
        peer.settle()
        assert peer.errors == [("RST", 0)]


@pytest.mark.parametrize(
    "path, kind, status",
    [
        ("/invoke/Guest/nothing", None, 404),
        ("/invoke/Nobody/wait", None, 404),
        ("/invoke/Guest", None, 404),
        ("/invoke/Guest/wait/more", None, 404),
        ("/../invoke/Guest/wait?x=1", None, 200),
        ("/invoke/Guest/wait", "application/json", 415),
        ("/invoke/Guest/wait", "application/vnd.restate.invocation.v99", 415),
        ("/invoke/Guest/w\udcff", None, 404),
    ],
)
def test_requests_for_what_is_not_there(port: int, path: str, kind: str | None, status: int) -> None:
    """They get a status, and a peer that goes on sending a body is stopped."""
    head = [(name, path if name == ":path" else value) for name, value in INVOKE("wait")]
    head = [(name, kind if kind and name == "content-type" else value) for name, value in head]
    octets = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in head]
    with TcpPeer(port) as peer:
        peer.headers(1, octets)  # type: ignore[arg-type]
        peer.settle()
        assert peer.status(1) == status
        if status != 200:
            peer.data(1, bytes(100))
            peer.settle()
            assert peer.errors == [("RST", 0)]
            peer.check_serving(3)
