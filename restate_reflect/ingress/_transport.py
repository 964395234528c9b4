"""Requests over aiohttp: one session, reused connections, other addresses and repetitions where they are safe."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import aiohttp
from yarl import URL

from restate_reflect.ingress._addresses import Addresses
from restate_reflect.ingress._answers import Answer
from restate_reflect.ingress._delays import DEFAULT_RETRY, Delays
from restate_reflect.ingress._errors import (
    ConnectError,
    ConnectionLostError,
    RequestTimeoutError,
    TransportError,
    advice_after,
)
from restate_reflect.ingress._outcomes import Next, Outcome, is_trouble, most_open, next_of, surely_not_accepted
from restate_reflect.ingress._requests import Request
from restate_reflect.ingress._sockets import watchful_socket
from restate_reflect.options import Duration, RetryPolicy, seconds

__all__ = ["DEFAULT_RETRY", "Transport"]

_CONNECT_TIMEOUT = 10.0
_CONNECT_TIMEOUT_OF_SEVERAL = 3.0
"""Another address is asked then, and this one is passed over for a while."""
_LATE = "If it was accepted it goes on: raise timeout, or use send(...) and attach(). "
# They would travel to the handler and stay in its journal.
_UNWANTED = frozenset({"Accept", "Accept-Encoding", "User-Agent", "Content-Type"})


@dataclass(slots=True)
class _Sending:
    """One request on its way."""

    request: Request
    deadline: float | None = None
    """By the loop's clock."""
    outcomes: list[Outcome] = field(default_factory=list)
    asked: str | None = None
    """Whose answer is being waited for."""


class Transport:
    """Sends requests to one server, or to whoever of a cluster takes them.

    Args:
        urls: Base URLs of the server, or of several nodes.
        headers: Sent along with every request.
        timeout: For one request with all of its repetitions; ``None`` waits as long as it takes.
        retry: Unset fields are those of ``DEFAULT_RETRY``. An attempt asks each address once at most.
        session: Used and left open; without it one is made on first use.
        what: The kind of server, for error messages.
    """

    def __init__(
        self,
        urls: str | Sequence[str],
        *,
        headers: Mapping[str, str] | None = None,
        timeout: Duration | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        session: aiohttp.ClientSession | None = None,
        what: str = "ingress of a restate-server",
    ) -> None:
        self._addresses = Addresses(urls, what)
        self._headers: Mapping[str, str] = MappingProxyType({k.lower(): v for k, v in (headers or {}).items()})
        self._timeout = None if timeout is None else seconds(timeout)
        several = len(self._addresses.in_order()) > 1
        self._connect_timeout = _CONNECT_TIMEOUT_OF_SEVERAL if several else _CONNECT_TIMEOUT
        self._retry = retry
        self._given = session
        self._own: aiohttp.ClientSession | None = None
        self._what = what

    @property
    def url(self) -> str:
        """The address that is asked first at present, without a slash at the end."""
        return self._addresses.first

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
        sending = _Sending(request)
        try:
            async with asyncio.timeout(self._timeout) as whole:
                sending.deadline = whole.when()
                await self._attempts(sending)
        except TimeoutError as error:
            raise self._too_late(sending) from error
        outcome = self._told(sending.outcomes)
        if isinstance(outcome, Answer):
            return outcome
        try:
            raise outcome
        finally:
            del outcome, sending  # a frame that refers to its own error is left to the garbage collector

    async def _attempts(self, sending: _Sending) -> None:
        delays = Delays(self._retry)
        while await self._ask_each(sending) is Next.AGAIN:
            delay = delays.next()
            if delay is None:
                return
            await asyncio.sleep(delay)

    async def _ask_each(self, sending: _Sending) -> Next:
        """Asks one address after the other, as long as the request may go on."""
        found = Next.ELSEWHERE
        for url, limit in self._shares(sending):
            outcome = await self._ask(url, sending, limit)
            sending.outcomes.append(outcome)
            if is_trouble(outcome):
                self._addresses.failed(url)
            where = next_of(outcome, sending.request)
            if where is Next.NOWHERE:
                return where
            found = Next.AGAIN if Next.AGAIN in (found, where) else found
        return found

    def _shares(self, sending: _Sending) -> Iterator[tuple[str, float | None]]:
        """Addresses, and how many seconds each of them has: a node that hangs must leave some to the others.

        Only what may be sent twice can be given up at one address and go on at the next.
        """
        urls = self._addresses.in_order()
        for left, url in zip(range(len(urls), 0, -1), urls, strict=True):
            if sending.deadline is None or left == 1 or not sending.request.repeatable:
                yield url, None
            else:
                yield url, max(0.0, sending.deadline - asyncio.get_running_loop().time()) / left

    async def _ask(self, url: str, sending: _Sending, limit: float | None) -> Outcome:
        sending.asked = url
        outcome: Outcome
        try:
            async with asyncio.timeout(limit):
                outcome = await self._once(url, sending.request)
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = self._failure(url, sending.request, error)
            outcome.__cause__ = _without_frames(error)
        sending.asked = None
        return outcome

    def _failure(self, url: str, request: Request, error: Exception) -> TransportError:
        if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
            return ConnectError(f"no {self._what} answers at {url}: {error}. Is it running there?")
        advice = advice_after(request.repeatable)
        if isinstance(error, aiohttp.ClientError):
            reason = str(error) or type(error).__name__
            broke = f"the connection to {url} broke during {request.method} {request.path}: {reason}."
            return ConnectionLostError(f"{broke} {advice}")
        return RequestTimeoutError(f"no answer from {url} within its share of {self._timeout} s. {advice}")

    async def _once(self, url: str, request: Request) -> Answer:
        async with self._session().request(
            request.method,
            URL(url + request.path, encoded=True),
            data=request.body or None,
            headers={**self._headers, **request.headers},
            skip_auto_headers=_UNWANTED,
            allow_redirects=False,  # a handler may fail with any code, 302 included
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_timeout),
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, await response.read())

    def _session(self) -> aiohttp.ClientSession:
        if self._given is not None:
            return self._given
        if self._own is None:
            # No limit: calls wait for hours, and the one that would end their wait must not queue behind them.
            connector = aiohttp.TCPConnector(limit=0, socket_factory=watchful_socket)
            self._own = aiohttp.ClientSession(connector=connector)
        return self._own

    def _too_late(self, sending: _Sending) -> RequestTimeoutError:
        """The timeout has passed: while an answer was awaited, or between attempts that all came to nothing."""
        if sending.asked is not None:
            self._addresses.failed(sending.asked)
        never_sent = sending.asked is None and all(map(surely_not_accepted, sending.outcomes))
        where = ", ".join(self._addresses.in_order()) if sending.asked is None else sending.asked
        advice = _shown(sending.outcomes[-1]) if never_sent else _LATE + advice_after(sending.request.repeatable)
        error = RequestTimeoutError(f"no answer from {where} within {self._timeout:g} s. {advice}")
        error.accepted = False if never_sent else None
        return error

    def _told(self, outcomes: list[Outcome]) -> Outcome:
        """What the caller hears: of several addresses that can't be reached, each is named."""
        outcome, several = most_open(outcomes), len(self._addresses.in_order())
        refused = [each for each in outcomes[-several:] if isinstance(each, ConnectError)]
        if not isinstance(outcome, ConnectError) or len(refused) < 2:
            return outcome
        reasons = "; ".join(str(each.__cause__) for each in refused)
        joint = ConnectError(f"no {self._what} answers: {reasons}. Is one running there?")
        joint.__cause__ = outcome.__cause__
        return joint


def _without_frames(error: Exception) -> Exception:
    """Down to the first cause. The frames, or those that have called them, would refer to what the error is kept in."""
    each: BaseException | None = error
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
    return error


def _shown(outcome: Outcome) -> str:
    return f"At last: {outcome if isinstance(outcome, TransportError) else f'status {outcome.status}'}"
