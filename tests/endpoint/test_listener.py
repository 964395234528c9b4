"""The listening socket at its end: no connection is left open, however late it came."""

from __future__ import annotations

import asyncio
import gc
import socket
import warnings

import pytest

from restate_reflect import Context, reflect
from restate_reflect.endpoint.connections import H2Connection
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.listener import listening


class Greeter:
    """Says hello."""

    async def greet(self, ctx: Context, name: str) -> str:
        """Greets."""
        return f"Hello, {name}"


@pytest.mark.parametrize("turns", range(6))
def test_a_connection_that_comes_while_shutting_down_is_closed(turns: int) -> None:
    """Whatever turn of the loop shutdown falls into: before accepting, between accepting and the transport, after."""
    client = asyncio.run(_connect_and_shut_down(turns))
    with client, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
        client.settimeout(5)
        assert _is_over(client)
    assert [str(each.message) for each in seen] == []


async def _connect_and_shut_down(turns: int) -> socket.socket:
    async with listening(Greeter) as listener:
        client = socket.create_connection(("127.0.0.1", listener.port))
        for _ in range(turns):
            await asyncio.sleep(0)
    return client


def test_a_peer_that_does_not_read_does_not_keep_its_connection() -> None:
    """What can't be flushed within ``FLUSH_TIMEOUT`` is dropped."""
    asyncio.run(_shut_down_on_a_deaf_peer())


async def _shut_down_on_a_deaf_peer() -> None:
    async with listening(Greeter) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        await reader.readexactly(9)
        (connection,) = listener._connections
        assert connection._transport is not None
        connection._transport.write(b"\0" * (32 << 20))  # more than any socket buffer holds
    assert not listener._connections
    writer.transport.abort()


def _is_over(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def test_nothing_is_written_to_a_peer_that_has_gone(caplog: pytest.LogCaptureFixture) -> None:
    """Thousands of attempts that are suspended in one turn of the loop were a warning of asyncio's each."""
    asyncio.run(_write_to_nobody())
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def _write_to_nobody() -> None:
    core = Core([reflect(Greeter)])
    ours, peers = socket.socketpair()
    _, protocol = await asyncio.get_running_loop().create_connection(lambda: H2Connection(core, id), sock=ours)
    peers.close()
    for _ in range(10):
        protocol._connection.ping()
    await asyncio.sleep(0)
