"""The client of the ingress: the context's verbs, from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

import aiohttp

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.identifiers import InvocationTarget, WorkflowRun
from restate_reflect.ingress._admin import AdminClient
from restate_reflect.ingress._invocations import Invocation, SentInvocation
from restate_reflect.ingress._operations import UNSET, Operations
from restate_reflect.ingress._requests import CallOptions
from restate_reflect.ingress._transport import DEFAULT_RETRY, Transport
from restate_reflect.ingress._verbs import Verbs
from restate_reflect.options import Duration, RetryPolicy
from restate_reflect.reflection import TargetDirectory

if TYPE_CHECKING:
    from restate_reflect.context import WorkflowContext
    from restate_reflect.context.verbs import AnyAsync, AnyPlain
    from restate_reflect.payloads import Chain

__all__ = ["Client", "ClientScope"]

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741


class Client(Verbs):
    """Calls services over the ingress of a restate-server::

        async with Client("http://127.0.0.1:8080") as client:
            total = await client.call(Counter.add, 1, key="a")

    A request is sent again, at once to another address and with growing and spread-out pauses to the same one, when no
    connection could be made, when the server sheds load (429), and, if sending it twice has the effect of sending it
    once (an idempotency key, ``submit``, ``attach``, ``output``), also after lost connections and 502/503/504.

    Args:
        url: The ingress; several if it has several addresses, as the nodes of a cluster. The first that answers is used
            until it fails; then the others are asked, each once in an attempt, by the rule above. Of ``timeout`` each
            has its share if the request may be sent twice.
        headers: Sent along with every request; handlers see them in ``ctx.request.headers``.
        timeout: For one verb with all of its repetitions (seconds or timedelta); ``None`` waits for results as long
            as they take.
        retry: Unset fields are those of the default, 5 attempts from 50 ms on; ``RetryPolicy(max_attempts=1)``
            never repeats.
        session: Used and left open; without it one is made on first use and closed with the client.
        admin_url: The admin API, or several, which ``Invocation.cancel()`` needs.
        services: Definitions of services whose names or options were given to ``reflect(...)`` and can't be read
            off the class.
        payloads: As the services' endpoint has them: inputs are sent encoded, and outputs read. Without them an output
            is plain, unless a handler has made the call.
    """

    def __init__(
        self,
        url: str | Sequence[str] = "http://127.0.0.1:8080",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: Duration | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        session: aiohttp.ClientSession | None = None,
        admin_url: str | Sequence[str] | None = None,
        services: Iterable[ServiceDefinition] = (),
        payloads: Chain | Iterable[object] = (),
    ) -> None:
        self._transport = Transport(url, headers=headers, timeout=timeout, retry=retry, session=session)
        self._admin = None if admin_url is None else AdminClient(admin_url, retry=retry, session=session)
        self._work = Operations(self._transport, TargetDirectory(services), self._admin, payloads)
        self._operations = self._work

    @property
    def url(self) -> str:
        """The ingress that is asked first at present, without a slash at the end."""
        return self._transport.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections; a session that came from outside stays open."""
        await self._transport.close()
        if self._admin is not None:
            await self._admin.close()

    def scope(self, name: str, *, limit_key: str | None = None) -> ClientScope:
        """The verbs within a scope: ``client.scope("tenant-1").call(...)``; restate-server 1.7 with vqueues."""
        return ClientScope(self._work, name, limit_key)

    # -- invocations that exist

    @overload
    def invocation(self, target: InvocationTarget, returns: type[T]) -> Invocation[T]: ...
    @overload
    def invocation(self, target: InvocationTarget, returns: Callable[..., Awaitable[T]]) -> Invocation[T]: ...
    @overload
    def invocation(self, target: InvocationTarget, returns: Callable[..., T]) -> Invocation[T]: ...
    @overload
    def invocation(self, target: InvocationTarget, returns: Any = ...) -> Invocation[Any]: ...
    def invocation(self, target: InvocationTarget, returns: Any = Any) -> Invocation[Any]:
        """An invocation to attach to: by id, ``WorkflowRun`` or ``IdempotentRequest``.

        Args:
            returns: The handler that runs there (``Counter.add``), or the type of its result.
        """
        return Invocation(self._work, target, self._work.reader_of(returns))

    @overload
    def workflow(self, method: AnyAsync[WorkflowContext, O], /, *, key: str) -> Invocation[O]: ...
    @overload
    def workflow(self, method: AnyPlain[WorkflowContext, O], /, *, key: str) -> Invocation[O]: ...
    def workflow(self, method: Callable[..., Any], /, *, key: str) -> Invocation[Any]:
        """The run of a workflow that somebody has submitted: ``client.workflow(Signup.run, key="ada")``."""
        name, returns = self._work.workflow_of(method)
        return Invocation(self._work, WorkflowRun(name, key), returns)

    # -- by names

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
        """Calls a handler by name; bytes in, bytes out. ``content_type`` is left out with an empty body."""
        options = CallOptions(key, idempotency_key, headers)
        return await self._work.call_raw(service, handler, body, content_type, options)

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
        """Calls a handler by name without waiting for it."""
        options = CallOptions(key, idempotency_key, headers, delay)
        return await self._work.send_raw(service, handler, body, content_type, options)

    # -- awakeables

    async def resolve_awakeable(self, id: str, value: Any = None, *, type: Any = UNSET) -> None:
        """Delivers the result of an awakeable; encoded as ``type``, or by the value's own class.

        Raises:
            BadRequestError: this is not the id of an awakeable.
        """
        await self._work.resolve_awakeable(id, value, type)

    async def reject_awakeable(self, id: str, message: str) -> None:
        """Fails an awakeable: its owner gets a ``TerminalError`` with this message. The ingress makes it code 500."""
        await self._work.reject_awakeable(id, message)

    # -- the server

    async def health(self) -> list[str]:
        """Names of the services that are registered, sorted; raises like ``call`` if the ingress is not well."""
        return await self._work.health()


class ClientScope(Verbs):
    """The verbs within a scope."""

    def __init__(self, operations: Operations, scope: str, limit_key: str | None) -> None:
        self._operations = operations
        self._scope = scope
        self._limit_key = limit_key
