"""The blocking client, for scripts and notebooks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress._background import BackgroundLoop
from restate_reflect.ingress._client import Client
from restate_reflect.ingress._operations import UNSET, Operations
from restate_reflect.ingress._requests import CallOptions
from restate_reflect.ingress._sync_invocations import Run, SyncInvocation, SyncSentInvocation
from restate_reflect.ingress._sync_verbs import SyncVerbs
from restate_reflect.ingress._transport import DEFAULT_RETRY
from restate_reflect.options import Duration, RetryPolicy

if TYPE_CHECKING:
    from restate_reflect.context import WorkflowContext
    from restate_reflect.context.verbs import AnyAsync, AnyPlain
    from restate_reflect.payloads import Chain

__all__ = ["SyncClient", "SyncClientScope"]

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741


class _SyncOperations:
    """The client's operations, each run to its end."""

    def __init__(self, run: Run, operations: Operations) -> None:
        self._run = run
        self._operations = operations

    def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Any:
        return self._run(self._operations.call(method, args, kwargs, options))

    def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> SyncSentInvocation[Any]:
        return SyncSentInvocation(self._run, self._run(self._operations.send(method, args, kwargs, options)))


class SyncClient(SyncVerbs):
    """``Client`` for code without an event loop, or with one that belongs to somebody else::

        client = SyncClient("http://127.0.0.1:8080")
        print(client.call(Counter.add, 1, key="a"))

    Requests run on an event loop in a thread of the client's own, so any thread may use it, a notebook's cell too.
    In ``async`` code it would block the loop: use ``Client`` there. ``with``, or ``close()`` at the end; a forgotten
    client ends with the process. Arguments are those of ``Client``, without ``session``.
    """

    def __init__(
        self,
        url: str | Sequence[str] = "http://127.0.0.1:8080",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: Duration | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        admin_url: str | Sequence[str] | None = None,
        services: Iterable[ServiceDefinition] = (),
        payloads: Chain | Iterable[object] = (),
    ) -> None:
        self._client = Client(
            url,
            headers=headers,
            timeout=timeout,
            retry=retry,
            admin_url=admin_url,
            services=services,
            payloads=payloads,
        )
        self._background = BackgroundLoop(self._client.close)
        self._run: Run = self._background.run
        self._operations = self._work = _SyncOperations(self._run, self._client._work)

    @property
    def url(self) -> str:
        """As ``Client.url``."""
        return self._client.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections and ends the thread."""
        self._background.close()

    def scope(self, name: str, *, limit_key: str | None = None) -> SyncClientScope:
        """As ``Client.scope``."""
        return SyncClientScope(self._work, name, limit_key)

    @overload
    def invocation(self, target: InvocationTarget, returns: type[T]) -> SyncInvocation[T]: ...
    @overload
    def invocation(self, target: InvocationTarget, returns: Callable[..., Awaitable[T]]) -> SyncInvocation[T]: ...
    @overload
    def invocation(self, target: InvocationTarget, returns: Callable[..., T]) -> SyncInvocation[T]: ...
    @overload
    def invocation(self, target: InvocationTarget, returns: Any = ...) -> SyncInvocation[Any]: ...
    def invocation(self, target: InvocationTarget, returns: Any = Any) -> SyncInvocation[Any]:
        """As ``Client.invocation``."""
        return SyncInvocation(self._run, self._client.invocation(target, returns))

    @overload
    def workflow(self, method: AnyAsync[WorkflowContext, O], /, *, key: str) -> SyncInvocation[O]: ...
    @overload
    def workflow(self, method: AnyPlain[WorkflowContext, O], /, *, key: str) -> SyncInvocation[O]: ...
    def workflow(self, method: Callable[..., Any], /, *, key: str) -> SyncInvocation[Any]:
        """As ``Client.workflow``."""
        return SyncInvocation(self._run, self._client.workflow(method, key=key))

    def call_raw(
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
        """As ``Client.call_raw``."""
        options = CallOptions(key, idempotency_key, headers)
        answer: bytes = self._run(self._client._work.call_raw(service, handler, body, content_type, options))
        return answer

    def send_raw(
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
    ) -> SyncSentInvocation[bytes]:
        """As ``Client.send_raw``."""
        options = CallOptions(key, idempotency_key, headers, delay)
        sent = self._run(self._client._work.send_raw(service, handler, body, content_type, options))
        return SyncSentInvocation(self._run, sent)

    def resolve_awakeable(self, id: str, value: Any = None, *, type: Any = UNSET) -> None:
        """As ``Client.resolve_awakeable``."""
        self._run(self._client.resolve_awakeable(id, value, type=type))

    def reject_awakeable(self, id: str, message: str) -> None:
        """As ``Client.reject_awakeable``."""
        self._run(self._client.reject_awakeable(id, message))

    def health(self) -> list[str]:
        """As ``Client.health``."""
        names: list[str] = self._run(self._client.health())
        return names


class SyncClientScope(SyncVerbs):
    """The verbs within a scope."""

    def __init__(self, operations: _SyncOperations, scope: str, limit_key: str | None) -> None:
        self._operations = operations
        self._scope = scope
        self._limit_key = limit_key
