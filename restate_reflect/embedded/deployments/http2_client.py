"""Deployments over HTTP/2 without TLS, by prior knowledge, as restate-server talks to them.

Needs the ``h2`` library: the extra ``local`` has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from restate_reflect.embedded.deployments.checks import check_content_type, read_manifest
from restate_reflect.embedded.deployments.http2_connection import ClientConnection, ClientStream
from restate_reflect.embedded.deployments.transport import Exchange, Receiver, RemoteAddress, TransportError
from restate_reflect.manifest import VERSIONS, content_type

__all__ = ["Http2Deployment"]

_CONNECT_TIMEOUT = 10.0


class Http2Deployment:
    """The deployment at an ``http://`` URI; connections are opened as needed, and again after a loss."""

    is_in_process = False
    is_bidirectional = True

    def __init__(self, uri: str, headers: Mapping[str, str] | None = None) -> None:
        """``headers`` are sent along with every request."""
        parts = urlsplit(uri)
        if parts.scheme != "http" or parts.hostname is None:
            raise TransportError(f"{uri!r} is not an http:// URI; TLS is not covered by the embedded runtime")
        self.address = uri if uri.endswith("/") else f"{uri}/"
        self.remote: RemoteAddress | None = RemoteAddress(self.address, dict(headers or {}), use_http_11=False)
        self.sdk_version: str | None = None
        self._host, self._port = parts.hostname, parts.port or 80
        self._authority = parts.netloc
        self._prefix = parts.path.rstrip("/")
        self._headers = dict(headers or {})
        self._connection: ClientConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: list[ClientStream] = []

    def __str__(self) -> str:
        return self.address

    async def close(self) -> None:
        """Closes the connection; exchanges in progress end."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        self._end_waiting("the deployment was given up before it was connected to")
        if self._connection is not None:
            self._connection.close()
            await self._connection.lost

    async def discover(self) -> Mapping[str, Any]:
        accept = ", ".join(content_type(version) for version in VERSIONS)
        answer = _Collector()
        self._open("GET", "/discover", {"accept": accept}, answer).close_input()
        await answer.done
        if answer.error is not None:
            raise TransportError(answer.error)
        if answer.status != 200:
            raise TransportError(f"discovery was answered with status {answer.status}: {answer.body.decode()[:500]}")
        check_content_type(answer.headers.get("content-type"))
        self.sdk_version = answer.headers.get("x-restate-server")
        return read_manifest(answer.body)

    def open(self, path: str, headers: Mapping[str, str], receiver: Receiver) -> Exchange:
        return self._open("POST", path, headers, receiver)

    def _open(self, method: str, path: str, headers: Mapping[str, str], receiver: Receiver) -> ClientStream:
        fields = [
            (":method", method),
            (":scheme", "http"),
            (":authority", self._authority),
            (":path", f"{self._prefix}{path}"),
            *self._headers.items(),
            *headers.items(),
        ]
        stream = ClientStream(fields, receiver)
        if self._connection is not None and not self._connection.is_closed:
            self._connection.open(stream)
        else:
            self._waiting.append(stream)
            if self._connecting is None or self._connecting.done():
                self._connecting = asyncio.get_running_loop().create_task(self._connect())
        return stream

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        error: str | None = None
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                _, self._connection = await loop.create_connection(ClientConnection, self._host, self._port)
        except OSError as failure:
            error = f"can't connect to {self.address}: {failure}"
        # Over before anybody hears of it: whoever tries again at once needs an attempt to connect of its own.
        self._connecting = None
        if error is not None:
            self._end_waiting(error)
        elif self._connection is not None:
            for stream in self._take_waiting():
                self._connection.open(stream)

    def _take_waiting(self) -> list[ClientStream]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _end_waiting(self, error: str) -> None:
        for stream in self._take_waiting():
            stream.end(error)


class _Collector:
    """A receiver that keeps a whole answer."""

    def __init__(self) -> None:
        self.status, self.body, self.error = 0, b"", cast("str | None", None)
        self.headers: Mapping[str, str] = {}
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        self.status, self.headers = status, headers

    def received(self, data: bytes) -> None:
        self.body += data

    def ended(self, error: str | None) -> None:
        self.error = error
        if not self.done.done():
            self.done.set_result(None)
