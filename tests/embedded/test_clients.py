"""Deployments behind sockets: HTTP/2 with streams in both directions, HTTP/1.1 with suspension at each await."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from restate_reflect import Context, ObjectContext, endpoint
from restate_reflect.embedded import (
    EmbeddedRuntimeError,
    Runtime,
    RuntimeSettings,
    SqliteStore,
    Status,
    TransportError,
    VirtualClock,
)
from restate_reflect.embedded.deployments.connect import connect
from restate_reflect.endpoint import listening
from restate_reflect.options import RetryPolicy
from tests.embedded.running import asynchronous, decoded


class Remote:
    async def talk(self, ctx: Context, size: int) -> int:
        first = await ctx.run("big", self.big, size)
        await asyncio.sleep(0.01)
        return len(first) + await ctx.call(Store.put, "y" * size, key="k")

    async def big(self, size: int) -> str:
        return "x" * size

    async def wait(self, ctx: Context) -> None:
        await asyncio.sleep(3600)


class Store:
    async def put(self, ctx: ObjectContext, value: str) -> int:
        ctx.set("value", value)
        return len(value)


def quick(**settings: object) -> RuntimeSettings:
    return RuntimeSettings(retry_policy=RetryPolicy(initial_interval=0.01), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("http_11", [False, True])
@pytest.mark.parametrize("size", [10, 1_000_000])
@asynchronous
async def test_a_deployment_behind_a_socket_is_driven_like_one_in_process(http_11: bool, size: int) -> None:
    """A megabyte goes beyond every flow-control window on its way."""
    async with (
        listening(endpoint(Remote, Store), host="127.0.0.1", port=0) as listener,
        Runtime(settings=quick()) as runtime,
    ):
        registration = await runtime.register(connect(f"http://127.0.0.1:{listener.port}", {}, http_11))
        assert sorted(registration.services) == ["Remote", "Store"]
        outcomes = await asyncio.gather(*(runtime.invoke("Remote", "talk", str(size).encode()) for _ in range(4)))
        assert [decoded(outcome) for outcome in outcomes] == [2 * size] * 4
        assert len(runtime.state("Store", "k")["value"]) == size + 2


@asynchronous
async def test_more_attempts_than_one_connection_has_streams_take_turns() -> None:
    async with (
        listening(endpoint(Remote, Store), host="127.0.0.1", port=0) as listener,
        Runtime(settings=quick()) as runtime,
    ):
        await runtime.register(connect(f"http://127.0.0.1:{listener.port}", {}, False))
        outcomes = await asyncio.gather(*(runtime.invoke("Remote", "talk", b"1") for _ in range(300)))
        assert {outcome.value for outcome in outcomes} == {b"2"}


@pytest.mark.parametrize("http_11", [False, True])
@asynchronous
async def test_an_endpoint_that_comes_back_gets_its_invocations_again(http_11: bool) -> None:
    async with Runtime(settings=quick(inactivity_timeout=0.05)) as runtime:
        async with listening(endpoint(Remote, Store), host="127.0.0.1", port=0) as listener:
            port = listener.port
            await runtime.register(connect(f"http://127.0.0.1:{port}", {}, http_11))
        waiting = asyncio.ensure_future(runtime.invoke("Remote", "talk", b"3"))
        while not (runtime.invocations() and runtime.invocations()[0].last_failure):
            await asyncio.sleep(0.005)
        async with listening(endpoint(Remote, Store), host="127.0.0.1", port=port):
            assert decoded(await waiting) == 6


@asynchronous
async def test_a_remote_attempt_that_waits_is_asked_to_suspend() -> None:
    async with (
        listening(endpoint(Remote, Store), host="127.0.0.1", port=0) as listener,
        Runtime(settings=quick(inactivity_timeout=0.05)) as runtime,
    ):
        await runtime.register(connect(f"http://127.0.0.1:{listener.port}", {}, False))
        id_ = runtime.send("Remote", "wait").invocation.id
        while runtime.invocation(id_).status is not Status.SUSPENDED:
            await asyncio.sleep(0.005)
        runtime.cancel(id_)
        assert (await runtime.attach(id_)).failure is not None


@pytest.mark.parametrize("http_11", [False, True])
@asynchronous
async def test_deployments_are_remembered_with_the_data(http_11: bool, tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    async with listening(endpoint(Remote, Store), host="127.0.0.1", port=0) as listener:
        async with Runtime(SqliteStore(path), settings=quick()) as runtime:
            await runtime.register(connect(f"http://127.0.0.1:{listener.port}", {"x-a": "b"}, http_11))
            id_ = runtime.send("Remote", "talk", b"3", delay=0.05).invocation.id
            runtime.change_service("Store", {"journalRetention": 5000})
        async with Runtime(SqliteStore(path), settings=quick()) as runtime:
            (registration,) = runtime.reconnect(connect)
            changed = runtime.kernel.catalog.services["Store"]
            assert {each.journal_retention for each in changed.handlers.values()} == {5000}
            assert registration.transport.remote is not None
            assert registration.transport.remote.headers == {"x-a": "b"}
            assert decoded(await runtime.attach(id_)) == 6
            await runtime.unregister(registration.id)
        async with Runtime(SqliteStore(path)) as runtime:
            assert runtime.reconnect(connect) == []


@pytest.mark.parametrize("http_11", [False, True])
@asynchronous
async def test_nobody_at_the_address_and_somebody_else_are_told_apart(http_11: bool) -> None:
    # Bound but not listening: whoever connects is refused, and nobody else gets the port meanwhile.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        await _are_told_apart(bound.getsockname()[1], http_11)


async def _are_told_apart(port: int, http_11: bool) -> None:
    async with Runtime() as runtime:
        deployment = connect(f"http://127.0.0.1:{port}", {}, http_11)
        with pytest.raises(TransportError, match="onnect"):
            await runtime.register(deployment)
        await deployment.close()
        async with await asyncio.start_server(_somebody_else, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            deployment = connect(f"http://127.0.0.1:{port}", {}, True)
            with pytest.raises(TransportError, match="discovery was answered with status 404"):
                await runtime.register(deployment)
            await deployment.close()


async def _somebody_else(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    writer.close()


@asynchronous
async def test_an_endpoint_may_live_under_a_prefix() -> None:
    async with (
        listening(endpoint(Remote, Store), host="127.0.0.1", port=0) as listener,
        Runtime(settings=quick()) as runtime,
    ):
        await runtime.register(connect(f"http://127.0.0.1:{listener.port}/some/prefix", {}, False))
        assert (await runtime.invoke("Remote", "talk", b"1")).value == b"2"


@asynchronous
async def test_other_processes_don_t_live_on_virtual_time() -> None:
    async with Runtime(None, VirtualClock()) as runtime:
        with pytest.raises(EmbeddedRuntimeError, match="whose clock nobody moves"):
            await runtime.register(connect("http://127.0.0.1:1", {}, False))
    with pytest.raises(TransportError, match="is not an http:// URI"):
        connect("https://example.org", {}, False)
