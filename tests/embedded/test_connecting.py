"""Connections to deployments that are not there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

import pytest

pytest.importorskip("h2")

from restate_reflect.embedded.deployments.http2_client import Http2Deployment
from restate_reflect.embedded.deployments.http2_connection import ClientConnection, ClientStream


class Heard:
    """A receiver that keeps the error with which its exchange ended."""

    error: str | None = None

    def answered(self, status: int, headers: Mapping[str, str]) -> None: ...
    def received(self, data: bytes) -> None: ...

    def ended(self, error: str | None) -> None:
        self.error = error


class Persistent:
    """Opens another exchange the moment that one has ended, as a retry without delay does."""

    def __init__(self, deployment: Http2Deployment, times: int) -> None:
        self.deployment, self.left = deployment, times
        self.done = asyncio.get_running_loop().create_future()

    def open(self) -> None:
        self.deployment.open("/invoke/A/b", {}, self)

    def answered(self, status: int, headers: Mapping[str, str]) -> None: ...
    def received(self, data: bytes) -> None: ...

    def ended(self, error: str | None) -> None:
        assert error is not None
        assert "can't connect" in error
        self.left -= 1
        if self.left:
            self.open()
        else:
            self.done.set_result(None)


def test_who_tries_again_at_once_hears_of_each_failure() -> None:
    async def main() -> None:
        with socket.socket() as bound:  # but not listening: whoever connects is refused
            bound.bind(("127.0.0.1", 0))
            persistent = Persistent(Http2Deployment(f"http://127.0.0.1:{bound.getsockname()[1]}"), 3)
            persistent.open()
            await asyncio.wait_for(persistent.done, 20)

    asyncio.run(main())


def test_an_exchange_that_waits_for_a_connection_ends_with_the_deployment() -> None:
    """A deployment that is registered anew closes its predecessor, whose attempts must be tried again."""

    async def main() -> None:
        heard = Heard()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            deployment = Http2Deployment(f"http://127.0.0.1:{listening.getsockname()[1]}")
            deployment.open("/invoke/A/b", {}, heard)
            await deployment.close()
        assert heard.error == "the deployment was given up before it was connected to"

    asyncio.run(main())


def test_an_exchange_on_a_connection_that_was_lost_ends_at_once() -> None:
    """A deployment that stops may have accepted a connection, and closed it before anything was sent."""

    async def main() -> None:
        heard, connection = Heard(), ClientConnection()
        connection.connection_lost(None)
        connection.open(ClientStream([], heard))
        assert heard.error == "the connection was lost: closed by the deployment"

    asyncio.run(main())
