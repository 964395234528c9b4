"""What clients of a cluster do: the operations of ``clients``, by the package's own client, and calls without a key.

A call with a key is repeated until it is answered. One without a key is made once: what the error says of it
(``accepted``) must be what is found afterwards.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from restate_reflect import RetryPolicy
from restate_reflect.ingress import Client, IngressError, TransportError, UnavailableError
from tests.chaos.clients import PATIENCE, Done
from tests.chaos.program import Desk, Flow, Ledger, Mailbox, ledger_of

__all__ = ["CLIENTS", "ClusterDone", "ClusterLoad"]

CLIENTS = 32
TIMEOUT = 45.0
"""Seconds for one verb; a third of it at a node that hangs."""
PATIENT = RetryPolicy(max_attempts=1000, initial_interval=0.05, max_interval=0.5)

T = TypeVar("T")


@dataclass(slots=True)
class ClusterDone(Done):
    """What was done, and what the client said of it."""

    bare: dict[str, bool | None] = field(default_factory=dict)
    """Calls without a key, by token: whether they were accepted, as far as is known."""
    troubles: Counter[str] = field(default_factory=Counter)
    """Errors that reached callers, by class."""
    seconds: list[float] = field(default_factory=list)
    """How long each operation took."""


class ClusterLoad:
    """Runs the clients against the nodes."""

    def __init__(self, urls: list[str], seed: int) -> None:
        self.done = ClusterDone()
        self._urls = urls
        self._seed = seed
        self._kinds: tuple[Callable[[Client, str], Awaitable[None]], ...] = (
            self.deposit,
            self.send_deposit,
            self.send_delayed,
            self.contend,
            self.workflow,
            self.awakeable,
            self.bare,
        )

    async def run(self, seconds: float, enough: Callable[[], bool]) -> None:
        """Keeps all clients busy so long, and until ``enough``; returns when each has finished its last operation."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(self._client(number, lambda: time.monotonic() - began > seconds and enough()))

    async def _client(self, number: int, ended: Callable[[], bool]) -> None:
        chance = random.Random(f"{self._seed}-{number}")
        urls = chance.sample(self._urls, len(self._urls))
        async with Client(urls, timeout=TIMEOUT, retry=PATIENT) as client:
            for turn in itertools.takewhile(lambda _: not ended(), itertools.count()):
                began = time.monotonic()
                kind = chance.choice(self._kinds)
                name = kind.__name__
                await kind(client, f"{name}-{number}-{turn}")
                self.done.counts[name] = self.done.counts.get(name, 0) + 1
                self.done.seconds.append(time.monotonic() - began)
                await asyncio.sleep(chance.uniform(0, 0.02))

    # ---------------------------------------------------------------- operations

    async def deposit(self, client: Client, token: str) -> None:
        stamp = await self._surely(lambda: client.call(Desk.deposit, token, idempotency_key=token))
        self.done.results["Desk/deposit", token] = stamp
        self._deposited(token)

    async def send_deposit(self, client: Client, token: str) -> None:
        await self._surely(lambda: client.send(Desk.deposit, token, idempotency_key=token))
        self._deposited(token)

    async def send_delayed(self, client: Client, token: str) -> None:
        await self._surely(lambda: client.send(Desk.deposit, token, delay=0.3, idempotency_key=token))
        self._deposited(token)

    async def contend(self, client: Client, token: str) -> None:
        key = ledger_of(token)
        count = await self._surely(lambda: client.call(Ledger.add, token, key=key, idempotency_key=token))
        self.done.results[f"Ledger/{key}/add", token] = count
        self.done.tokens.append(token)

    async def workflow(self, client: Client, token: str) -> None:
        """Start, approve, attach."""
        await self._surely(lambda: client.submit(Flow.run, token, key=token))
        await self._surely(lambda: client.call(Flow.approve, "yes", key=token, idempotency_key=f"approve-{token}"))
        result = await self._surely(client.workflow(Flow.run, key=token).attach)
        assert result == "yes", f"{token}: {result!r}"
        self.done.tokens.append(token)

    async def awakeable(self, client: Client, token: str) -> None:
        """Ask, find the awakeable's id, resolve it, get the answer."""
        sent = await self._surely(lambda: client.send(Desk.ask, token, idempotency_key=token))
        id_ = await self._mail(client, token)
        await self._surely(lambda: client.resolve_awakeable(id_, token[::-1]), safe=False)
        assert await self._surely(sent.attach) == token[::-1]
        self.done.tokens.append(token)

    async def bare(self, client: Client, token: str) -> None:
        """A call without a key, once."""
        try:
            await client.call(Ledger.add, token, key=token)
            self.done.bare[token] = True
        except IngressError as error:
            self._note(error, safe=False)
            self.done.bare[token] = error.accepted

    async def _mail(self, client: Client, token: str) -> str:
        until = time.monotonic() + PATIENCE
        while (text := await self._surely(lambda: client.call(Mailbox.read, key=token), safe=False)) is None:
            assert time.monotonic() < until, f"{token}: nothing came into the mailbox"
            await asyncio.sleep(0.05)
        return text

    def _deposited(self, token: str) -> None:
        self.done.tokens += (token, f"{token}+sent")

    async def _surely(self, verb: Callable[[], Coroutine[Any, Any, T]], *, safe: bool = True) -> T:
        """Repeats until there is an answer. What the client knows to be ``safe`` it repeats by itself; of the others we
        know here that they are harmless."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return await verb()
            except (TransportError, UnavailableError) as error:
                self._note(error, safe=safe)
                if time.monotonic() > until:
                    raise AssertionError(f"no answer within {PATIENCE:g} s") from error
                await asyncio.sleep(0.05)

    def _note(self, error: IngressError, *, safe: bool) -> None:
        kind = "safe to repeat" if safe else "not safe to repeat"
        self.done.troubles[f"{type(error).__name__}, {kind}"] += 1
