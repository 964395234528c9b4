"""Requests over aiohttp: one session, reused connections, repetitions where they are safe."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType

import aiohttp
from yarl import URL

from restate_reflect.ingress._answers import Answer
from restate_reflect.ingress._errors import ConnectError, ConnectionLostError, RequestTimeoutError, TransportError
from restate_reflect.ingress._requests import Request
from restate_reflect.options import Duration, RetryPolicy, merge, seconds

__all__ = ["DEFAULT_RETRY", "Transport"]

DEFAULT_RETRY = RetryPolicy(max_attempts=5, initial_interval=0.05, factor=2.0, max_interval=2.0)
"""Four repetitions within at most 0.75 s of waiting: enough for a restart behind a load balancer, not for an outage."""

_CONNECT_TIMEOUT = 10.0
# Answered before anything was accepted.
_OVERLOADED = 429
# The server (503) or something in front of it could not reach who would have known.
_UNAVAILABLE = frozenset({502, 503, 504})
# They would travel to the handler and stay in its journal.
_UNWANTED = frozenset({"Accept", "Accept-Encoding", "User-Agent", "Content-Type"})


class Transport:
    """Sends requests to one server.

    Args:
        url: The server's base URL.
        headers: Sent along with every request.
        timeout: For one request with all of its repetitions; ``None`` waits as long as it takes.
        retry: Unset fields are those of ``DEFAULT_RETRY``; ``max_attempts=1`` never repeats.
        session: Used and left open; without it one is made on first use.
        what: The kind of server, for error messages.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: Duration | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        session: aiohttp.ClientSession | None = None,
        what: str = "ingress of a restate-server",
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r} is not the URL of an {what}. Write it as http://127.0.0.1:8080")
        self.url = url.rstrip("/")
        self._headers: Mapping[str, str] = MappingProxyType({k.lower(): v for k, v in (headers or {}).items()})
        self._timeout = None if timeout is None else seconds(timeout)
        self._retry = retry
        self._given = session
        self._own: aiohttp.ClientSession | None = None
        self._what = what

    async def close(self) -> None:
        """Closes the connections, unless the session came from outside."""
        own, self._own = self._own, None
        if own is not None:
            await own.close()

    async def send(self, request: Request) -> Answer:
        """The last answer, whatever its status.

        Raises:
            TransportError: there was none.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._attempts(request)
        except TimeoutError as error:
            raise RequestTimeoutError(
                f"no answer from {self.url} within {self._timeout:g} s. An accepted invocation goes on; raise timeout, "
                "or use send(...) and attach()."
            ) from error

    async def _attempts(self, request: Request) -> Answer:
        delays = _Delays(self._retry)
        while True:
            try:
                answer = await self._once(request)
            except TransportError as error:
                if not _may_repeat(error, request) or (delay := delays.next()) is None:
                    raise
            else:
                if not _should_repeat(answer, request) or (delay := delays.next()) is None:
                    return answer
            await asyncio.sleep(delay)

    async def _once(self, request: Request) -> Answer:
        try:
            async with self._session().request(
                request.method,
                URL(self.url + request.path, encoded=True),
                data=request.body or None,
                headers={**self._headers, **request.headers},
                skip_auto_headers=_UNWANTED,
                allow_redirects=False,  # a handler may fail with any code, 302 included
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, headers, await response.read())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ConnectError(f"no {self._what} answers at {self.url}: {error}. Is it running there?") from error
        except aiohttp.ClientError as error:
            reason = str(error) or type(error).__name__
            raise ConnectionLostError(
                f"the connection to {self.url} broke during {request.method} {request.path}: {reason}"
            ) from error

    def _session(self) -> aiohttp.ClientSession:
        if self._given is not None:
            return self._given
        if self._own is None:
            # No limit: calls wait for hours, and the one that would end their wait must not queue behind them.
            self._own = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._own


def _may_repeat(error: TransportError, request: Request) -> bool:
    if isinstance(error.__cause__, (aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError)):
        return False  # will not mend itself
    return isinstance(error, ConnectError) or request.repeatable


def _should_repeat(answer: Answer, request: Request) -> bool:
    if "x-restate-id" in answer.headers:
        return False  # a handler's own words
    return answer.status == _OVERLOADED or (request.repeatable and answer.status in _UNAVAILABLE)


class _Delays:
    """Seconds before each repetition: growing, and spread so that clients don't come back all at once."""

    def __init__(self, policy: RetryPolicy) -> None:
        filled: RetryPolicy = merge(DEFAULT_RETRY, {f.name: getattr(policy, f.name) for f in fields(policy)})
        self._left = (filled.max_attempts or 1) - 1
        self._next = seconds(filled.initial_interval or 0)
        self._factor = filled.factor or 1.0
        self._max = seconds(filled.max_interval or 0)
        self._budget = None if filled.max_duration is None else seconds(filled.max_duration)

    def next(self) -> float | None:
        """``None`` when it is time to give up."""
        if self._left <= 0:
            return None
        self._left -= 1
        delay = min(self._next, self._max)
        self._next = delay * self._factor
        delay *= random.uniform(0.5, 1.0)
        if self._budget is not None:
            self._budget -= delay
            if self._budget < 0:
                return None
        return delay
