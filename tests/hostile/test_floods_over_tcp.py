"""Floods with the default limits, against a process whose memory is measured: each ends, and costs next to nothing."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from tests.hostile.peer import INVOKE, TcpPeer, attempt, raw_frame
from tests.hostile.program import resident
from tests.http2.peer import GET
from tests.support import ServedProcess

CALM = ("GOAWAY", 0xB)
GROWTH = 24 << 20
"""Bytes by which the process may have grown after a flood; about 2 MiB are seen. It holds 60 MiB."""
BATCH = 200
"""Frames in one write."""


def requests(peer: TcpPeer) -> Iterator[tuple[int, bytes]]:
    """Heads of invocations, each on a new stream."""
    for stream_id in itertools.count(1, 2):
        yield stream_id, HeadersFrame(stream_id, peer.block(INVOKE("wait")), flags=["END_HEADERS"]).serialize()


def rapid_reset(peer: TcpPeer) -> Iterator[bytes]:
    for stream_id, head in requests(peer):
        yield head + DataFrame(stream_id, attempt()).serialize() + RstStreamFrame(stream_id, error_code=8).serialize()


def made_you_reset(peer: TcpPeer) -> Iterator[bytes]:
    for stream_id, head in requests(peer):
        yield head + WindowUpdateFrame(stream_id, window_increment=2**31 - 1).serialize()


def refused_streams(peer: TcpPeer) -> Iterator[bytes]:
    """Streams beyond the allowed number, for ever."""
    for _, head in requests(peer):
        yield head


def on_open_stream(frame: bytes) -> Callable[[TcpPeer], Iterator[bytes]]:
    def run(peer: TcpPeer) -> Iterator[bytes]:
        peer.headers(1, INVOKE("wait"))
        while True:
            yield frame

    return run


def continuations(peer: TcpPeer) -> Iterator[bytes]:
    yield HeadersFrame(1, peer.block(GET)).serialize()
    while True:
        yield ContinuationFrame(1, b"").serialize()


def long_block(peer: TcpPeer) -> Iterator[bytes]:
    yield HeadersFrame(1, b"\x00\x7f\xff\xff\x7f").serialize()
    while True:
        yield ContinuationFrame(1, b"a" * 16_000).serialize()


FLOODS: dict[str, Callable[[TcpPeer], Iterator[bytes]]] = {
    "rapid reset (CVE-2023-44487)": rapid_reset,
    "made you reset (CVE-2025-8671)": made_you_reset,
    "refused streams": refused_streams,
    "PING (CVE-2019-9512)": on_open_stream(PingFrame(0, b"12345678").serialize()),
    "SETTINGS (CVE-2019-9515)": on_open_stream(SettingsFrame(0, settings={4: 70_000}).serialize()),
    "SETTINGS of 1,000 changes": on_open_stream(raw_frame(4, 0, 0, struct.pack(">HL", 4, 9) * 1000)),
    "empty DATA (CVE-2019-9518)": on_open_stream(DataFrame(1, b"").serialize()),
    "padding alone": on_open_stream(DataFrame(1, b"", flags=["PADDED"], pad_length=9).serialize()),
    "PRIORITY (CVE-2019-9513)": on_open_stream(PriorityFrame(9, depends_on=3).serialize()),
    "unknown frames": on_open_stream(raw_frame(0x16, 0, 0, b"x")),
    "WINDOW_UPDATE": on_open_stream(WindowUpdateFrame(1, window_increment=1).serialize()),
    "CONTINUATION (CVE-2024-27316)": continuations,
    "header block without end": long_block,
}


def flood(peer: TcpPeer, pieces: Iterator[bytes]) -> int:
    """Writes until the endpoint has closed the connection; how many pieces that took."""
    written = 0
    for batch in iter(lambda: list(itertools.islice(pieces, BATCH)), []):
        written += len(batch)
        assert written < 100_000, "the flood is never stopped"
        if not peer.try_raw(b"".join(batch)):
            break
        peer.settle()
        if peer.closed:
            break
    peer.read_to_end()
    return written


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends(process: ServedProcess, name: str) -> None:
    """With ENHANCE_YOUR_CALM. An attempt on another connection completes, and memory stays where it was."""
    before = resident(process.pid)
    with TcpPeer(process.port) as other, TcpPeer(process.port) as peer:
        other.invoke(1, "wait")
        flood(peer, FLOODS[name](peer))
        assert not peer.errors or peer.errors[-1] == CALM  # a reset connection may lose the GOAWAY
        other.go(1)
        assert other.output(1) == b'"ab"'
    assert resident(process.pid) - before < GROWTH


def test_a_flooded_peer_that_never_reads(process: ServedProcess) -> None:
    """A peer that has answers made and does not read them is cut off: they are not kept without limit."""
    before = resident(process.pid)
    with TcpPeer(process.port, settings={4: 0}) as peer:
        peer.socket.settimeout(20)
        ping = PingFrame(0, b"12345678").serialize() * BATCH
        written = 0
        while peer.try_raw(ping):
            written += BATCH
            assert written < 10_000_000, "it is never cut off"
    assert resident(process.pid) - before < GROWTH


def test_a_header_bomb_is_refused(process: ServedProcess) -> None:
    """60,000 bytes that stand for 240 MB of headers get 431, and the connection serves on."""
    before = resident(process.pid)
    with TcpPeer(process.port) as peer:
        peer.headers(1, [*GET[:3], (":path", "/health"), ("x-bomb", "b" * 4000)], end=True)
        peer.until(lambda: peer.ended(1))
        peer.raw(raw_frame(1, 5, 3, peer.block(GET) + b"\xbe" * 60_000))
        peer.until(lambda: peer.ended(3))
        assert peer.status(3) == 431
        peer.check_serving(5)
    assert resident(process.pid) - before < GROWTH


def test_many_bombs_end_the_connection(process: ServedProcess) -> None:
    """Each counts as a reset: decoding costs time."""
    with TcpPeer(process.port) as peer:
        peer.headers(1, [*GET[:3], (":path", "/health"), ("x-bomb", "b" * 4000)], end=True)
        block = peer.block(GET) + b"\xbe" * 20
        flood(peer, (raw_frame(1, 5, stream_id, block) for stream_id in itertools.count(3, 2)))
        assert peer.errors[-1:] in ([], [CALM])


def test_a_thousand_connections(process: ServedProcess) -> None:
    """Open and close, some in the middle of a preface or of an attempt: nothing of them is kept."""
    for number in range(100):  # what the process allocates once
        open_and_leave(process.port, number)
    before = resident(process.pid)
    for number in range(1000):
        open_and_leave(process.port, number)
    with TcpPeer(process.port) as peer:
        peer.check_serving(1)
    assert resident(process.pid) - before < 4 << 20


def open_and_leave(port: int, number: int) -> None:
    with TcpPeer(port, silent=number % 3 == 0) as peer:
        match number % 3:
            case 0:
                peer.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[: number % 24])
            case 1:
                peer.invoke(1, "wait")
            case _:
                peer.invoke(1, "wait")
                peer.settle()
