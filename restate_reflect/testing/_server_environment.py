"""The same environment on a real restate-server, which a test session shares."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.guards import Guard
from restate_reflect.embedded import JournalEntry, RuntimeSettings
from restate_reflect.endpoint import CORE, endpoint, listening
from restate_reflect.engine.ending import AttemptError
from restate_reflect.errors import TerminalError, UnsupportedFeatureError
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress import SyncClient
from restate_reflect.ingress._invocations import Invocation
from restate_reflect.ingress._transport import DEFAULT_RETRY, Transport
from restate_reflect.payloads import Chain
from restate_reflect.reflection import TargetDirectory
from restate_reflect.replay import RecordedJournal
from restate_reflect.server import RestateServer
from restate_reflect.testing._base import Environment
from restate_reflect.testing._server_operations import ServerOperations
from restate_reflect.testing._server_tables import ServerTables
from restate_reflect.testing._state import StateAccess
from restate_reflect.testing._unsupported import Unsupported, refuse, skipped
from restate_reflect.testing._views import InvocationSummary, PromiseAccess

__all__ = ["LONGEST_WAIT", "ServerEnvironment"]

LONGEST_WAIT: Final = timedelta(seconds=2)
"""What ``advance`` waits for in real time; tests that skip further are skipped themselves."""

_CAN_BE_SET: Final = frozenset({"max_protocol_version"})
_SETTLE_POLL: Final = 0.05
_SETTLE_LOOKS: Final = 3


class ServerEnvironment(Environment):
    """As ``TestEnvironment``, but a real server keeps the journals: for ``pytest --engine=server``.

    Time is real. State, journals and invocations are read over the admin API; when the environment closes,
    everything that its services have left on the server is removed. What a server can't do from outside (skip
    time, send a signal, complete a promise) skips the test, with the reason.

    Args:
        services, mocks, guard, interceptors, payloads, retries: As for ``TestEnvironment``.
        server: A server that runs.
        settings: Only ``max_protocol_version`` is possible; the rest belongs to the server.
    """

    def __init__(
        self,
        *services: object,
        server: RestateServer,
        mocks: Iterable[type] = (),
        settings: RuntimeSettings | None = None,
        guard: Guard = Guard.WARN,
        interceptors: Iterable[object] = (),
        payloads: Chain | Iterable[object] = (),
        retries: bool = False,
    ) -> None:
        super().__init__(services, mocks, retries, payloads)
        self.server = server
        self._settings = settings or RuntimeSettings()
        self._guard = guard
        self._interceptors = interceptors
        self._stack = AsyncExitStack()
        self._ending: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> Self:
        _refuse_settings(self._settings)
        await self._reflect()
        self._tables = ServerTables(self.server, [service.name for service in self._services], self._payloads)
        async with AsyncExitStack() as stack:
            app = endpoint(
                *self._wrapped(),
                guard=self._guard,
                interceptors=self._interceptors,
                payloads=self._payloads or (),
                max_protocol_version=self._settings.max_protocol_version,
            )
            transport = Transport(self.server.ingress_url, headers=None, timeout=None, retry=DEFAULT_RETRY)
            stack.push_async_callback(transport.close)
            self._operations = ServerOperations(
                transport, TargetDirectory(self._services), self._tables, self._payloads
            )
            self._outside = stack.enter_context(SyncClient(self.server.ingress_url))
            listener = await stack.enter_async_context(listening(app))
            self._core = app[CORE]
            self._observe(self._core.environment)
            url = f"http://127.0.0.1:{listener.port}"
            registered = await asyncio.to_thread(self.server.register, url, breaking=True)
            stack.push_async_callback(asyncio.to_thread, self._tables.forget, registered["id"])
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.sleep(0)  # what has just been raised is told now
        await asyncio.gather(*self._ending)
        await self._stack.aclose()
        self._raise_failure(error)

    def _fail(self, invocation: str, error: BaseException) -> None:
        watch = self._operations.watch
        watch.raised[invocation] = error
        watch.interrupt(error)
        # It frees its key; what has called it gets a terminal failure and may go on, which nobody waits for any more.
        self._ending.append(asyncio.ensure_future(asyncio.to_thread(self._tables._change, invocation, "kill")))

    def scope(self, name: str, *, limit_key: str | None = None) -> NoReturn:
        refuse(Unsupported.SCOPES)

    def _attempt_failed(self, attempt: Attempt, error: AttemptError) -> None:
        if error.code == UnsupportedFeatureError.code and self._settings == RuntimeSettings():
            self._operations.watch.give_up(skipped(Unsupported.SCOPES))
        super()._attempt_failed(attempt, error)

    # ------------------------------------------------------------ time

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def advance(self, duration: timedelta | float = 0.0, /, **parts: float) -> None:
        """Waits in real time, up to two seconds."""
        total = (duration if isinstance(duration, timedelta) else timedelta(seconds=duration)) + timedelta(**parts)
        if total > LONGEST_WAIT:
            refuse(Unsupported.TIME, f"{total} is too long to wait for")
        await self._operations.watch.wait(asyncio.sleep(total.total_seconds()))
        await self.settle()

    async def settle(self) -> None:
        """Waits until no step executes here, and the server's tables stand still."""
        seen: list[Any] = []
        while len(seen) < _SETTLE_LOOKS:
            await self._operations.watch.wait(asyncio.sleep(_SETTLE_POLL))
            executing = any(attempt.is_executing for attempt in self._core.environment.attempts)
            look = (executing, await asyncio.to_thread(self._tables.progress))
            seen = [look] if executing or (seen and seen[-1] != look) else [*seen, look]

    # ------------------------------------------------------------ looking and poking

    def crash(self, invocation: Invocation[Any] | str | None = None) -> int:
        wanted = invocation.target if isinstance(invocation, Invocation) else invocation
        hit = [
            attempt
            for attempt in list(self._core.environment.attempts)
            if attempt.engine.is_ready and wanted in (None, attempt.engine.started.debug_id)
        ]
        for attempt in hit:
            attempt.interrupt("the test lets this attempt crash")
        return len(hit)

    @property
    def _stored_state(self) -> StateAccess:
        return self._tables

    @property
    def _stored_promises(self) -> PromiseAccess:
        return _Promises(self._tables)

    def _journal(self, invocation_id: InvocationTarget) -> list[JournalEntry]:
        if not isinstance(invocation_id, str):
            invocation_id = self._outside.invocation(invocation_id).find_id()
        return self._tables.journal(invocation_id)

    def _recorded(self, target: InvocationTarget) -> RecordedJournal:
        found = target if isinstance(target, str) else self._outside.invocation(target).find_id()
        return self._tables.recorded(found)

    def _invocations(self) -> list[InvocationSummary]:
        return self._tables.invocations()

    # ------------------------------------------------------------ awakeables, signals

    def resolve_awakeable(self, id: str, value: Any = None) -> None:
        self._outside.resolve_awakeable(id, value)

    def reject_awakeable(self, id: str, error: TerminalError | str) -> None:
        """Fails an awakeable; the ingress makes the code 500."""
        self._outside.reject_awakeable(id, error if isinstance(error, str) else error.message)

    def resolve_signal(self, invocation_id: str, name: str, value: Any = None) -> None:
        refuse(Unsupported.SIGNALS)

    def reject_signal(self, invocation_id: str, name: str, error: TerminalError) -> None:
        refuse(Unsupported.SIGNALS)


class _Promises:
    """Promises can be looked at, no more."""

    def __init__(self, tables: ServerTables) -> None:
        self._tables = tables

    def peek_promise(self, service: str, key: str, name: str, scope: str | None = None) -> bytes | TerminalError | None:
        if scope is not None:
            refuse(Unsupported.SCOPES)
        return self._tables.promise(service, key, name)

    def complete_promise(
        self, service: str, key: str, name: str, result: bytes | TerminalError, scope: str | None = None
    ) -> bool:
        refuse(Unsupported.PROMISES)


def _refuse_settings(settings: RuntimeSettings) -> None:
    plain = RuntimeSettings()
    for each in dataclasses.fields(settings):
        if each.name not in _CAN_BE_SET and getattr(settings, each.name) != getattr(plain, each.name):
            refuse(Unsupported.SETTINGS, each.name)
