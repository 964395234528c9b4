"""Sixty-four clients that do mixed work and never give up: a repetition is harmless, as everything has a key."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.program import ledger_of

__all__ = ["CLIENTS", "PATIENCE", "Done", "Load"]

CLIENTS = 64
PATIENCE = 240.0
"""Seconds that one request is repeated before the test fails. Servers restart in about one; on a machine with five
times as many busy processes as cores, two clients of 64 waited more than 90 for their turn in an object's queue."""
REQUEST_TIMEOUT = 15.0
"""Seconds for one try: one that hangs on a killed server is given up, and tried again."""


@dataclass(slots=True)
class Done:
    """What was asked for, and what has to be found afterwards."""

    tokens: list[str] = field(default_factory=list)
    """Each must be in its ledger, once."""
    results: dict[tuple[str, str], Any] = field(default_factory=dict)
    """By path and idempotency key: what was returned; asking again must return the same."""
    stamps: dict[str, str] = field(default_factory=dict)
    """By token: the journaled result of the step."""
    counts: dict[str, int] = field(default_factory=dict)
    """Operations by kind."""
    repeated: int = 0
    """Requests that had to be sent again."""


REFUSED = (400, 405, 409, 410, 413, 415)
"""Statuses that trying again does not change: the test itself is wrong."""


class Load:
    """Runs the clients against one server."""

    def __init__(self, ingress: str, seed: int) -> None:
        self.ingress = ingress
        self.done = Done()
        self._seed = seed
        self._session: aiohttp.ClientSession | None = None
        self._kinds: tuple[Callable[[str], Awaitable[None]], ...] = (
            self.deposit,
            self.send_deposit,
            self.send_delayed,
            self.contend,
            self.workflow,
            self.awakeable,
        )

    async def run(self, seconds: float) -> None:
        """Keeps all clients busy; returns when each has finished its last operation."""
        connector = aiohttp.TCPConnector(limit=CLIENTS * 2, force_close=False)
        async with aiohttp.ClientSession(connector=connector) as self._session:
            until = time.monotonic() + seconds
            async with asyncio.TaskGroup() as clients:
                for number in range(CLIENTS):
                    clients.create_task(self._client(number, until))

    async def _client(self, number: int, until: float) -> None:
        chance = random.Random(f"{self._seed}-{number}")
        for turn in range(1_000_000):
            if time.monotonic() > until:
                return
            kind = chance.choice(self._kinds)
            name = kind.__name__
            await kind(f"{name}-{number}-{turn}")
            self.done.counts[name] = self.done.counts.get(name, 0) + 1
            await asyncio.sleep(chance.uniform(0, 0.02))

    # ---------------------------------------------------------------- operations

    async def deposit(self, token: str) -> None:
        """A call with an idempotency key."""
        await self._keyed("Desk/deposit", token)
        self._deposited(token)

    async def send_deposit(self, token: str) -> None:
        """A send; its result is asked for later, by calling with the same key."""
        await self._request("POST", "/Desk/deposit/send", token, key=token)
        self._deposited(token)

    async def send_delayed(self, token: str) -> None:
        await self._request("POST", "/Desk/deposit/send?delay=300ms", token, key=token)
        self._deposited(token)

    async def contend(self, token: str) -> None:
        """Calls on few objects, by all clients at once."""
        await self._keyed(f"Ledger/{ledger_of(token)}/add", token)
        self.done.tokens.append(token)

    async def workflow(self, token: str) -> None:
        """Start, approve, attach."""
        await self._request("POST", f"/Flow/{token}/run/send", token)
        await self._request("POST", f"/Flow/{token}/approve", "yes", key=f"approve-{token}")
        result = await self._request("GET", f"/restate/workflow/Flow/{token}/attach")
        assert result == "yes", f"{token}: {result!r}"
        self.done.tokens.append(token)

    async def awakeable(self, token: str) -> None:
        """Ask, find the awakeable's id, resolve it, get the answer."""
        await self._request("POST", "/Desk/ask/send", token, key=token)
        id_ = await self._mail(token)
        await self._request("POST", f"/restate/awakeables/{id_}/resolve", token[::-1])
        assert await self._keyed("Desk/ask", token) == token[::-1]
        self.done.tokens.append(token)

    async def _mail(self, token: str) -> str:
        until = time.monotonic() + PATIENCE
        while (text := await self._request("POST", f"/Mailbox/{token}/read")) is None:
            assert time.monotonic() < until, f"{token}: nothing came into the mailbox"
            await asyncio.sleep(0.05)
        return str(text)

    def _deposited(self, token: str) -> None:
        self.done.tokens += (token, f"{token}+sent")

    # ---------------------------------------------------------------- requests

    async def _keyed(self, path: str, token: str) -> Any:
        """A call with the token as idempotency key; the result is kept for comparison."""
        result = await self._request("POST", f"/{path}", token, key=token)
        self.done.results[path, token] = result
        return result

    async def _request(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """Sends until there is an answer: the server may be down, starting, or not know its services yet."""
        until = time.monotonic() + PATIENCE
        last: object = None
        while time.monotonic() < until:
            try:
                status, content = await self._try(method, path, body, key)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                last = error
            else:
                if status in (200, 202):
                    return json.loads(content) if content else None
                if status == 409 and path.endswith("/run/send"):
                    return None  # an earlier try has started the workflow
                last = f"{status} {content[:300]!r}"
                assert status not in REFUSED, f"{method} {path}: {last}"
            self.done.repeated += 1
            await asyncio.sleep(0.05)
        raise AssertionError(f"{method} {path}: no answer within {PATIENCE:g} s; at last {last}")

    async def _try(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, bytes]:
        assert self._session is not None
        headers = {"content-type": "application/json"} if body is not None else {}
        if key is not None:
            headers["idempotency-key"] = key
        data = None if body is None else json.dumps(body).encode()
        async with self._session.request(
            method,
            self.ingress + path,
            data=data,
            headers=headers,
            skip_auto_headers=["content-type"],  # a request without a body must not have one
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT),
        ) as answer:
            return answer.status, await answer.read()
