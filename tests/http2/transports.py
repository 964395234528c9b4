"""One request over either HTTP version, by peers that others have written: ``http.client``, ``h2``, curl."""

from __future__ import annotations

import http.client
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple, TypeAlias

import pytest

from tests.realserver.h2_peer import H2Peer

__all__ = ["ONE_PER_VERSION", "TRANSPORTS", "Reply", "Transport"]


class Reply(NamedTuple):
    """A final response."""

    status: int
    headers: dict[str, str]
    """Lower-case names; a header that comes twice fails the test."""
    body: bytes


Transport: TypeAlias = Callable[[int, str, str, Mapping[str, str], bytes], Reply]
"""``send(port, method, path, headers, body)``."""


def _collected(fields: list[tuple[str, str]]) -> dict[str, str]:
    names = [name.lower() for name, _ in fields]
    assert len(names) == len(set(names)), f"a header comes twice: {fields}"
    return dict(zip(names, [value for _, value in fields], strict=True))


def by_http_client(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body or None, dict(headers))
        response = connection.getresponse()
        return Reply(response.status, _collected(response.getheaders()), response.read())
    finally:
        connection.close()


def by_h2(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    with H2Peer(port) as peer:
        stream = peer.open(path, dict(headers), method=method, end=not body)
        if body:
            peer.send(stream, body, end=True)
        response = peer.response(stream)
        assert response.reset is None, f"the stream was reset: {response.reset}"
        return Reply(response.status, response.headers, bytes(response.body))


def by_curl_1(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    return _curl("--http1.1", port, method, path, headers, body)


def by_curl_2(port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    return _curl("--http2-prior-knowledge", port, method, path, headers, body)


def _curl(version: str, port: int, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    if not _curl_speaks_http2():
        pytest.skip("curl with HTTP/2 is not installed")
    how = ["--head"] if method == "HEAD" else ["--include", "--request", method]
    target = (
        ["--request-target", "*", f"http://127.0.0.1:{port}"] if path == "*" else [f"http://127.0.0.1:{port}{path}"]
    )
    given = [word for name, value in headers.items() for word in ("--header", f"{name}: {value}")]
    data = ["--data-binary", "@-"] if body else []
    command = ["curl", "--silent", "--show-error", "--path-as-is", "--max-time", "20", version, *how, *given, *data]
    done = subprocess.run([*command, *target], input=body, capture_output=True, timeout=30)
    assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr.decode()}"
    return _parsed(done.stdout)


@cache
def _curl_speaks_http2() -> bool:
    found = shutil.which("curl")
    return found is not None and b"HTTP2" in subprocess.run([found, "--version"], capture_output=True).stdout


def _parsed(answer: bytes) -> Reply:
    head, _, rest = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    if first.split()[1] == "100":
        return _parsed(rest)
    fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Reply(int(first.split()[1]), _collected(fields), rest)


TRANSPORTS: dict[str, Transport] = {
    "HTTP/1.1 by http.client": by_http_client,
    "HTTP/2 by h2": by_h2,
    "HTTP/1.1 by curl": by_curl_1,
    "HTTP/2 by curl": by_curl_2,
}
ONE_PER_VERSION: dict[str, Transport] = {"HTTP/1.1": by_http_client, "HTTP/2": by_h2}
