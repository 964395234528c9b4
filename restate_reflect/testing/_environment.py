"""Services and a runtime in one process, on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from restate_reflect.codecs import codec_for
from restate_reflect.definitions import ServiceDefinition
from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.guards import Guard
from restate_reflect.embedded import InProcessDeployment, JournalEntry, Runtime, RuntimeSettings, VirtualClock
from restate_reflect.endpoint.core import Core
from restate_reflect.engine.machine import AttemptError
from restate_reflect.errors import HandlerBugError, TerminalError
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress._invocations import Invocation
from restate_reflect.ingress._verbs import Verbs
from restate_reflect.reflection import TargetDirectory, reflect_interface
from restate_reflect.testing._mocks import UNSET, Mock, Mocks
from restate_reflect.testing._operations import RuntimeOperations
from restate_reflect.testing._reflecting import reflect_fresh
from restate_reflect.testing._state import StateView
from restate_reflect.testing._steps import StepFailures

__all__ = ["TestEnvironment"]

T = TypeVar("T")


class TestEnvironment(Verbs):
    """Runs services as they run in production, without sockets and without waiting.

        async with TestEnvironment(Inventory, Checkout, mocks=[Mailer]) as env:
            env.mock(Mailer.receipt, returns=None)
            assert await env.call(Checkout.submit, Order(sku="tea", qty=1)) == "ch_1"

    ``call``, ``send``, ``submit`` and ``target`` are the client's, with its static types; a
    terminal failure is raised as the ``TerminalError`` it is. Time is virtual: while somebody
    waits for a result and nothing else can happen, it skips to the next timer.

    A bug that production would retry for ever (a journal mismatch, a value that does not fit its
    type, a step nobody awaits) fails the request at once, with the message production would log.

    Args:
        services: Classes, instances or definitions under test.
        mocks: Classes of services that are only replaced; they are not constructed.
        auto_skip: Whether time skips by itself; without it only ``advance`` moves it.
        settings: Of the embedded runtime (retry policy, protocol version, suspension …).
        guard: What happens on I/O in handler code; a warning by default.
    """

    __test__ = False
    # Narrower than the verbs need; set once.
    _operations: RuntimeOperations  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        *services: object,
        mocks: Iterable[type] = (),
        auto_skip: bool = True,
        settings: RuntimeSettings | None = None,
        guard: Guard = Guard.WARN,
    ) -> None:
        self.mocks = Mocks()
        self._services = [*reflect_fresh(services), *map(reflect_interface, mocks)]
        self._settings = settings or RuntimeSettings()
        self._clock = VirtualClock(auto_skip=auto_skip)
        self._guard = guard
        self._steps = StepFailures()

    async def __aenter__(self) -> Self:
        self.runtime = Runtime(None, self._clock, settings=self._settings)
        wrapped = [self.mocks.wrap(service) for service in self._services]
        core = Core(wrapped, guard=self._guard)
        core.environment.on_failure = self._attempt_failed
        core.environment.wrap_step = self._steps.wrap
        # Looked up by function: the originals, as tests name those.
        originals = TargetDirectory(self._services)
        self._operations = RuntimeOperations(self.runtime, originals)  # pyright: ignore[reportIncompatibleVariableOverride]
        await self.runtime.register(InProcessDeployment(core))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.runtime.aclose()
        failure = self._operations.failure
        if error is None and failure is not None:
            raise failure

    def _attempt_failed(self, attempt: Attempt, error: AttemptError) -> None:
        if error.bug:
            name = f"{attempt.service.name}/{attempt.handler.name}"
            self._operations.give_up(HandlerBugError(f"{name}: {error.message}"))

    # ------------------------------------------------------------ time

    def now(self) -> datetime:
        """The environment's time (UTC)."""
        return datetime.fromtimestamp(self.runtime.time(), UTC)

    async def advance(self, duration: timedelta | float = 0.0, /, **parts: float) -> None:
        """Moves time, timer by timer: ``await env.advance(days=3)``, or seconds, or a timedelta."""
        total = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        await self._operations.watch(self.runtime.advance(total + timedelta(**parts)))

    async def settle(self) -> None:
        """Waits until everything that can happen now has happened; time stands still."""
        await self._operations.watch(self.runtime.settle())

    # ------------------------------------------------------------ other services and steps

    def mock(
        self,
        method: Callable[..., Any],
        *,
        returns: Any = UNSET,
        raises: Exception | None = None,
        calls: Callable[..., Any] | None = None,
    ) -> Mock:
        """Replaces a handler, from now on.

        ``calls`` gets the handler's arguments without the context. The result tells what it was
        called with.
        """
        target = self._operations.target(method)
        return self.mocks.add(target.service, target.handler, returns, raises, calls)

    def fail_step(self, name: str, error: Exception | None = None, *, times: int = 1) -> None:
        """Makes the next ``times`` executions of a ``ctx.run`` fail (``*`` in the name matches anything)."""
        self._steps.plan(name, error or RuntimeError(f"injected failure of step {name!r}"), times)

    # ------------------------------------------------------------ looking and poking

    def state(self, service: type | str, key: str) -> StateView:
        """State of an object or workflow."""
        return StateView(self.runtime, self._name_of(service), key)

    def journal(self, invocation: Invocation[Any] | InvocationTarget) -> list[JournalEntry]:
        """The journal of an invocation, as typed entries."""
        return self.runtime.journal(invocation.target if isinstance(invocation, Invocation) else invocation)

    @overload
    def invocation(self, target: InvocationTarget, returns: type[T]) -> Invocation[T]: ...
    @overload
    def invocation(self, target: InvocationTarget, returns: Any = ...) -> Invocation[Any]: ...
    def invocation(self, target: InvocationTarget, returns: Any = Any) -> Invocation[Any]:
        """An invocation to attach to, by id, workflow key or idempotency key; ``returns`` is a handler or a type."""
        return Invocation(self._operations, target, self._operations.reader_of(returns))

    def _name_of(self, service: type | str) -> str:
        if isinstance(service, str):
            return service
        found: ServiceDefinition | None = next((known for known in self._services if known.cls is service), None)
        return found.name if found else reflect_interface(service).name

    # ------------------------------------------------------------ awakeables, signals, promises

    def resolve_awakeable(self, id: str, value: Any = None) -> None:
        """Delivers the result of an awakeable."""
        self.runtime.resolve_awakeable(id, codec_for(type(value)).encode(value))

    def reject_awakeable(self, id: str, error: TerminalError | str) -> None:
        """Fails an awakeable."""
        self.runtime.reject_awakeable(id, error)

    def resolve_signal(self, invocation_id: str, name: str, value: Any = None) -> None:
        """Sends a named signal."""
        self.runtime.signal(invocation_id, name, codec_for(type(value)).encode(value))

    def reject_signal(self, invocation_id: str, name: str, error: TerminalError) -> None:
        """Fails a named signal."""
        self.runtime.signal(invocation_id, name, error)
