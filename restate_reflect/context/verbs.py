"""The typed verbs: calls of other handlers, with the arguments and the result that the called method declares.

A method is given unbound (``Inventory.reserve``) or bound (``self.inventory.reserve``), is ``async`` or plain, and
belongs to a service, which takes no ``key``, or to a virtual object or workflow, which need one: two unions and four
overloads. The clients of ``ingress/`` have the same, made of the same unions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    TypeVarTuple,
    Unpack,
    overload,
)

from restate_reflect.context.data import NO_OPTIONS, CallOptions
from restate_reflect.context.futures import CallFuture, InvocationHandle
from restate_reflect.context.operations import Operations
from restate_reflect.options import Duration

__all__ = [
    "AnyAsync",
    "AnyPlain",
    "AsyncHandler",
    "AsyncMethod",
    "Caller",
    "Calling",
    "PlainHandler",
    "PlainMethod",
    "Sending",
    "Target",
]

C = TypeVar("C")
Service = TypeVar("Service")
Keyed = TypeVar("Keyed")
O = TypeVar("O")  # noqa: E741
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")

AsyncHandler: TypeAlias = Callable[[Any, C, Unpack[Ts]], Awaitable[O]] | Callable[[C, Unpack[Ts]], Awaitable[O]]
"""An ``async def`` handler whose context is a ``C``, unbound or bound; its other parameters are positional."""
PlainHandler: TypeAlias = Callable[[Any, C, Unpack[Ts]], O] | Callable[[C, Unpack[Ts]], O]
AnyAsync: TypeAlias = Callable[Concatenate[Any, C, ...], Awaitable[O]] | Callable[Concatenate[C, ...], Awaitable[O]]
"""The same, with whatever parameters."""
AnyPlain: TypeAlias = Callable[Concatenate[Any, C, ...], O] | Callable[Concatenate[C, ...], O]
AsyncMethod: TypeAlias = Callable[Concatenate[Any, C, P], Awaitable[O]]
"""With the parameters' names; unbound only, as ``P`` would take a bound method's context for one."""
PlainMethod: TypeAlias = Callable[Concatenate[Any, C, P], O]


class Calling(TypedDict, total=False):
    """Options of a call."""

    idempotency_key: str | None
    headers: Mapping[str, str] | None


class Sending(Calling, total=False):
    """Options of a call that nobody waits for."""

    delay: Duration | None
    """Seconds or timedelta."""


class NamedHandler(Protocol):
    """What ``handler_of`` returns: it tells the handler, but no types."""

    @property
    def cls(self) -> type: ...
    @property
    def name(self) -> str: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


class Caller(Generic[Service, Keyed]):
    """Calls and one-way calls, typed by the method called.

    ``Service`` is the context of a service's handlers, ``Keyed`` of all others.
    """

    __slots__ = ()
    _operations: Operations
    _scope: str | None
    _limit_key: str | None

    @overload
    def call(
        self, method: AsyncHandler[Service, *Ts, O], /, *args: *Ts, **options: Unpack[Calling]
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self, method: AsyncHandler[Keyed, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Calling]
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self, method: PlainHandler[Service, *Ts, O], /, *args: *Ts, **options: Unpack[Calling]
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self, method: PlainHandler[Keyed, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Calling]
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self, method: NamedHandler, /, *args: Any, key: str | None = None, **options: Unpack[Calling]
    ) -> CallFuture[Any]: ...
    def call(  # type: ignore[misc]  # mypy: an implementation with *args is not matched with Unpack
        self,
        method: Callable[..., Any],
        /,
        *args: Any,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallFuture[Any]:
        """Calls a handler and returns its result as a future.

        Keyword arguments of the handler go through ``target(…).call(…)``.

        Raises (when awaited):
            TerminalError: The callee failed, with its code, message and metadata.
        """
        options = NO_OPTIONS  # as most often; 0.2 µs less
        if not (key is idempotency_key is self._scope is self._limit_key is None) or headers is not None:
            options = CallOptions(key, idempotency_key, headers, None, self._scope, self._limit_key)
        return self._operations.call(method, args, {}, options)

    @overload
    def send(
        self, method: AsyncHandler[Service, *Ts, O], /, *args: *Ts, **options: Unpack[Sending]
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self, method: AsyncHandler[Keyed, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Sending]
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self, method: PlainHandler[Service, *Ts, O], /, *args: *Ts, **options: Unpack[Sending]
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self, method: PlainHandler[Keyed, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Sending]
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self, method: NamedHandler, /, *args: Any, key: str | None = None, **options: Unpack[Sending]
    ) -> InvocationHandle[Any]: ...
    def send(  # type: ignore[misc]  # mypy: an implementation with *args is not matched with Unpack
        self,
        method: Callable[..., Any],
        /,
        *args: Any,
        key: str | None = None,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationHandle[Any]:
        """Calls a handler without waiting for it, after ``delay`` (seconds or timedelta)."""
        options = CallOptions(key, idempotency_key, headers, delay, self._scope, self._limit_key)
        return self._operations.send(method, args, {}, options)

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
    ) -> CallFuture[bytes]:
        """Calls a handler by name; bytes in, bytes out."""
        options = CallOptions(key, idempotency_key, headers, None, self._scope, self._limit_key)
        return self._operations.call_raw(service, handler, body, options)

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
    ) -> InvocationHandle[bytes]:
        """Calls a handler by name without waiting for it."""
        options = CallOptions(key, idempotency_key, headers, delay, self._scope, self._limit_key)
        return self._operations.send_raw(service, handler, body, options)

    @overload
    def target(
        self, method: NamedHandler, /, *, key: str | None = None, **options: Unpack[Sending]
    ) -> Target[..., Any]: ...
    @overload
    def target(self, method: AsyncMethod[Service, P, O], /, **options: Unpack[Sending]) -> Target[P, O]: ...
    @overload
    def target(self, method: AsyncMethod[Keyed, P, O], /, *, key: str, **options: Unpack[Sending]) -> Target[P, O]: ...
    @overload
    def target(self, method: PlainMethod[Service, P, O], /, **options: Unpack[Sending]) -> Target[P, O]: ...
    @overload
    def target(self, method: PlainMethod[Keyed, P, O], /, *, key: str, **options: Unpack[Sending]) -> Target[P, O]: ...
    def target(
        self,
        method: Callable[..., Any],
        /,
        *,
        key: str | None = None,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Target[Any, Any]:
        """A handler to call with keyword arguments: ``ctx.target(Inventory.reserve, key="a").call(qty=1)``."""
        options = CallOptions(key, idempotency_key, headers, delay, self._scope, self._limit_key)
        return Target(self._operations, method, options)


class Target(Generic[P, O]):
    """A handler with its call options; what is left are the handler's own arguments."""

    __slots__ = ("_method", "_operations", "_options")

    def __init__(self, operations: Operations, method: Callable[..., Any], options: CallOptions) -> None:
        self._operations = operations
        self._method = method
        self._options = options

    def call(self, *args: P.args, **kwargs: P.kwargs) -> CallFuture[O]:
        """Calls the handler."""
        return self._operations.call(self._method, args, kwargs, self._options)

    def send(self, *args: P.args, **kwargs: P.kwargs) -> InvocationHandle[O]:
        """Calls the handler without waiting for it."""
        return self._operations.send(self._method, args, kwargs, self._options)
