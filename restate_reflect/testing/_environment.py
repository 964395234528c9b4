"""Services and a runtime in one process, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

from restate_reflect.codecs import codec_for
from restate_reflect.durable.failures import message_of
from restate_reflect.durable.guards import Guard
from restate_reflect.embedded import InProcessDeployment, JournalEntry, Runtime, RuntimeSettings, Status, VirtualClock
from restate_reflect.embedded import Invocation as Record
from restate_reflect.endpoint.core import Core
from restate_reflect.endpoint.lifespan import enter_services
from restate_reflect.errors import HandlerBugError, TerminalError
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress._invocations import Invocation
from restate_reflect.payloads import Chain
from restate_reflect.reflection import TargetDirectory
from restate_reflect.replay import RecordedJournal
from restate_reflect.testing._base import Environment
from restate_reflect.testing._blocks import telling_blocks
from restate_reflect.testing._operations import RuntimeOperations
from restate_reflect.testing._payloads import plain_entries
from restate_reflect.testing._raising import paused
from restate_reflect.testing._recorded import recorded
from restate_reflect.testing._state import StateAccess
from restate_reflect.testing._views import InvocationSummary, PromiseAccess

__all__ = ["DEFAULT_SETTINGS", "TestEnvironment"]

DEFAULT_SETTINGS: Final = RuntimeSettings(scopes=True)
"""As restate-server's, and with its experimental scopes, which a test would rather have than miss."""


class TestEnvironment(Environment):
    """Runs services as they run in production, without sockets and without waiting.

        async with TestEnvironment(Inventory, Checkout, mocks=[Mailer]) as env:
            env.mock(Mailer.receipt, returns=None)
            assert await env.call(Checkout.submit, Order(sku="tea", qty=1)) == "ch_1"

    Time is virtual: while somebody waits for a result and nothing else can happen, it skips to the next timer.

    Args:
        services: Classes, instances, definitions, or functions that make instances. An instance that is an
            asynchronous context manager is entered first and left last, as an endpoint does.
        mocks: Classes of services that are only replaced; they are not constructed.
        auto_skip: Whether time skips by itself; without it only ``advance`` moves it.
        settings: Of the embedded runtime (retry policy, protocol version, suspension …).
        guard: What happens on I/O in handler code; a warning by default.
        interceptors, payloads: As for ``endpoint``. What the environment shows is plain.
        retries: Whether exceptions of handlers are expected and tried again, as in production. By default the first one
            fails the request.
    """

    __test__ = False

    def __init__(
        self,
        *services: object,
        mocks: Iterable[type] = (),
        auto_skip: bool = True,
        settings: RuntimeSettings | None = None,
        guard: Guard = Guard.WARN,
        interceptors: Iterable[object] = (),
        payloads: Chain | Iterable[object] = (),
        retries: bool = False,
    ) -> None:
        super().__init__(services, mocks, retries, payloads)
        self._settings = settings or DEFAULT_SETTINGS
        self._clock = VirtualClock(auto_skip=auto_skip)
        self._guard = guard
        self._interceptors = interceptors
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        reflected = await self._reflect()
        core = self._core = Core(
            self._wrapped(), interceptors=self._interceptors, payloads=self._payloads or (), guard=self._guard
        )
        async with AsyncExitStack() as stack:
            await enter_services(stack, core)
            stack.enter_context(telling_blocks(core.environment))
            self.runtime = Runtime(None, self._clock, settings=self._settings)
            stack.push_async_callback(self.runtime.aclose)
            self._observe(core.environment)
            kernel = self.runtime.kernel
            kernel.on_failure, kernel.on_pause = self._is_failing, self._paused
            stack.callback(self._look_away, core.environment)
            # Looked up by function: the originals, as tests name those.
            self._operations = RuntimeOperations(self.runtime, TargetDirectory(self._services), self._payloads)
            deployment = InProcessDeployment(core)
            await reflected.fill(deployment)
            await self.runtime.register(deployment)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await asyncio.sleep(0)  # what has just been raised is told now
        await self._stack.aclose()
        self._raise_failure(error)

    def _is_failing(self, record: Record) -> bool:
        """Whether it is about to be ended: until then nothing of it goes on."""
        return record.id in self._failing

    def _fail(self, invocation: str, error: BaseException) -> None:
        self._failing.discard(invocation)
        watch = self._operations.watch
        if not self.runtime.give_up(invocation, error):
            watch.interrupt(error)
        ended = self.runtime.abandon(invocation, TerminalError(message_of(error)))
        watch.raised.update(dict.fromkeys(ended, error))

    def _paused(self, record: Record) -> None:
        """Nobody but an operator goes on with it: whoever waits gets what it failed for."""
        failure = record.last_failure
        error = self._last_raised.get(record.id)
        if error is None:
            error = HandlerBugError("" if failure is None else f"[{failure.code}] {failure.message}")
        raised = paused(error, str(record.target), record.retries)
        asyncio.get_running_loop().call_soon(self.runtime.give_up, record.id, raised)

    # ------------------------------------------------------------ time

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.runtime.time(), UTC)

    async def advance(self, duration: timedelta | float = 0.0, /, **parts: float) -> None:
        total = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        await self._operations.watch.wait(self.runtime.advance(total + timedelta(**parts)))

    async def settle(self) -> None:
        """Waits until everything that can happen now has happened; time stands still."""
        await self._operations.watch.wait(self.runtime.settle())

    # ------------------------------------------------------------ looking and poking

    def crash(self, invocation: Invocation[Any] | str | None = None) -> int:
        if invocation is None:
            return self.runtime.crash()
        return self.runtime.crash(invocation.target if isinstance(invocation, Invocation) else invocation)

    @property
    def _stored_state(self) -> StateAccess:
        return self.runtime

    @property
    def _stored_promises(self) -> PromiseAccess:
        return _Promises(self.runtime)

    def _journal(self, invocation_id: InvocationTarget) -> list[JournalEntry]:
        record = self.runtime.invocation(invocation_id)
        entries = plain_entries(self._payloads, record.target, self.runtime.kernel.store.journal(record.id))
        return [JournalEntry.read(index, entry) for index, entry in enumerate(entries)]

    def _recorded(self, target: InvocationTarget) -> RecordedJournal:
        record = self.runtime.invocation(target)
        keyed = None if record.status is Status.COMPLETED else record.target.keyed
        state = None if keyed is None else self.runtime.state(*keyed)
        return recorded(record, self.runtime.kernel.store.journal(record.id), state)

    def _invocations(self) -> list[InvocationSummary]:
        return [_summary(each) for each in self.runtime.invocations()]

    # ------------------------------------------------------------ awakeables, signals

    def resolve_awakeable(self, id: str, value: Any = None) -> None:
        self.runtime.resolve_awakeable(id, codec_for(type(value)).encode(value))

    def reject_awakeable(self, id: str, error: TerminalError | str) -> None:
        self.runtime.reject_awakeable(id, error)

    def resolve_signal(self, invocation_id: str, name: str, value: Any = None) -> None:
        self.runtime.signal(invocation_id, name, codec_for(type(value)).encode(value))

    def reject_signal(self, invocation_id: str, name: str, error: TerminalError) -> None:
        self.runtime.signal(invocation_id, name, error)


class _Promises:
    """Promises of a runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def peek_promise(self, service: str, key: str, name: str, scope: str | None = None) -> bytes | TerminalError | None:
        promise = self._runtime.promise(service, key, name, scope)
        if promise is None or not promise.completed:
            return None
        return promise.failure.to_error() if promise.failure is not None else promise.value or b""

    def complete_promise(
        self, service: str, key: str, name: str, result: bytes | TerminalError, scope: str | None = None
    ) -> bool:
        return self._runtime.resolve_promise(service, key, name, result, scope)


def _summary(record: Record) -> InvocationSummary:
    failure = record.failure or (record.last_failure if record.value is None else None)
    target = record.target
    shown = None if failure is None else f"[{failure.code}] {failure.message}"
    return InvocationSummary(record.id, target.service, target.handler, target.key, record.status.value, shown)
