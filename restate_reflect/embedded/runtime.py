"""The embedded runtime: everything restate-server does for one process, behind one object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Final, Self, cast

from restate_reflect.embedded import ids
from restate_reflect.embedded.attempts.executor import Observer
from restate_reflect.embedded.deployments.catalog import Registration
from restate_reflect.embedded.deployments.connect import Connect
from restate_reflect.embedded.deployments.transport import Deployment, InProcessDeployment
from restate_reflect.embedded.driver import Driver
from restate_reflect.embedded.errors import (
    EmbeddedRuntimeError,
    InvocationNotFoundError,
    InvocationStateError,
    UnknownHandlerError,
)
from restate_reflect.embedded.kernel import lifecycle
from restate_reflect.embedded.kernel.clock import Clock, RealClock, VirtualClock
from restate_reflect.embedded.kernel.commands import complete_promise
from restate_reflect.embedded.kernel.journal import JournalEntry
from restate_reflect.embedded.kernel.kernel import EntryHook, Kernel
from restate_reflect.embedded.kernel.lifecycle import Reply, Request, Submission
from restate_reflect.embedded.kernel.records import Failure, Invocation, Outcome, Status, Target
from restate_reflect.embedded.kernel.scopes import check_scope
from restate_reflect.embedded.kernel.store import Promise, Store
from restate_reflect.embedded.remembering import recall, remember
from restate_reflect.embedded.settings import RuntimeSettings
from restate_reflect.embedded.storage.memory import MemoryStore
from restate_reflect.embedded.travel import TimeTravel, settle
from restate_reflect.errors import TerminalError
from restate_reflect.identifiers import IdempotentRequest, InvocationTarget, WorkflowRun
from restate_reflect.options import Duration, millis
from restate_reflect.reflection import reflect_all

__all__ = ["Runtime"]

_DEFAULTS: Final = RuntimeSettings()


class Runtime:
    """Runs the invocations of registered deployments; an asynchronous context manager.

    Belongs to the event loop on which it was made.

    Args:
        store: ``MemoryStore()`` (default) or ``SqliteStore(path)``.
        clock: ``RealClock()`` (default) or ``VirtualClock()``.
        settings: See ``RuntimeSettings``.
        seed: Makes invocation ids repeat from run to run; the default does so under a virtual
            clock only. A store keeps the seed it was first used with.
    """

    def __init__(
        self,
        store: Store | None = None,
        clock: Clock | None = None,
        *,
        settings: RuntimeSettings = _DEFAULTS,
        seed: bytes | None = None,
    ) -> None:
        self.clock: Clock = clock if clock is not None else RealClock()
        self.settings = settings
        self._driver = Driver(store if store is not None else MemoryStore(), self.clock, settings, seed)
        self.kernel = self._driver.kernel
        self._travel = TimeTravel(self._driver, self.clock) if isinstance(self.clock, VirtualClock) else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """As ``close``, and gives up connections to deployments."""
        self.close()
        for registration in self.deployments:
            await registration.transport.close()

    def close(self) -> None:
        """Drops attempts in progress and closes the store. With a durable store everything goes on later."""
        self._driver.close()

    # ------------------------------------------------------------ deployments

    async def register(self, deployment: Deployment, *, deployment_id: str | None = None) -> Registration:
        """Discovers a deployment; new invocations of its services run on it from now on.

        Args:
            deployment_id: Replaces the deployment registered under this id; invocations pinned
                to it go on with the new one.

        Raises:
            TransportError: It can't be reached.
            ManifestError: It can't be run here.
        """
        if self.clock.is_virtual and not deployment.is_in_process:
            raise EmbeddedRuntimeError(
                f"{deployment.address} runs in another process, whose clock nobody moves. Use RealClock, or"
                " InProcessDeployment."
            )
        manifest = await deployment.discover()
        if isinstance(deployment, InProcessDeployment):
            deployment.wall_clock = self.time
        identifier = deployment_id or ids.deployment_id(self.kernel.seed, self.kernel.next_serial())
        registration = self.kernel.catalog.add(identifier, deployment, manifest, self.clock.now())
        if deployment.remote is not None:
            remember(self.kernel)
        self._driver.attempts.served(list(registration.services))
        self._driver.turn()
        return registration

    def reconnect(self, connect: Connect) -> list[Registration]:
        """After a restart: registers the deployments of other processes that the store remembers."""
        recalled = recall(self.kernel, connect)
        for registration in recalled:
            self._driver.attempts.served(list(registration.services))
        self._driver.turn()
        return recalled

    async def deploy(self, *services: object, deployment_id: str | None = None) -> Registration:
        """Registers classes, instances or definitions of this process."""
        return await self.register(InProcessDeployment(reflect_all(services)), deployment_id=deployment_id)

    @property
    def deployments(self) -> list[Registration]:
        """Oldest first."""
        return list(self.kernel.catalog.registrations.values())

    async def unregister(self, deployment_id: str) -> None:
        """Forgets a deployment. Invocations pinned to it go on with the latest one of their service."""
        registration = self.kernel.catalog.registrations.get(deployment_id)
        if registration is None:
            raise EmbeddedRuntimeError(f"no deployment {deployment_id}")
        self.kernel.catalog.remove(deployment_id)
        remember(self.kernel)
        self._driver.turn()
        await registration.transport.close()

    def repin(self, invocation_id: str | None = None) -> None:
        """Makes invocations in flight (one, or all) go on with the latest deployment, from their next attempt on."""
        for invocation in [self._get(invocation_id)] if invocation_id else list(self.kernel.live.values()):
            invocation.deployment = invocation.protocol = None
            self.kernel.touch(invocation)
        self._driver.turn()

    # ------------------------------------------------------------ requests

    async def invoke(
        self,
        service: str,
        handler: str,
        body: bytes = b"",
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> Outcome:
        """Runs a handler and waits for its result.

        Raises:
            UnknownHandlerError: There is none, or the key is missing or not wanted.
            ScopeError: It can't be called in this scope.
        """
        submission = self.send(
            service,
            handler,
            body,
            key=key,
            idempotency_key=idempotency_key,
            headers=headers,
            scope=scope,
            limit_key=limit_key,
        )
        if submission.invocation.target.is_workflow_run and not submission.is_new:
            return Outcome(submission.invocation.id, failure=lifecycle.ALREADY_INVOKED.to_error())
        return await self._result(submission.invocation, is_new=submission.is_new)

    def send(
        self,
        service: str,
        handler: str,
        body: bytes = b"",
        *,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        delay: Duration | None = None,
        scope: str | None = None,
        limit_key: str | None = None,
    ) -> Submission:
        """Runs a handler, now or after ``delay``, without waiting: ``.invocation.id``, ``.is_new``.

        Raises:
            UnknownHandlerError, ScopeError: As for ``invoke``.
        """
        target = self.target(service, handler, key)
        if scope is not None:
            check_scope(self.settings, scope, target.service_kind)
        info = self.kernel.catalog.services[service].handlers[handler]
        wait = millis(delay)
        request = Request(
            target=target,
            body=body,
            retention=info.retention(idempotency_key is not None),
            headers=_pairs(headers),
            idempotency_key=idempotency_key,
            scope=scope,
            limit_key=limit_key,
            execution_time=None if wait is None else self.clock.now() + wait,
        )
        submission = lifecycle.submit(self.kernel, request)
        self._driver.turn()
        return submission

    def target(self, service: str, handler: str, key: str | None) -> Target:
        """Checks an address against what is registered.

        Raises:
            UnknownHandlerError: It leads nowhere.
        """
        info = self.kernel.catalog.services.get(service)
        if info is None:
            known = ", ".join(sorted(self.kernel.catalog.services)) or "nothing"
            raise UnknownHandlerError(f"no service {service!r} is registered; there is {known}")
        if handler not in info.handlers:
            raise UnknownHandlerError(f"{service} has no handler {handler!r}; it has {', '.join(info.handlers)}")
        if info.kind.keyed is (key is None):
            needs = "needs a key" if info.kind.keyed else "takes no key"
            raise UnknownHandlerError(f"{service} is a {info.kind.value}, and {needs}")
        return Target(service, handler, key, info.kind, info.handlers[handler].kind)

    # ------------------------------------------------------------ results

    async def attach(self, target: InvocationTarget) -> Outcome:
        """Waits for the result of an invocation.

        Raises:
            InvocationNotFoundError: It is not known.
        """
        return await self._result(self._get(target))

    def output(self, target: InvocationTarget) -> Outcome | None:
        """The result, or ``None`` while there is none.

        Raises:
            InvocationNotFoundError: It is not known.
        """
        invocation = self._get(target)
        return invocation.outcome() if invocation.status is Status.COMPLETED else None

    async def _result(self, invocation: Invocation, *, is_new: bool = False) -> Outcome:
        if invocation.status is Status.COMPLETED:
            # A new one was completed within the turn that began it; this is the first answer.
            return invocation.outcome(repeated=not is_new)
        waiter = self._driver.result_of(invocation)
        if self._travel is not None:
            self._travel.consider()
        return await waiter

    def invocation_id(self, target: InvocationTarget) -> str:
        """The id of an invocation that is named some other way."""
        match target:
            case WorkflowRun():
                return ids.workflow_id(target.workflow, target.key)
            case IdempotentRequest():
                return ids.idempotent_id(
                    target.service, target.key, target.handler, target.idempotency_key, target.scope
                )
            case _:
                return target

    # ------------------------------------------------------------ operators

    def cancel(self, target: InvocationTarget) -> Reply:
        """Asks the handler to stop."""
        return self._apply(lifecycle.cancel, target)

    def kill(self, target: InvocationTarget) -> Reply:
        """Ends the invocation and what it has called."""
        return self._apply(lifecycle.kill, target)

    def pause(self, target: InvocationTarget) -> Reply:
        """Stops attempts until ``resume``."""
        return self._apply(lifecycle.pause, target)

    def resume(self, target: InvocationTarget) -> Reply:
        """Starts the next attempt now."""
        return self._apply(lifecycle.resume, target)

    def purge(self, target: InvocationTarget) -> Reply:
        """Forgets a completed invocation."""
        return self._apply(lifecycle.purge, target)

    def purge_journal(self, target: InvocationTarget) -> Reply:
        """Forgets the journal of a completed invocation."""
        return self._apply(lifecycle.purge_journal, target)

    def _apply(self, operation: Callable[[Kernel, str], Reply], target: InvocationTarget) -> Reply:
        reply = operation(self.kernel, self.invocation_id(target))
        self._driver.turn()
        return reply

    def crash(self, target: InvocationTarget | None = None) -> int:
        """Drops attempts in progress (of one invocation, or all) as if their process had died; the next ones start
        at once. Returns how many there were."""
        running = list(self._driver.attempts.running.values())
        hit = [each.invocation for each in running if target is None or each.invocation is self._get(target)]
        for invocation in hit:
            self._driver.attempts.crash(invocation)
        self._driver.turn()
        return len(hit)

    # ------------------------------------------------------------ signals

    def resolve_awakeable(self, awakeable_id: str, value: bytes) -> None:
        """Completes an awakeable. Unknown and ended invocations ignore it, as on the server.

        Raises:
            IdError: It is no awakeable id.
        """
        self.signal(*ids.awakeable_target(awakeable_id), value)

    def reject_awakeable(self, awakeable_id: str, error: TerminalError | str) -> None:
        """Fails an awakeable.

        Raises:
            IdError: It is no awakeable id.
        """
        self.signal(
            *ids.awakeable_target(awakeable_id), error if isinstance(error, TerminalError) else TerminalError(error)
        )

    def signal(self, target: InvocationTarget, which: int | str, result: bytes | TerminalError | None = None) -> None:
        """Sends a signal, by name or index."""
        lifecycle.send_signal(self.kernel, self.invocation_id(target), which, _result_of(result))
        self._driver.turn()

    def resolve_promise(self, workflow: str, key: str, name: str, result: bytes | TerminalError) -> bool:
        """Completes a promise of a workflow; whether it was open."""
        outcome = _result_of(result)
        accepted = complete_promise(self.kernel, (workflow, key), name, b"" if outcome is None else outcome)
        self._driver.turn()
        return accepted

    def promise(self, workflow: str, key: str, name: str) -> Promise | None:
        """A promise as it is stored."""
        return self.kernel.store.promise((workflow, key), name)

    # ------------------------------------------------------------ looking and poking

    def state(self, service: str, key: str) -> dict[str, bytes]:
        """The state of an object or workflow."""
        return {name.decode(): value for name, value in self.kernel.store.state((service, key)).items()}

    def set_state(self, service: str, key: str, values: Mapping[str, bytes | None], *, replace: bool = False) -> None:
        """Writes state from outside; ``None`` clears a key, ``replace`` all others too.

        Raises:
            InvocationStateError: An exclusive invocation holds the key.
        """
        holder = self.kernel.keys.holder((service, key))
        if holder is not None:
            raise InvocationStateError(f"{service}/{key} is in use by {holder}; its state can't be changed meanwhile")
        if replace:
            self.kernel.store.clear_all_state((service, key))
        for name, value in values.items():
            if value is None:
                self.kernel.store.clear_state((service, key), name.encode())
            else:
                self.kernel.store.set_state((service, key), name.encode(), value)
        self._driver.turn()

    def journal(self, target: InvocationTarget) -> list[JournalEntry]:
        """The journal of an invocation.

        Raises:
            InvocationNotFoundError: It is not known.
        """
        entries = self.kernel.store.journal(self._get(target).id)
        return [JournalEntry.read(index, entry) for index, entry in enumerate(entries)]

    def invocation(self, target: InvocationTarget) -> Invocation:
        """The record of an invocation; not to be changed.

        Raises:
            InvocationNotFoundError: It is not known.
        """
        return self._get(target)

    def invocations(self) -> list[Invocation]:
        """Every invocation that is stored, oldest first."""
        return list(self.kernel.all())

    @property
    def on_entry(self) -> EntryHook | None:
        """Called as ``hook(invocation, index, entry)`` for each journal entry, within the transaction
        that stores it. If it returns ``True``, the attempt is cut off right there, as by a crash of
        its process, and the next one starts at once."""
        return self.kernel.on_entry

    @on_entry.setter
    def on_entry(self, hook: EntryHook | None) -> None:
        self.kernel.on_entry = hook

    @property
    def observer(self) -> Observer | None:
        """Watches attempts come and go."""
        return self._driver.attempts.observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._driver.attempts.observer = observer

    def _get(self, target: InvocationTarget) -> Invocation:
        identifier = self.invocation_id(target)
        invocation = self.kernel.find(identifier)
        if invocation is None:
            raise InvocationNotFoundError(identifier)
        return invocation

    # ------------------------------------------------------------ time

    def time(self) -> float:
        """The clock's time in seconds since the epoch."""
        return self.clock.now() / 1000

    def next_timer(self) -> int | None:
        """When the next thing happens that a handler can notice, in milliseconds since the epoch."""
        return self.kernel.timers.next_at(housekeeping=False)

    @property
    def is_idle(self) -> bool:
        """Whether only time or a request can make anything happen."""
        return self._driver.is_idle

    async def settle(self) -> None:
        """Waits until everything that can happen now has happened: no step executes any more."""
        await settle(self._driver)

    async def advance(self, duration: timedelta | float) -> None:
        """Moves a virtual clock, timer by timer, letting everything settle in between.

        Raises:
            EmbeddedRuntimeError: The clock is a real one.
        """
        if self._travel is None:
            raise EmbeddedRuntimeError("only a VirtualClock can be moved; make the Runtime with one")
        await self._travel.advance(millis(duration) or 0)

    def poke(self) -> None:
        """Does what is due, after somebody has moved a virtual clock by hand."""
        self._driver.turn()


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    pairs = cast("Iterable[tuple[str, str]]", headers.items() if isinstance(headers, Mapping) else headers)
    return tuple(pairs)


def _result_of(result: bytes | TerminalError | None) -> bytes | Failure | None:
    if isinstance(result, TerminalError):
        return Failure(result.code, result.message, result.metadata)
    return result
