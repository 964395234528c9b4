"""The instruments of the benchmarks show what is there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib import import_module

import pytest

from benchmarks.__main__ import SUITES
from benchmarks.counting import CountedCalls
from benchmarks.report import lost_lines, markdown
from benchmarks.requests import RequestHeaders, client
from restate_reflect.http2 import Connection, RequestHandler, RequestHead, Stream

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# restate-server 1.7.12, first and second request of a connection: all but authority and invocation id.
FIRST = (
    "838641",
    "048f60d5773f52b18ac29525b189ac2953",
    "4090f2b585424692ac4a2d424b62d50e92ff89a0e41d04a2d424b67f",
)
SECOND = "8386c2048f60d5773f52b18ac29525b189ac2953c1c07f009"


@linux
@pytest.mark.parametrize("suite", list(SUITES))
def test_every_suite_can_be_run(suite: str) -> None:
    """It has a module with a ``run``; running it takes minutes."""
    assert callable(import_module(SUITES[suite][0]).run)


@linux
def test_cpu_time_is_that_of_the_whole_tree_of_processes() -> None:
    """A child that has spent its time is counted while it lives."""
    from benchmarks.machine import cpu_seconds

    code = "import time, sys\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\nsys.stdin.read()"
    own = cpu_seconds(os.getpid())
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        spent = cpu_seconds(os.getpid()) - own
        assert 0.3 <= cpu_seconds(child.pid) <= spent
        child.communicate()
    # Servers of other tests may be children of this process too.
    assert cpu_seconds(os.getpid()) >= time.process_time() - 0.1


@linux
def test_pinning_holds_for_a_while_only() -> None:
    """Every core is free again afterwards."""
    from benchmarks.machine import pinned

    before = os.sched_getaffinity(0)
    core = min(before)
    with pinned(core):
        assert os.sched_getaffinity(0) == {core}
    assert os.sched_getaffinity(0) == before


def test_requests_are_written_as_restate_server_writes_them() -> None:
    """Byte for byte where they say the same: the path without indexing, all else by the dynamic table."""
    peer, headers = client(), RequestHeaders()
    peer.data_to_send()
    blocks = []
    for stream in (1, 3):
        peer.send_headers(stream, headers("/invoke/Greeter/greet"))
        blocks.append(peer.data_to_send()[9:].hex())
    assert blocks[0].startswith(FIRST[0])
    assert FIRST[1] in blocks[0]
    assert blocks[0].endswith(FIRST[2])
    assert blocks[1].startswith(SECOND)
    assert blocks[1].endswith("bf")


def test_each_request_has_an_invocation_id_of_its_own() -> None:
    """As this project reads them."""
    heads: list[RequestHead] = []

    class Ignoring:
        def data_received(self, data: bytes) -> None: ...
        def eof_received(self) -> None: ...
        def stream_closed(self, error: int | None) -> None: ...
        def writable(self) -> None: ...

    def take(_stream: Stream, head: RequestHead) -> RequestHandler:
        heads.append(head)
        return Ignoring()

    peer, headers, server = client(), RequestHeaders(), Connection(take)
    for stream in range(1, 41, 2):
        peer.send_headers(stream, headers("/invoke/Greeter/greet"))
    server.receive(peer.data_to_send())
    ids = {head.headers["x-restate-invocation-id"] for head in heads}
    assert len(ids) == len(heads) == 20
    assert {(head.path, head.headers["x-restate-cluster-name"]) for head in heads} == {
        ("/invoke/Greeter/greet", "localcluster")
    }


def test_calls_of_python_and_of_c_are_counted() -> None:
    """One more of each is two more."""

    def one() -> int:
        return len("a")

    counts = []
    for times in (1, 2):
        with CountedCalls() as counted:
            for _ in range(times):
                one()
        counts.append(counted.count)
    assert counts[1] - counts[0] == 2


def test_tables_and_losses_are_lines() -> None:
    """Numbers keep three digits; a peer without losses has no line."""
    assert markdown(["a", "b"], [["x", 0.123], ["y", 1234.5]]) == (
        "| a | b |\n| --- | --- |\n| x | 0.12 |\n| y | 1,234 |"
    )
    assert lost_lines({"one": {}, "two": {"reset": 3}}) == "LOST by two: 3 × reset"
