"""Where the embedded runtime ends: what it does not cover, and what happens when its store fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.embedded import EmbeddedRuntimeError, MemoryStore, Runtime, RuntimeStoppedError, VirtualClock
from tests.embedded.running import asynchronous, decoded
from tests.embedded.served import JSON, ServedRuntime
from tests.support import fetch


class Small:
    async def hello(self, ctx: Context) -> str:
        return "hello"


class Gated:
    """Its step waits until the test lets it go on."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def hello(self, ctx: Context) -> str:
        return await ctx.run("hello", self.step)

    async def step(self) -> str:
        await self.open.wait()
        return "hello"


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/subscriptions"),
        ("GET", "/kafka-clusters/x"),
        ("POST", "/internal/invocations_batch_operations/kill"),
    ],
)
def test_what_the_admin_api_does_not_cover_is_a_501_that_names_restate_server(method: str, path: str) -> None:
    with ServedRuntime(Small) as served:
        answer = fetch(served.admin_url + path, {}, method=method)
        assert answer.status == 501
        assert answer.json["message"].endswith(f"does not cover {method} {path}; use restate-server")


def test_other_queries_than_ours_are_a_501_that_names_restate_server() -> None:
    with ServedRuntime(Small) as served:
        answer = fetch(f"{served.admin_url}/query", {"query": "SELECT make_date(2026, 1, 2)"}, headers=JSON)
        assert answer.status == 501
        assert answer.json["message"].endswith("use restate-server for anything else")
        assert fetch(f"{served.admin_url}/query", {"sql": "SELECT 1"}, headers=JSON).status == 422


def test_scopes_need_the_setting() -> None:
    """As on restate-server, where they are an experiment."""
    with ServedRuntime(Small) as served:
        answer = fetch(f"{served.ingress_url}/restate/scope/s/call/Small/hello")
        assert answer.status == 400
        assert answer.json["message"] == "scoped invocations require vqueues to be enabled"


def test_a_body_beyond_32_mib_is_refused() -> None:
    with ServedRuntime(Small) as served:
        answer = fetch(f"{served.ingress_url}/Small/hello", b"x" * (32 * 1024 * 1024 + 1))
        assert answer.status == 413
        assert answer.body == b"length limit exceeded"


class FailingStore(MemoryStore):
    """Fails from the nth commit on, as a full disk does."""

    def __init__(self) -> None:
        super().__init__()
        self.failing = False

    def commit(self) -> None:
        if self.failing:
            raise OSError("disk full")


@asynchronous
async def test_a_store_that_fails_stops_everything_and_tells_the_callers() -> None:
    store = FailingStore()
    runtime = Runtime(store, VirtualClock())
    gated = Gated()
    await runtime.deploy(gated)
    waiting = asyncio.ensure_future(runtime.invoke("Gated", "hello"))
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    await asyncio.sleep(0)
    store.failing = True
    gated.open.set()
    with pytest.raises(EmbeddedRuntimeError, match="broke down"):
        await waiting
    assert reported == []
    with pytest.raises(RuntimeStoppedError, match="disk full"):
        runtime.send("Gated", "hello")
    assert isinstance((await runtime.failed()).__cause__, OSError)
    store.failing = False
    async with Runtime(store, VirtualClock()) as later:
        await later.deploy(gated)
        (invocation,) = later.invocations()
        assert decoded(await later.attach(invocation.id)) == "hello"
