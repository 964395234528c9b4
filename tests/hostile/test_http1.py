"""HTTP/1.1: garbage, huge heads and bodies, upgrades, requests that end half-way."""

from __future__ import annotations

import http.client
import socket
import zlib
from functools import cache

import pytest

from tests.hostile.conftest import Limited
from tests.hostile.peer import CONTENT_TYPE, attempt
from tests.hostile.program import wait_until
from tests.journals import M, frames, read
from tests.support import ServedProcess

HEAD = f"POST /invoke/Guest/echo HTTP/1.1\r\nhost: a.test\r\ncontent-type: {CONTENT_TYPE}\r\n".encode()


def exchange(port: int, data: bytes, until: bytes = b"\r\n\r\n", *, end: bool = False) -> bytes:
    """What comes back, up to ``until`` or to the end of the connection; ``end`` closes our half first."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        received = b""
        try:
            connection.sendall(data)
            if end:
                connection.shutdown(socket.SHUT_WR)
            while until not in received and (chunk := connection.recv(65_536)):
                received += chunk
        except (BrokenPipeError, ConnectionResetError):
            pass
        return received


def status(answer: bytes) -> bytes:
    """``400`` of ``HTTP/1.1 400 Bad Request``."""
    return answer[9:12]


def post(port: int, handler: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", f"/invoke/Guest/{handler}", body, {"content-type": CONTENT_TYPE, **headers})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
        b"GET / HTTP/1.1\r\nhost a\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"G\0T / HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n" + b"\xff" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n",
        HEAD + b"content-length: -5\r\n\r\n",
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_garbage_is_refused(port: int, data: bytes) -> None:
    """With 400, and at once."""
    assert status(exchange(port, data)) == b"400"
    assert post(port, "echo", attempt())[0] == 200


@pytest.mark.parametrize("name", ["x-long", "x" * 9000])
def test_a_huge_header_is_refused(port: int, name: str) -> None:
    """aiohttp's limit: 8,190 bytes a line."""
    data = HEAD + name.encode() + b": " + b"y" * 9000 + b"\r\n\r\n"
    assert status(exchange(port, data)) == b"400"


def test_a_head_without_end_is_refused(port: int) -> None:
    """A thousand headers, and not the last."""
    data = HEAD + b"".join(b"x-%d: %s\r\n" % (number, b"y" * 100) for number in range(1000))
    assert status(exchange(port, data)) == b"400"


@pytest.mark.parametrize(
    "chunks", [b"zz\r\nabc\r\n", b"5\r\nabcdefgh\r\n0\r\n\r\n", b"-1\r\n\r\n", b"f" * 5000 + b"\r\n"]
)
def test_broken_chunks_end_the_attempt(port: int, chunks: bytes) -> None:
    """The handler never runs on half a journal."""
    journal = attempt()
    head = HEAD.replace(b"echo", b"wait") + b"transfer-encoding: chunked\r\n\r\n"
    answer = exchange(port, head + b"%x\r\n%s\r\n" % (len(journal), journal) + chunks)
    assert status(answer) != b"200"
    wait_until("wait", 0)


def test_a_body_above_the_limit_is_refused(limited: Limited) -> None:
    """413: at once if its length is announced, else once it is too long."""
    port = limited(max_request_bytes=10_000)
    big = attempt(b'"%s"' % (b"x" * 20_000))
    assert post(port, "echo", big)[0] == 413
    chunked = b"".join(
        b"%x\r\n%s\r\n" % (len(big[at : at + 1000]), big[at : at + 1000]) for at in range(0, len(big), 1000)
    )
    answer = exchange(port, HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunked)
    assert status(answer) == b"413"
    assert post(port, "echo", attempt())[0] == 200


def test_an_announced_body_is_not_read_at_all(process: ServedProcess) -> None:
    """A length of 100 GB is refused before its first byte."""
    data = HEAD + b"content-length: 100000000000\r\n\r\n"
    assert status(exchange(process.port, data)) == b"413"


def test_a_slow_body_is_refused(limited: Limited) -> None:
    """408 after ``journal_timeout``."""
    port = limited(journal_timeout=0.2)
    data = HEAD + b"content-length: 1000\r\n\r\n" + attempt()[:10]
    assert status(exchange(port, data)) == b"408"


def test_a_request_that_ends_half_way(port: int) -> None:
    """The attempt is closed without a trace."""
    exchange(port, HEAD.replace(b"echo", b"wait") + b"content-length: 1000\r\n\r\n" + attempt(), end=True)
    wait_until("wait", 0)
    assert post(port, "echo", attempt())[0] == 200


def test_a_client_that_leaves_ends_its_attempt(port: int) -> None:
    """A step in progress is cancelled when the connection closes before the response."""
    body = attempt()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(HEAD.replace(b"echo", b"step") + b"content-length: %d\r\n\r\n" % len(body) + body)
        wait_until("body", 1)
    wait_until("body", 0)
    wait_until("step", 0)


def test_a_malformed_journal_is_answered_in_the_protocol(port: int) -> None:
    """Status 200 and error 571: the server knows what to do with that."""
    status, body = post(port, "echo", b"\x00\x09\x00\x00\x00\x00\x00\x00")
    assert status == 200
    (message,) = frames(body)
    assert (message.type, read(message).code) == (M.ERROR, 571)


def test_an_upgrade_to_http2_is_declined(port: int) -> None:
    """RFC 9113 section 3.1: h2c by upgrade is gone; the request is answered in HTTP/1.1."""
    head = [b"GET /health HTTP/1.1", b"host: a", b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c"]
    answer = exchange(port, b"\r\n".join([*head, b"http2-settings: AAMAAABkAAQAAP__", b"", b""]))
    assert status(answer) == b"200"


def test_requests_in_a_row(port: int) -> None:
    """Pipelined requests are answered in order."""
    body = attempt()
    request = HEAD + b"content-length: %d\r\n\r\n" % len(body) + body
    answer = exchange(port, request * 2 + b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", b"never")
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.endswith(b"ok")


@pytest.mark.parametrize(
    "line, expected",
    [
        (b"POST /health", b"200"),
        (b"GET /discover", b"200"),
        (b"POST /nothing", b"404"),
        (b"POST /invoke/Guest/echo", b"415"),
    ],
)
def test_a_gzip_bomb_is_not_inflated(process: ServedProcess, line: bytes, expected: bytes) -> None:
    """300 KB that stand for 300 MB: whatever they are sent to, nobody asked for what is in them."""
    bomb = gzip_bomb()
    head = line + b" HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-encoding: gzip\r\n"
    if b"invoke" in line:
        head += f"content-type: {CONTENT_TYPE}\r\n".encode()
    exchange(process.port, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")  # loads what speaks HTTP/1.1
    before = peak(process.pid)
    answer = exchange(process.port, head + b"content-length: %d\r\n\r\n" % len(bomb) + bomb)
    assert status(answer) == expected
    assert post(process.port, "echo", attempt())[0] == 200
    assert peak(process.pid) - before < 16 << 20


@cache
def gzip_bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*[packer.compress(bytes(1 << 20)) for _ in range(300)], packer.flush()])


def peak(pid: int) -> int:
    """The most that a process has held in memory, in bytes."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:"))


def test_a_bad_request_is_a_line_in_the_log(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """No traceback for each, as a peer can send as many as it likes."""
    assert status(exchange(port, b"GET / HTTP/1.1\r\nhost a\r\n\r\n")) == b"400"
    (record,) = caplog.records
    assert record.name == "restate_reflect.http1"
    assert record.exc_info is None
