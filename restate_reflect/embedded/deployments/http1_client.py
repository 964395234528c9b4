"""Deployments over HTTP/1.1: each attempt gets its whole journal, and suspends at every await."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import aiohttp

from restate_reflect.embedded.deployments.checks import check_content_type, read_manifest
from restate_reflect.embedded.deployments.refusals import ManifestError
from restate_reflect.embedded.deployments.transport import Exchange, Receiver, RemoteAddress, TransportError
from restate_reflect.manifest import VERSIONS, content_type

__all__ = ["Http1Deployment"]


class Http1Deployment:
    """The deployment at an ``http://`` or ``https://`` URI."""

    is_in_process = False
    is_bidirectional = False

    def __init__(self, uri: str, headers: Mapping[str, str] | None = None) -> None:
        """``headers`` are sent along with every request."""
        self.address = uri if uri.endswith("/") else f"{uri}/"
        self.remote: RemoteAddress | None = RemoteAddress(self.address, dict(headers or {}), use_http_11=True)
        self.sdk_version: str | None = None
        self._headers = dict(headers or {})
        self._session: aiohttp.ClientSession | None = None

    def __str__(self) -> str:
        return self.address

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, connect=10)
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector, headers=self._headers)
        return self._session

    async def close(self) -> None:
        """Closes connections; exchanges in progress end."""
        if self._session is not None:
            await self._session.close()

    async def discover(self) -> Mapping[str, Any]:
        accept = ", ".join(content_type(version) for version in VERSIONS)
        try:
            async with self.session.get(f"{self.address}discover", headers={"accept": accept}) as answer:
                if answer.status != 200:
                    text = (await answer.text())[:500]
                    raise TransportError(f"discovery was answered with status {answer.status}: {text}")
                check_content_type(answer.headers.get("content-type"))
                self.sdk_version = answer.headers.get("x-restate-server")
                return read_manifest(await answer.read())
        except ManifestError:
            raise
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise TransportError(str(error)) from error

    def open(self, path: str, headers: Mapping[str, str], receiver: Receiver) -> Exchange:
        return _Exchange(self.session, f"{self.address}{path.lstrip('/')}", headers, receiver)


class _Exchange:
    """Collects the request; sends it once complete."""

    is_executing = True

    def __init__(
        self, session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], receiver: Receiver
    ) -> None:
        self._session, self._url, self._headers = session, url, headers
        self._receiver: Receiver | None = receiver
        self._body = bytearray()
        self._task: asyncio.Task[None] | None = None

    def write(self, data: bytes) -> None:
        self._body += data

    def close_input(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._post())

    def abort(self) -> None:
        self._receiver = None
        if self._task is not None:
            self._task.cancel()

    async def _post(self) -> None:
        error: str | None = None
        try:
            async with self._session.post(self._url, data=BytesIO(self._body), headers=self._headers) as answer:
                if self._receiver is not None:
                    self._receiver.answered(answer.status, {k.lower(): v for k, v in answer.headers.items()})
                async for chunk in answer.content.iter_any():
                    if self._receiver is not None:
                        self._receiver.received(chunk)
        except Exception as failure:  # whatever it is, the attempt has failed
            error = f"{type(failure).__name__}: {failure}"
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.ended(error)
