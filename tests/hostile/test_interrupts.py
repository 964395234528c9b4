"""Exceptions beside ``Exception`` in user code: they fail the attempt, and nothing else notices.

asyncio hands ``KeyboardInterrupt`` and ``SystemExit`` on to whoever runs the loop, which would end the endpoint, and
again at each retry.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.peer import CONTENT_TYPE, TcpPeer, attempt
from tests.hostile.rude import PLACES, RAISED, RUDE
from tests.http2.peer import Headers
from tests.journals import M
from tests.support import ServedProcess


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def rude(request: pytest.FixtureRequest) -> Iterator[ServedProcess]:
    with ServedProcess(RUDE, "--loop", request.param) as served:
        yield served


def invoking(handler: str) -> Headers:
    head = ((":method", "POST"), (":scheme", "http"), (":authority", "a.test"), (":path", f"/invoke/Rude/{handler}"))
    return (*head, ("content-type", CONTENT_TYPE))


def begin(peer: TcpPeer, stream_id: int, handler: str, body: bytes) -> None:
    peer.headers(stream_id, invoking(handler))
    peer.data(stream_id, attempt(body))


@pytest.mark.parametrize("place", PLACES)
def test_the_attempt_fails_alone(rude: ServedProcess, place: str) -> None:
    """With an error that is tried again; another attempt on the same connection completes, and so does a new one."""
    with TcpPeer(rude.port) as peer:
        begin(peer, 1, "wait", b'"a"')
        for stream_id, name in enumerate(RAISED, 1):
            number = 2 * stream_id + 1
            begin(peer, number, place, name.encode() if "codec" in place else b'"%s"' % name.encode())
            peer.until(lambda number=number: peer.ended(number))
            # To a TaskGroup a child that was cancelled has ended well.
            expected = M.END if (place, name) == ("group", "CancelledError") else M.ERROR
            assert peer.types(number)[-1] is expected, (name, peer.messages(number))
        peer.go(1)
        assert peer.output(1) == b'"ab"'
        peer.check_serving(99)
    assert rude.process is not None
    assert rude.process.poll() is None
