"""Answers of queries are files that the system copies to the client: whole, and gone when nobody wants them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from restate_reflect import Context
from restate_reflect.embedded.query import sql as queries
from tests.embedded.served import JSON, ServedRuntime
from tests.support import Answer, fetch


class Greeter:
    async def greet(self, ctx: Context, name: str) -> str:
        return name


NUMBERS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
LARGE = f"{NUMBERS} SELECT x, repeat('x', 100000) AS t FROM n LIMIT 120"
"""12 MB, more than sockets hold."""
GREEDY = f"{NUMBERS} SELECT count(*) FROM n"


@pytest.fixture
def served() -> Iterator[ServedRuntime]:
    with ServedRuntime(Greeter) as runtime:
        yield runtime


def ask(served: ServedRuntime, sql: str) -> Answer:
    return fetch(f"{served.admin_url}/query", {"query": sql}, headers=JSON, timeout=60)


def without_sendfile(*_: Any, **__: Any) -> Any:
    """As uvloop's."""
    raise NotImplementedError


@pytest.mark.parametrize("loop", ["with sendfile", "without"])
def test_a_large_answer_is_whole(served: ServedRuntime, loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if loop == "without":
        monkeypatch.setattr(asyncio.BaseEventLoop, "sendfile", without_sendfile)
    answer = ask(served, LARGE)
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.json["rows"] == [{"x": number, "t": "x" * 100_000} for number in range(1, 121)]


def test_answers_follow_each_other_on_a_connection(served: ServedRuntime) -> None:
    """The next request is read after a file."""
    with connected(served) as client:
        stream = client.makefile("rb")
        for number in range(3):
            client.sendall(request(f"SELECT {number} AS n"))
            head = iter(stream.readline, b"\r\n")
            (length,) = (int(line.split()[1]) for line in head if line.lower().startswith(b"content-length:"))
            assert json.loads(stream.read(length)) == {"rows": [{"n": number}]}


def connected(served: ServedRuntime) -> socket.socket:
    found = urlsplit(served.admin_url)
    return socket.create_connection((found.hostname or "", found.port or 0), timeout=60)


def request(sql: str) -> bytes:
    body = json.dumps({"query": sql}).encode()
    head = "POST /query HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class Watched(io.FileIO):
    """A file of which it is told that it was closed."""

    def __init__(self, number: int, closed: threading.Event) -> None:
        super().__init__(number, "r+b")
        self._told = closed

    def close(self) -> None:
        super().close()
        self._told.set()


@pytest.mark.parametrize("sql", [LARGE, GREEDY], ids=["while it is sent", "while it is made"])
def test_nothing_is_left_of_a_query_whose_client_has_gone(
    served: ServedRuntime, sql: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its file is closed once its process has ended, and nobody is alarmed."""
    opened, closed = threading.Event(), threading.Event()
    plain = tempfile.TemporaryFile

    def watched(buffering: int) -> Watched:
        opened.set()
        with plain(buffering=0) as file:
            return Watched(os.dup(file.fileno()), closed)

    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    with caplog.at_level(logging.WARNING), connected(served) as client:
        client.sendall(request(sql))
        assert opened.wait(60)
        if sql is LARGE:
            assert client.recv(1000)
        client.close()
        assert closed.wait(60)
    assert ask(served, "SELECT 1 AS n").json == {"rows": [{"n": 1}]}
    assert [record.getMessage() for record in caplog.records] == []


def test_no_place_for_answers_is_told(served: ServedRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    answer = ask(served, "SELECT 1 AS n")
    assert answer.status == 501
    assert "no process can be started for it, or no file made (No such file or directory)" in answer.json["message"]


def test_half_an_answer_is_none(served: ServedRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a process that ended while it wrote: for a full disk, or as it was killed."""
    broken = tmp_path / "broken.py"
    broken.write_text("""print('{"status": 200}\\n{"rows":[', flush=True); raise SystemExit(1)""")
    monkeypatch.setattr(queries, "_SANDBOX", str(broken))
    answer = ask(served, "SELECT 1 AS n")
    assert answer.status == 501
    assert f"it needs too much time, memory, or room in {tempfile.gettempdir()}" in answer.json["message"]
