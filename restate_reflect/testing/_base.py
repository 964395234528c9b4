"""What environments have in common, whichever engine keeps the journals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar, overload

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.begun_run import Run
from restate_reflect.durable.environment import Environment as AttemptEnvironment
from restate_reflect.durable.failures import mistake_of
from restate_reflect.embedded import JournalEntry
from restate_reflect.engine.ending import AttemptError
from restate_reflect.errors import HandlerBugError, TerminalError
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress._invocations import Invocation, SentInvocation
from restate_reflect.ingress._requests import CallOptions
from restate_reflect.ingress._verbs import VerbOperations, Verbs
from restate_reflect.options import Duration
from restate_reflect.payloads import Chain, chain_of
from restate_reflect.reflection import CallTarget, reflect_interface
from restate_reflect.replay import RecordedJournal
from restate_reflect.testing._mocks import UNSET, Mock, Mocks
from restate_reflect.testing._payloads import PlainPromises, PlainState
from restate_reflect.testing._raising import annotated, is_bug, is_expected, raisable
from restate_reflect.testing._reflecting import Reflected, construct
from restate_reflect.testing._state import StateAccess, StateView
from restate_reflect.testing._steps import Steps
from restate_reflect.testing._views import (
    AwakeableView,
    InvocationSummary,
    Journal,
    PromiseAccess,
    PromiseView,
    awakeable_id,
)
from restate_reflect.testing._watch import Watch

__all__ = ["Environment", "EnvironmentOperations"]

T = TypeVar("T")


class EnvironmentOperations(VerbOperations, Protocol):
    """The verbs, carried out on some engine."""

    watch: Watch

    async def call_raw(
        self, service: str, handler: str, body: bytes, content_type: str | None, options: CallOptions
    ) -> bytes: ...
    async def send_raw(
        self, service: str, handler: str, body: bytes, content_type: str | None, options: CallOptions
    ) -> SentInvocation[bytes]: ...
    def target(self, method: Callable[..., Any]) -> CallTarget: ...
    def reader_of(self, returns: Any) -> Callable[[bytes], Any]: ...
    async def attach_to(self, target: InvocationTarget, returns: Any) -> Any: ...
    async def output_of(self, target: InvocationTarget, returns: Any) -> Any: ...
    async def find_id(self, target: InvocationTarget) -> str: ...
    async def cancel_invocation(self, invocation_id: str) -> None: ...


class EnvironmentScope(Verbs):
    """The verbs within a scope."""

    def __init__(self, operations: VerbOperations, scope: str, limit_key: str | None) -> None:
        self._operations = operations
        self._scope = scope
        self._limit_key = limit_key


class Environment(Verbs, ABC):
    """Services under test, on one of two engines: ``TestEnvironment`` and ``ServerEnvironment`` are its forms.

    ``call``, ``send``, ``submit`` and ``target`` are the client's, with its static types; a terminal failure is
    raised as a ``ServiceError``, which is a ``TerminalError``.

    What production would try again fails the request at once: an exception of a handler or a step is raised as it is,
    with its traceback, and a bug that no retry mends (a journal mismatch, a value that does not fit its type, a step
    nobody awaits) as a ``HandlerBugError``. Tried again are a ``RetryableError``, a step with a retry policy that ends,
    what ``fail_step`` injects, and with ``retries=True`` every exception.
    """

    # Narrower than the verbs need; set once.
    _operations: EnvironmentOperations  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        services: Iterable[object],
        mocks: Iterable[type],
        retries: bool,
        payloads: Chain | Iterable[object] = (),
    ) -> None:
        self._payloads = chain_of(payloads)
        self.mocks = Mocks()
        self._retries = retries
        self._given, self._interfaces = tuple(services), tuple(mocks)
        self._services: tuple[ServiceDefinition, ...] = ()
        self._steps = Steps()
        self._last_raised: dict[str, BaseException] = {}
        """By invocation."""
        self._failing: set[str] = set()
        """Invocations that are about to be ended."""

    async def _reflect(self) -> Reflected:
        """Constructs and reads what was given; factories are called on the loop on which their services run."""
        reflected = Reflected([await construct(service) for service in self._given], self._interfaces)
        self._services = reflected.definitions
        return reflected

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def _wrapped(self) -> list[ServiceDefinition]:
        """The services, every handler replaceable."""
        return [self.mocks.wrap(service) for service in self._services]

    def _observe(self, attempts: AttemptEnvironment[Attempt]) -> None:
        attempts.on_failure = self._attempt_failed
        attempts.on_exception = self._raised
        attempts.strict = True
        attempts.wrap_step = self._steps.wrap

    def _look_away(self, attempts: AttemptEnvironment[Attempt]) -> None:
        attempts.on_failure = attempts.on_exception = attempts.wrap_step = None

    def _attempt_failed(self, attempt: Attempt, error: AttemptError) -> None:
        if error.bug:
            name = f"{attempt.service.name}/{attempt.handler.name}"
            self._operations.watch.give_up(HandlerBugError(f"{name}: {error.message}"))

    def _raised(self, attempt: Attempt, error: BaseException, run: Run | None) -> None:
        """An attempt is about to fail for this exception."""
        invocation = attempt.engine.started.debug_id
        if is_bug(error) or (run is None and mistake_of(error)) or invocation in self._operations.watch.raised:
            return
        error = raisable(error)
        self._last_raised[invocation] = error
        if not (self._retries or self._steps.is_planned(error) or is_expected(error, run)):
            # Later: within the turn of the engine that has told us, nothing of it can be changed.
            annotated(error, attempt, run)
            self._failing.add(invocation)
            attempt.environment.loop.call_soon(self._fail, invocation, error)

    @abstractmethod
    def _fail(self, invocation: str, error: BaseException) -> None:
        """Ends an invocation for the exception of a handler, and makes who waits for it raise that."""

    def _raise_failure(self, error: BaseException | None) -> None:
        """At the end: what no request has met."""
        if error is None:
            self._operations.watch.finish()

    # ------------------------------------------------------------ by names, and within a scope

    async def call_raw(
        self,
        service: str,
        handler: str,
        body: bytes = b"",
        /,
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = "application/json",
    ) -> bytes:
        """Calls a handler by name; bytes in, bytes out: for input that no typed call could send.

        ``content_type`` is left out with an empty body.
        """
        options = CallOptions(key, idempotency_key, headers)
        return await self._operations.call_raw(service, handler, body, content_type, options)

    async def send_raw(
        self,
        service: str,
        handler: str,
        body: bytes = b"",
        /,
        *,
        key: str | None = None,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        content_type: str | None = "application/json",
    ) -> SentInvocation[bytes]:
        """As ``call_raw``, without waiting for the result."""
        options = CallOptions(key, idempotency_key, headers, delay)
        return await self._operations.send_raw(service, handler, body, content_type, options)

    def scope(self, name: str, *, limit_key: str | None = None) -> EnvironmentScope:
        """The verbs within a scope: ``env.scope("tenant-1").call(…)``."""
        return EnvironmentScope(self._operations, name, limit_key)

    # ------------------------------------------------------------ time

    @abstractmethod
    def now(self) -> datetime:
        """The environment's time (UTC)."""

    @abstractmethod
    async def advance(self, duration: timedelta | float = 0.0, /, **parts: float) -> None:
        """Moves time, timer by timer: ``await env.advance(days=3)``, or seconds, or a timedelta."""

    @abstractmethod
    async def settle(self) -> None:
        """Waits until everything that can happen now has happened."""

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
        if target.service not in {service.name for service in self._services}:
            name = getattr(method, "__qualname__", target.handler)
            raise ValueError(
                f"{name} can't be replaced: {target.service} is not part of this environment. Add its class:"
                f" mocks=[{name.partition('.')[0]}]."
            )
        return self.mocks.add(target.service, target.handler, returns, raises, calls)

    def fail_step(self, name: str, error: Exception | None = None, *, times: int = 1) -> None:
        """Makes the next ``times`` executions of a ``ctx.run`` fail (``*`` in the name matches anything).

        Without an ``error`` they fail in a way that is retried; a ``TerminalError`` is what the handler gets.
        """
        self._steps.plan(name, error or RuntimeError(f"injected failure of step {name!r}"), times)

    def executions(self, name: str) -> int:
        """How often bodies of this ``ctx.run`` were executed, retries included (``*`` matches anything)."""
        return self._steps.executions(name)

    @abstractmethod
    def crash(self, invocation: Invocation[Any] | str | None = None) -> int:
        """Ends attempts in progress (of one invocation, or all) as if their process had died; the next ones follow.

        Returns how many there were.
        """

    # ------------------------------------------------------------ looking and poking

    @property
    @abstractmethod
    def _stored_state(self) -> StateAccess: ...

    @property
    @abstractmethod
    def _stored_promises(self) -> PromiseAccess: ...

    @property
    def _state(self) -> StateAccess:
        return self._stored_state if self._payloads is None else PlainState(self._stored_state, self._payloads)

    @property
    def _promises(self) -> PromiseAccess:
        stored = self._stored_promises
        return stored if self._payloads is None else PlainPromises(stored, self._payloads)

    @abstractmethod
    def _journal(self, invocation_id: InvocationTarget) -> list[JournalEntry]: ...

    @abstractmethod
    def _invocations(self) -> list[InvocationSummary]: ...

    def state(self, service: type | str, key: str, *, scope: str | None = None) -> StateView:
        """State of an object or workflow."""
        return StateView(self._state, self._name_of(service), key, scope)

    def promise(self, workflow: type | str, key: str, name: str, *, scope: str | None = None) -> PromiseView:
        """A durable promise of a workflow, to look at and to complete."""
        return PromiseView(self._promises, self._name_of(workflow), key, name, scope)

    def journal(self, invocation: Invocation[Any] | InvocationTarget) -> Journal:
        """The journal of an invocation, as typed entries."""
        return Journal(self._journal(invocation.target if isinstance(invocation, Invocation) else invocation))

    def recorded(self, invocation: Invocation[Any] | InvocationTarget) -> RecordedJournal:
        """The journal of an invocation as it is now, to keep as a file (``restate_reflect.replay.save``) or to replay.

        Raises:
            JournalGoneError: It has no entries.
        """
        return self._recorded(invocation.target if isinstance(invocation, Invocation) else invocation)

    @abstractmethod
    def _recorded(self, target: InvocationTarget) -> RecordedJournal: ...

    def invocations(
        self, of: type | str | Callable[..., Any] | None = None, *, key: str | None = None
    ) -> list[InvocationSummary]:
        """Every invocation so far, oldest first; only those of one service, of one handler, or of one key."""
        service, handler = self._names_of(of)
        return [
            each
            for each in self._invocations()
            if service in (None, each.service) and handler in (None, each.handler) and key in (None, each.key)
        ]

    def _names_of(self, of: type | str | Callable[..., Any] | None) -> tuple[str | None, str | None]:
        if of is None:
            return None, None
        if isinstance(of, type | str):
            return self._name_of(of), None
        target = self._operations.target(of)
        return target.service, target.handler

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

    # ------------------------------------------------------------ awakeables, signals

    def awakeable(self, invocation: SentInvocation[Any] | InvocationSummary | str, number: int = 1) -> AwakeableView:
        """The awakeable that an invocation makes as its ``number``-th: ``env.awakeable(sent).resolve("yes")``."""
        identifier = invocation if isinstance(invocation, str) else invocation.id
        return AwakeableView(awakeable_id(identifier, number), self)

    @abstractmethod
    def resolve_awakeable(self, id: str, value: Any = None) -> None:
        """Delivers the result of an awakeable."""

    @abstractmethod
    def reject_awakeable(self, id: str, error: TerminalError | str) -> None:
        """Fails an awakeable."""

    @abstractmethod
    def resolve_signal(self, invocation_id: str, name: str, value: Any = None) -> None:
        """Sends a named signal."""

    @abstractmethod
    def reject_signal(self, invocation_id: str, name: str, error: TerminalError) -> None:
        """Fails a named signal."""
