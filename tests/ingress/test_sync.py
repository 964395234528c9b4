"""The blocking client: in scripts, in threads, beside a running loop, and at the end of a process."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from restate_reflect import WorkflowRun
from restate_reflect.ingress import NotReady, Ready, ServiceError, SyncClient
from restate_reflect.server import RestateServer
from tests.ingress.services import Approval, Desk, Item, Shelf
from tests.support import ROOT


def fresh() -> str:
    return uuid.uuid4().hex


def test_the_verbs_block_and_give_values(server: RestateServer) -> None:
    with SyncClient(server.ingress_url, admin_url=server.admin_url) as client:
        shelf, key = fresh(), fresh()
        assert client.call(Shelf.add, 2, key=shelf) == 2
        sent = client.send(Shelf.add, 3, key=shelf)
        assert (sent.is_new, sent.attach(), sent.output()) == (True, 5, Ready(5))
        assert client.target(Desk.join).call(left="a", right="b") == "ab"
        assert client.invocation(sent.id, Shelf.add).attach() == 5
        run = client.submit(Approval.run, Item(sku="a"), key=key)
        assert client.workflow(Approval.run, key=key).output() == NotReady()
        client.call(Approval.approve, False, key=key)
        assert client.invocation(WorkflowRun("Approval", key), str).attach() == run.attach() == "a:False"
        assert client.call_raw("Desk", "nothing") == b""
        assert client.send_raw("Shelf", "total", key=shelf).attach() == b"5"
        assert "Desk" in client.health()


def test_errors_are_raised_where_the_call_stands(server: RestateServer) -> None:
    with SyncClient(server.ingress_url, admin_url=server.admin_url) as client:
        with pytest.raises(ServiceError, match="sold out"):
            client.call(Desk.fail, "sold out", 409)
        sent = client.send(Desk.sleep, 3600.0)
        sent.cancel()
        with pytest.raises(ServiceError):
            sent.attach()


def test_many_threads_share_one_client(server: RestateServer) -> None:
    with SyncClient(server.ingress_url) as client, ThreadPoolExecutor(8) as threads:
        shelf = fresh()
        totals = list(threads.map(lambda _: client.call(Shelf.add, 1, key=shelf), range(40)))
    assert sorted(totals) == list(range(1, 41))


def test_a_notebooks_running_loop_is_not_touched(server: RestateServer) -> None:
    """A cell is a coroutine's step on a running loop; the client has its own."""

    async def cell() -> int:
        with SyncClient(server.ingress_url) as client:
            return client.call(Shelf.add, 1, key=fresh())

    assert asyncio.run(cell()) == 1


def test_its_own_loop_is_refused_rather_than_blocked(server: RestateServer) -> None:
    with SyncClient(server.ingress_url) as client:

        async def inside() -> None:
            client.health()

        with pytest.raises(RuntimeError, match="use Client there"):
            client._run(inside())


def test_a_closed_client_says_so(server: RestateServer) -> None:
    client = SyncClient(server.ingress_url)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.health()


def test_a_forgotten_client_ends_its_thread(server: RestateServer) -> None:
    client = SyncClient(server.ingress_url)
    client.health()
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "restate-client"]
    del client
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


def test_a_script_ends_without_closing(server: RestateServer) -> None:
    """And without a word on stderr."""
    script = (
        "from restate_reflect.ingress import SyncClient\n"
        f"client = SyncClient({server.ingress_url!r})\n"
        "print(client.call_raw('Desk', 'join', b'{\"left\": \"a\"}'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "b'\"a!\"'\n", "")
