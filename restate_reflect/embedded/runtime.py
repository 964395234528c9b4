"""The embedded runtime: everything restate-server does for one process, behind one object.

The story of one invocation:

1. A deployment is registered, and ``deployments/catalog.py`` keeps what its manifest says of each handler.
2. A request names a handler. ``Runtime.send`` makes a ``Request`` of it and ``kernel/lifecycle.py`` a record, which
   begins at once, or when its time has come, or when its key is free (``kernel/keys.py``).
3. A turn follows (``driver.py``): what attempts have said is read, what is due is fired, everything is committed to the
   store, and only then are attempts started and told, and callers answered.
4. An attempt (``attempts/executor.py``) sends its deployment the journal so far and reads what the handler does. Each
   command goes into the journal, and ``kernel/commands.py`` does what it asks for: sets a timer, submits another
   invocation (2), completes a promise. Results come back as notifications, to this attempt or a later one.
5. A handler that can only wait suspends; ``Kernel.notify`` starts the next attempt when what it waits for is there. One
   that failed is tried again as ``kernel/retrying.py`` says.
6. With its output the invocation is completed: the key goes to who is next in line, and whoever has waited in
   ``Runtime.invoke`` or ``attach`` is answered.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self, cast

from restate_reflect.embedded import ids
from restate_reflect.embedded.deployments.catalog import Registration, ServiceInfo
from restate_reflect.embedded.deployments.connect import Connect
from restate_reflect.embedded.deployments.transport import Deployment, InProcessDeployment
from restate_reflect.embedded.errors import (
    EmbeddedRuntimeError,
    UnknownHandlerError,
    WrongKeyError,
)
from restate_reflect.embedded.kernel import lifecycle
from restate_reflect.embedded.kernel.bounds import check_texts, moment_after
from restate_reflect.embedded.kernel.lifecycle import Request, Submission
from restate_reflect.embedded.kernel.records import Invocation, Outcome, Status, Target
from restate_reflect.embedded.kernel.scopes import check_call, checked_limit_key
from restate_reflect.embedded.looking import Looking
from restate_reflect.embedded.operating import Operating
from restate_reflect.embedded.remembering import recall, remember
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.options import Duration
from restate_reflect.reflection import reflect_all

__all__ = ["Runtime"]


class Runtime(Operating, Looking):
    """Runs the invocations of registered deployments; an asynchronous context manager.

    Belongs to the event loop on which it was made.

    Args:
        store: ``MemoryStore()`` (default) or ``SqliteStore(path)``.
        clock: ``RealClock()`` (default) or ``VirtualClock()``.
        settings: See ``RuntimeSettings``.
        seed: Makes invocation ids repeat from run to run; the default does so under a virtual
            clock only. A store keeps the seed it was first used with.
    """

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

    # ------------------------------------------------------------ 1. what can be called

    async def register(
        self,
        deployment: Deployment,
        *,
        deployment_id: str | None = None,
        breaking: bool = False,
        dry_run: bool = False,
        remembered: bool = True,
        metadata: Mapping[str, str] | None = None,
    ) -> Registration:
        """Discovers a deployment; new invocations of its services run on it from now on.

        Args:
            deployment_id: Replaces the deployment registered under this id; invocations pinned
                to it go on with the new one.
            breaking: Whether a service may be of another kind than it was.
            dry_run: Changes nothing; the answer is what would be registered.
            remembered: Whether ``reconnect`` finds it after a restart; services of this process never are.
            metadata: Shown with the deployment.

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
        self._driver.check()
        identifier = deployment_id or ids.deployment_id(self.kernel.seed, self.kernel.next_serial())
        found = self.kernel.catalog.read(
            identifier, deployment, manifest, self.clock.now(), breaking=breaking, metadata=metadata
        )
        registration = dataclasses.replace(found, is_remembered=remembered)
        if not dry_run:
            self._put(registration)
        return registration

    async def move(
        self, known: Registration, deployment: Deployment, *, overwrite: bool = False, dry_run: bool = False
    ) -> Registration:
        """Has another address stand for a deployment: what is pinned to it goes on there.

        Args:
            overwrite: Whether its services become those that are found there; else they stay as they were.
            dry_run: Changes nothing; the answer is what would be registered.

        Raises:
            TransportError: It can't be reached.
            ManifestError: It can't be run here.
        """
        manifest = await deployment.discover()
        self._driver.check()
        found = self.kernel.catalog.read(known.id, deployment, manifest, known.created_at, breaking=True)
        moved = known.moved(found, overwrite=overwrite)
        if not dry_run:
            self._put(moved)
        return moved

    def _put(self, registration: Registration) -> None:
        self.kernel.catalog.put(registration)
        with self._driver.request():
            if registration.transport.remote is not None:
                remember(self.kernel)
            self._driver.attempts.served(list(registration.services))

    def reconnect(self, connect: Connect) -> list[Registration]:
        """After a restart: registers the deployments of other processes that the store remembers."""
        with self._driver.request():
            recalled = recall(self.kernel, connect)
            for registration in recalled:
                self._driver.attempts.served(list(registration.services))
        return recalled

    async def deploy(self, *services: object, deployment_id: str | None = None) -> Registration:
        """Registers classes, instances or definitions of this process."""
        return await self.register(InProcessDeployment(reflect_all(services)), deployment_id=deployment_id)

    def change_service(self, service: str, options: Mapping[str, Any]) -> ServiceInfo:
        """Other options than the service's manifest has, until it is registered anew.

        Args:
            options: By their names in manifests, such as ``ingressPrivate``; times in milliseconds.

        Raises:
            KeyError: There is no such service.
        """
        known = self.kernel.catalog.services[service]
        registration = self.kernel.catalog.change(known, options)
        with self._driver.request():
            remember(self.kernel)
        return registration.services[service]

    @property
    def deployments(self) -> list[Registration]:
        """Oldest first."""
        return list(self.kernel.catalog.registrations.values())

    async def unregister(self, deployment_id: str) -> None:
        """Forgets a deployment. Invocations pinned to it go on with the latest one of their service."""
        registration = self.kernel.catalog.registrations.get(deployment_id)
        if registration is None:
            raise EmbeddedRuntimeError(f"no deployment {deployment_id}")
        with self._driver.request():
            self.kernel.catalog.remove(deployment_id)
            remember(self.kernel)
        await registration.transport.close()

    def repin(self, invocation_id: str | None = None) -> None:
        """Makes invocations in flight (one, or all) go on with the latest deployment, from their next attempt on."""
        with self._driver.request():
            for invocation in [self._get(invocation_id)] if invocation_id else list(self.kernel.live.values()):
                invocation.deployment = invocation.protocol = None
                self.kernel.touch(invocation)

    # ------------------------------------------------------------ 2. a request, and the turn that it starts

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
            ScopeError: It can't be called in this scope, or not with this limit key.
        """
        request = self._request(service, handler, body, key, idempotency_key, headers, None, scope, limit_key)
        with self._driver.request(together=True):
            submission = lifecycle.submit(self.kernel, request)
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
            RequestError: A text is no Unicode, or the delay is none or ends after the year 9999.
            RuntimeStoppedError: It could not be stored.
        """
        request = self._request(service, handler, body, key, idempotency_key, headers, delay, scope, limit_key)
        with self._driver.request():
            return lifecycle.submit(self.kernel, request)

    def _request(
        self,
        service: str,
        handler: str,
        body: bytes,
        key: str | None,
        idempotency_key: str | None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        delay: Duration | None,
        scope: str | None,
        limit_key: str | None,
    ) -> Request:
        pairs = _pairs(headers)
        check_texts(key, idempotency_key, scope, limit_key, *(text for pair in pairs for text in pair))
        target = self.target(service, handler, key, scope)
        info = self.kernel.catalog.services[service].handlers[handler]
        return Request(
            target=target,
            body=body,
            retention=info.retention(idempotency_key is not None),
            headers=pairs,
            idempotency_key=idempotency_key,
            limit_key=None if limit_key is None else checked_limit_key(limit_key),
            execution_time=None if delay is None else moment_after(self.clock.now(), delay),
        )

    def target(self, service: str, handler: str, key: str | None, scope: str | None = None) -> Target:
        """Checks an address against what is registered.

        Raises:
            UnknownHandlerError: It leads nowhere.
            ScopeError: It can't be called in this scope.
        """
        info = self.kernel.catalog.services.get(service)
        if info is None:
            known = ", ".join(sorted(self.kernel.catalog.services)) or "nothing"
            raise UnknownHandlerError(f"no service {service!r} is registered; there is {known}")
        if handler not in info.handlers:
            raise UnknownHandlerError(f"{service} has no handler {handler!r}; it has {', '.join(info.handlers)}")
        if info.kind.keyed is (key is None):
            needs = "needs a key" if info.kind.keyed else "takes no key"
            raise WrongKeyError(f"{service} is a {info.kind.value}, and {needs}")
        if scope is not None:
            check_call(self.settings, scope, info.kind)
        return Target(service, handler, key, info.kind, info.handlers[handler].kind, scope)

    # ------------------------------------------------------------ 6. its result

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
        self._driver.check()
        if invocation.status is Status.COMPLETED:
            # A new one was completed within the turn that began it; this is the first answer.
            return invocation.outcome(repeated=not is_new)
        waiter = self._driver.result_of(invocation)
        if self._travel is not None:
            self._travel.consider()
        return await waiter


def _pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    pairs = cast("Iterable[tuple[str, str]]", headers.items() if isinstance(headers, Mapping) else headers)
    return tuple(pairs)
