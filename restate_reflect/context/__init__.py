"""The contexts that handlers get.

A context is a thin, typed face over an attempt: it turns calls like ``ctx.get("stock", int)``
into operations of ``Operations`` and has no behaviour of its own. Reflection reads the kind of
a handler off the context class in its annotation. The five classes are siblings, so that a type
checker can tell the kinds apart.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    NamedTuple,
    ParamSpec,
    Protocol,
    TypeVar,
    TypeVarTuple,
    overload,
)

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.errors import HandlerBugError
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.options import Duration, RetryPolicy

__all__ = [
    "UNSET",
    "Awakeable",
    "CallFuture",
    "CallOptions",
    "Context",
    "DurablePromise",
    "InvocationHandle",
    "ObjectContext",
    "ObjectSharedContext",
    "Operations",
    "Request",
    "Scope",
    "State",
    "Steps",
    "Target",
    "TypedSteps",
    "WorkflowContext",
    "WorkflowSharedContext",
    "context_class",
]

T = TypeVar("T")
S = TypeVar("S")
O = TypeVar("O")  # noqa: E741
O_co = TypeVar("O_co", covariant=True)
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")


# ---------------------------------------------------------------- plain data and futures


@dataclass(frozen=True, slots=True)
class Request:
    """What started the invocation, and this attempt of it."""

    id: str
    """Invocation id."""
    headers: Mapping[str, str]
    """Headers of the invocation; the same in every attempt."""
    attempt_headers: Mapping[str, str]
    """HTTP headers of this attempt's request (``traceparent`` is here); names in lower case."""
    body: bytes
    """The input as it came."""
    key: str | None = None
    scope: str | None = None
    limit_key: str | None = None
    idempotency_key: str | None = None
    """Known since service protocol V7."""
    retry_count: int = 0
    """Attempts since the last stored entry; best effort."""


class State(Generic[T]):
    """A declared state key: ``count = State(int, default=0)`` in the body of a class.

    The key is the attribute's name unless ``name`` says otherwise. Without a default a key that
    is not set reads as ``None``. A mutable default (a list, a model) is copied for each read.
    """

    if TYPE_CHECKING:

        @overload
        def __init__(self: State[S], type: type[S], *, default: S, name: str | None = None) -> None: ...
        @overload
        def __init__(self: State[S | None], type: type[S], *, name: str | None = None) -> None: ...
        @overload
        def __init__(self: State[Any], type: Any, *, default: Any = None, name: str | None = None) -> None: ...

    def __init__(self, type: Any, *, default: Any = None, name: str | None = None) -> None:
        self.type = type
        self.default = default
        self.name = name or ""
        self._is_immutable = isinstance(default, _IMMUTABLE)

    def fresh_default(self) -> Any:
        """The default; a copy of what handlers could change, or they would change it for all keys and replays."""
        return self.default if self._is_immutable else copy.deepcopy(self.default)

    def known_name(self) -> str:
        """The key.

        Raises:
            HandlerBugError: The key was declared outside of a class, without ``name``.
        """
        if not self.name:
            raise HandlerBugError(f"{self!r} has no key. Declare it in the body of a class, or write State(…, name=…).")
        return self.name

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    def __repr__(self) -> str:
        return f"State({self.name!r}, {getattr(self.type, '__name__', self.type)!s})"


_IMMUTABLE = (type(None), bool, int, float, str, bytes, frozenset)


class CallFuture(asyncio.Future[O]):
    """The result of ``ctx.call``: an asyncio future with the callee's invocation id."""

    __slots__ = ()

    @property
    def invocation_id(self) -> asyncio.Future[str]:
        """Awaitable id of the callee's invocation."""
        raise NotImplementedError

    async def cancel_invocation(self) -> None:
        """Asks the callee to cancel itself; ``cancel()`` only stops waiting for it."""
        raise NotImplementedError


class Awakeable(asyncio.Future[T]):
    """A result that somebody outside delivers, by ``id``."""

    __slots__ = ()

    @property
    def id(self) -> str:
        """To be handed to whoever will resolve it."""
        raise NotImplementedError


class InvocationHandle(Generic[O_co]):
    """Another invocation: await it for its id, attach to its result, or cancel it."""

    __slots__ = ("_invocation_id", "_operations", "_output")

    def __init__(self, operations: Operations, invocation_id: asyncio.Future[str], output: Any) -> None:
        self._operations = operations
        self._invocation_id = invocation_id
        self._output = output

    @property
    def invocation_id(self) -> asyncio.Future[str]:
        """Awaitable invocation id."""
        return self._invocation_id

    def __await__(self) -> Generator[Any, None, str]:
        return self._invocation_id.__await__()

    async def attach(self) -> O_co:
        """Waits for the result."""
        result: O_co = await self._operations.attach(await self._invocation_id, self._output)
        return result

    async def output(self) -> O_co | None:
        """The result if it is there, else ``None``."""
        result: O_co | None = await self._operations.output(await self._invocation_id, self._output)
        return result

    async def cancel(self) -> None:
        """Asks the invocation to cancel itself."""
        self._operations.cancel(await self._invocation_id)


class DurablePromise(Generic[T]):
    """A promise of a workflow, shared by all of its handlers; await it for its value."""

    __slots__ = ("_operations", "_type", "name")

    def __init__(self, operations: Operations, name: str, type_: Any) -> None:
        self._operations = operations
        self._type = type_
        self.name = name

    def __await__(self) -> Generator[Any, None, T]:
        return self.get().__await__()

    def get(self) -> asyncio.Future[T]:
        """The value, as a future to combine with others."""
        return self._operations.get_promise(self.name, self._type)

    def peek(self) -> asyncio.Future[T | None]:
        """The value if it is there, else ``None``. Raises what the promise was rejected with."""
        return self._operations.peek_promise(self.name, self._type)

    def resolve(self, value: T) -> asyncio.Future[None]:
        """Completes the promise. Awaiting raises ``TerminalError`` if it was completed before."""
        return self._operations.resolve_promise(self.name, self._type, value)

    def reject(self, message: str, code: int = 500) -> asyncio.Future[None]:
        """Fails the promise. Awaiting raises ``TerminalError`` if it was completed before."""
        return self._operations.reject_promise(self.name, message, code)


# ---------------------------------------------------------------- what contexts stand on


class CallOptions(NamedTuple):
    """How to call: everything but handler and arguments."""

    key: str | None = None
    idempotency_key: str | None = None
    headers: Mapping[str, str] | None = None
    delay: Duration | None = None
    scope: str | None = None
    limit_key: str | None = None


NO_OPTIONS: Final = CallOptions()


class Operations(Protocol):
    """What a context needs from an attempt. Types are annotations, of which codecs are made."""

    @property
    def request(self) -> Request: ...
    @property
    def key(self) -> str: ...
    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]: ...
    @property
    def random(self) -> random.Random: ...

    def get_state(self, key: str, type_: Any, default: Any) -> asyncio.Future[Any]: ...
    def set_state(self, key: str, type_: Any, value: Any) -> None: ...
    def clear_state(self, key: str) -> None: ...
    def clear_all_state(self) -> None: ...
    def state_keys(self) -> asyncio.Future[list[str]]: ...
    def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> CallFuture[Any]: ...
    def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> InvocationHandle[Any]: ...
    def call_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> CallFuture[bytes]: ...
    def send_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> InvocationHandle[bytes]: ...
    def run(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        retry: RetryPolicy | None,
        type_: Any,
    ) -> asyncio.Future[Any]: ...
    def sleep(self, duration: Duration, name: str) -> asyncio.Future[None]: ...
    def now(self) -> asyncio.Future[datetime]: ...
    def awakeable(self, type_: Any) -> Awakeable[Any]: ...
    def complete_awakeable(self, id_: str, value: Any, type_: Any) -> None: ...
    def reject_awakeable(self, id_: str, message: str, code: int) -> None: ...
    def get_promise(self, name: str, type_: Any) -> asyncio.Future[Any]: ...
    def peek_promise(self, name: str, type_: Any) -> asyncio.Future[Any]: ...
    def resolve_promise(self, name: str, type_: Any, value: Any) -> asyncio.Future[None]: ...
    def reject_promise(self, name: str, message: str, code: int) -> asyncio.Future[None]: ...
    def signal(self, name: str, type_: Any) -> asyncio.Future[Any]: ...
    def resolve_signal(self, invocation_id: str, name: str, value: Any, type_: Any) -> None: ...
    def reject_signal(self, invocation_id: str, name: str, message: str, code: int) -> None: ...
    def attach(self, target: InvocationTarget, output: Any) -> asyncio.Future[Any]: ...
    def output(self, target: InvocationTarget, output: Any) -> asyncio.Future[Any]: ...
    def cancel(self, invocation_id: str) -> None: ...
    def unguarded(self) -> AbstractContextManager[None]: ...


UNSET: Any = object()
"""Not given, as ``None`` is a type annotation too."""


# ---------------------------------------------------------------- steps


class _Runner:
    """``run``, with its parameters typed by the function's."""

    __slots__ = ()
    _operations: Operations
    _retry: RetryPolicy | None

    @overload
    def run(
        self, name: str, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]: ...
    @overload
    def run(self, name: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]: ...
    def run(self, name: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> asyncio.Future[Any]:
        """Executes a side effect once and journals its result.

        ``async def`` functions run on the process's event loop, plain ones in a worker thread;
        both start when the handler next waits. The result has the function's return annotation
        as its type, or the one given by ``options(type=…)``.

        Raises (when awaited):
            TerminalError: The function raised one, or its retry policy gave up.
        """
        return self._operations.run(name, function, args, kwargs, self._retry, UNSET)


class Steps(_Runner):
    """``run`` with options: ``ctx.options(retry=RetryPolicy(max_attempts=3)).run("charge", charge, order)``."""

    __slots__ = ("_operations", "_retry")

    def __init__(self, operations: Operations, retry: RetryPolicy | None) -> None:
        self._operations = operations
        self._retry = retry


class TypedSteps(Generic[O]):
    """``run`` with a declared result type, for functions without a return annotation."""

    __slots__ = ("_operations", "_retry", "_type")

    def __init__(self, operations: Operations, retry: RetryPolicy | None, type_: Any) -> None:
        self._operations = operations
        self._retry = retry
        self._type = type_

    def run(self, name: str, function: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[O]:
        """As ``Context.run``; the result is journaled as the declared type."""
        return self._operations.run(name, function, args, kwargs, self._retry, self._type)


# ---------------------------------------------------------------- calls


class _NamedHandler(Protocol):
    """What ``handler_of`` returns: it tells the handler, but no types."""

    @property
    def cls(self) -> type: ...
    @property
    def name(self) -> str: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


class _Caller:
    """Calls and one-way calls, typed by the method called.

    The method is given unbound (``Inventory.reserve``) or bound (``self.inventory.reserve``).
    Services take no ``key``; virtual objects and workflows need one.
    """

    __slots__ = ()
    _operations: Operations
    _scope: str | None
    _limit_key: str | None

    @overload
    def call(
        self,
        method: Callable[[Any, Context, *Ts], Awaitable[O]],
        /,
        *args: *Ts,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self,
        method: Callable[[Any, _KeyedContext, *Ts], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self,
        method: Callable[[Context, *Ts], Awaitable[O]],
        /,
        *args: *Ts,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self,
        method: Callable[[_KeyedContext, *Ts], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self,
        method: Callable[[Any, Context, *Ts], O],
        /,
        *args: *Ts,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self,
        method: Callable[[Any, _KeyedContext, *Ts], O],
        /,
        *args: *Ts,
        key: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self,
        method: Callable[[Context, *Ts], O],
        /,
        *args: *Ts,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self,
        method: Callable[[_KeyedContext, *Ts], O],
        /,
        *args: *Ts,
        key: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> CallFuture[O]: ...
    @overload
    def call(
        self,
        method: _NamedHandler,
        /,
        *args: Any,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
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
        self,
        method: Callable[[Any, Context, *Ts], Awaitable[O]],
        /,
        *args: *Ts,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self,
        method: Callable[[Any, _KeyedContext, *Ts], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self,
        method: Callable[[Context, *Ts], Awaitable[O]],
        /,
        *args: *Ts,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self,
        method: Callable[[_KeyedContext, *Ts], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self,
        method: Callable[[Any, Context, *Ts], O],
        /,
        *args: *Ts,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self,
        method: Callable[[Any, _KeyedContext, *Ts], O],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self,
        method: Callable[[Context, *Ts], O],
        /,
        *args: *Ts,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self,
        method: Callable[[_KeyedContext, *Ts], O],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InvocationHandle[O]: ...
    @overload
    def send(
        self,
        method: _NamedHandler,
        /,
        *args: Any,
        key: str | None = None,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
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
        self,
        method: _NamedHandler,
        /,
        *,
        key: str | None = None,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Target[..., Any]: ...
    @overload
    def target(
        self,
        method: Callable[Concatenate[Any, Context, P], Awaitable[O]],
        /,
        *,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Target[P, O]: ...
    @overload
    def target(
        self,
        method: Callable[Concatenate[Any, _KeyedContext, P], Awaitable[O]],
        /,
        *,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Target[P, O]: ...
    @overload
    def target(
        self,
        method: Callable[Concatenate[Any, Context, P], O],
        /,
        *,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Target[P, O]: ...
    @overload
    def target(
        self,
        method: Callable[Concatenate[Any, _KeyedContext, P], O],
        /,
        *,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Target[P, O]: ...
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


class Scope(_Caller):
    """Calls within a scope (V7): ``ctx.scope("tenant-1").call(…)``."""

    __slots__ = ("_limit_key", "_operations", "_scope")

    def __init__(self, operations: Operations, scope: str, limit_key: str | None) -> None:
        self._operations = operations
        self._scope = scope
        self._limit_key = limit_key


# ---------------------------------------------------------------- the contexts


class _BaseContext(_Caller, _Runner):
    """What every handler can do. Futures returned here are asyncio futures of the handler's loop."""

    __slots__ = ("_operations",)
    _scope = None
    _limit_key = None
    _retry = None

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    # -- about the invocation

    @property
    def request(self) -> Request:
        """Invocation id, headers and raw body."""
        return self._operations.request

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that is silent while the journal is replayed."""
        return self._operations.log

    @property
    def random(self) -> random.Random:
        """Random numbers that are the same in every attempt."""
        return self._operations.random

    def uuid(self) -> uuid.UUID:
        """A random UUID that is the same in every attempt."""
        return uuid.UUID(int=self._operations.random.getrandbits(128), version=4)

    def now(self) -> asyncio.Future[datetime]:
        """The current time (UTC, aware), read once and journaled."""
        return self._operations.now()

    # -- steps

    @overload
    def options(self, *, retry: RetryPolicy | None = None) -> Steps: ...
    @overload
    def options(self, *, type: type[O], retry: RetryPolicy | None = None) -> TypedSteps[O]: ...
    @overload
    def options(self, *, type: Any, retry: RetryPolicy | None = None) -> TypedSteps[Any]: ...
    def options(self, *, retry: RetryPolicy | None = None, type: Any = UNSET) -> Any:
        """Options for one step: ``ctx.options(retry=RetryPolicy(max_attempts=3)).run("charge", charge)``."""
        if type is UNSET:
            return Steps(self._operations, retry)
        return TypedSteps(self._operations, retry, type)

    def sleep(self, duration: Duration, *, name: str = "") -> asyncio.Future[None]:
        """A durable timer (seconds or timedelta); like ``asyncio.sleep``, with a name for the journal."""
        return self._operations.sleep(duration, name)

    def unguarded(self) -> AbstractContextManager[None]:
        """Lets handler code do I/O that need not be journaled: ``with ctx.unguarded(): …``."""
        return self._operations.unguarded()

    # -- awakeables and signals

    @overload
    def awakeable(self, type: type[T]) -> Awakeable[T]: ...
    @overload
    def awakeable(self, type: Any = ...) -> Awakeable[Any]: ...
    def awakeable(self, type: Any = Any) -> Awakeable[Any]:
        """A result that somebody outside delivers by its ``id``."""
        return self._operations.awakeable(type)

    def resolve_awakeable(self, id: str, value: Any = None, *, type: Any = UNSET) -> None:
        """Delivers the result of an awakeable of any invocation."""
        self._operations.complete_awakeable(id, value, type)

    def reject_awakeable(self, id: str, message: str, code: int = 500) -> None:
        """Fails an awakeable; its owner gets a ``TerminalError``."""
        self._operations.reject_awakeable(id, message, code)

    @overload
    def signal(self, name: str, type: type[T]) -> asyncio.Future[T]: ...
    @overload
    def signal(self, name: str, type: Any = ...) -> asyncio.Future[Any]: ...
    def signal(self, name: str, type: Any = Any) -> asyncio.Future[Any]:
        """A named signal to this invocation."""
        return self._operations.signal(name, type)

    def resolve_signal(self, invocation_id: str, name: str, value: Any = None, *, type: Any = UNSET) -> None:
        """Sends a named signal to another invocation."""
        self._operations.resolve_signal(invocation_id, name, value, type)

    def reject_signal(self, invocation_id: str, name: str, message: str, code: int = 500) -> None:
        """Fails a named signal; whoever awaits it gets a ``TerminalError``."""
        self._operations.reject_signal(invocation_id, name, message, code)

    # -- other invocations

    def scope(self, name: str, *, limit_key: str | None = None) -> Scope:
        """Calls within a scope, optionally with a limit key (service protocol V7)."""
        return Scope(self._operations, name, limit_key)

    @overload
    def attach(self, invocation: InvocationTarget, type: type[T]) -> asyncio.Future[T]: ...
    @overload
    def attach(self, invocation: InvocationTarget, type: Any = ...) -> asyncio.Future[Any]: ...
    def attach(self, invocation: InvocationTarget, type: Any = Any) -> asyncio.Future[Any]:
        """Waits for the result of another invocation."""
        return self._operations.attach(invocation, type)

    @overload
    def output(self, invocation: InvocationTarget, type: type[T]) -> asyncio.Future[T | None]: ...
    @overload
    def output(self, invocation: InvocationTarget, type: Any = ...) -> asyncio.Future[Any]: ...
    def output(self, invocation: InvocationTarget, type: Any = Any) -> asyncio.Future[Any]:
        """The result of another invocation if it is there, else ``None``."""
        return self._operations.output(invocation, type)

    def cancel(self, invocation_id: str) -> None:
        """Asks another invocation to cancel itself."""
        self._operations.cancel(invocation_id)

    # -- combinators that keep the order given

    def as_completed(self, awaitables: Iterable[Awaitable[T]]) -> AsyncIterator[T]:
        """Results in the order in which they come: ``async for result in ctx.as_completed(calls)``."""
        from restate_reflect.durable.combinators import as_completed

        return as_completed(awaitables)

    async def first_success(self, *awaitables: Awaitable[T]) -> T:
        """The first result that is no failure; if all fail, the last failure is raised."""
        from restate_reflect.durable.combinators import first_success

        return await first_success(awaitables)


class _Keyed:
    __slots__ = ()
    _operations: Operations

    @property
    def key(self) -> str:
        """The key of this object or workflow."""
        return self._operations.key


class _StateReader:
    __slots__ = ()
    _operations: Operations

    @overload
    def get(self, key: State[T], /) -> asyncio.Future[T]: ...
    @overload
    def get(self, key: str, type: type[T], *, default: T) -> asyncio.Future[T]: ...
    @overload
    def get(self, key: str, type: type[T]) -> asyncio.Future[T | None]: ...
    @overload
    def get(self, key: str, type: Any = ..., *, default: Any = ...) -> asyncio.Future[Any]: ...
    def get(self, key: str | State[Any], type: Any = Any, *, default: Any = None) -> asyncio.Future[Any]:
        """A state value; ``default`` (``None``) if the key is not set."""
        if isinstance(key, State):
            return self._operations.get_state(key.known_name(), key.type, key.fresh_default())
        return self._operations.get_state(key, type, default)

    def keys(self) -> asyncio.Future[list[str]]:
        """The keys that are set, sorted."""
        return self._operations.state_keys()


class _StateWriter:
    __slots__ = ()
    _operations: Operations

    @overload
    def set(self, key: State[T], value: T, /) -> None: ...
    @overload
    def set(self, key: str, value: Any, *, type: Any = ...) -> None: ...
    def set(self, key: str | State[Any], value: Any, *, type: Any = UNSET) -> None:
        """Sets a state value. For a plain key the codec follows ``type``, or the value's class."""
        if isinstance(key, State):
            self._operations.set_state(key.known_name(), key.type, value)
        else:
            self._operations.set_state(key, type, value)

    def clear(self, key: str | State[Any]) -> None:
        """Removes a key."""
        self._operations.clear_state(key.known_name() if isinstance(key, State) else key)

    def clear_all(self) -> None:
        """Removes every key."""
        self._operations.clear_all_state()


class _Promises:
    __slots__ = ()
    _operations: Operations

    @overload
    def promise(self, name: str, type: type[T]) -> DurablePromise[T]: ...
    @overload
    def promise(self, name: str, type: Any = ...) -> DurablePromise[Any]: ...
    def promise(self, name: str, type: Any = Any) -> DurablePromise[Any]:
        """A promise shared by the handlers of this workflow."""
        return DurablePromise(self._operations, name, type)


class Context(_BaseContext):
    """The context of a service's handlers."""

    __slots__ = ()


class ObjectContext(_Keyed, _StateReader, _StateWriter, _BaseContext):
    """The context of a virtual object's exclusive handlers: one at a time per key."""

    __slots__ = ()


class ObjectSharedContext(_Keyed, _StateReader, _BaseContext):
    """The context of a virtual object's shared handlers: they run beside others and can't write."""

    __slots__ = ()


class WorkflowContext(_Keyed, _StateReader, _StateWriter, _Promises, _BaseContext):
    """The context of a workflow's run handler: once per key."""

    __slots__ = ()


class WorkflowSharedContext(_Keyed, _StateReader, _Promises, _BaseContext):
    """The context of a workflow's other handlers."""

    __slots__ = ()


if TYPE_CHECKING:

    class _KeyedContext(ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext):
        """A handler of any keyed service accepts it: one overload instead of four."""


_CONTEXTS: dict[tuple[ServiceKind, HandlerKind | None], type[_BaseContext]] = {
    (ServiceKind.SERVICE, None): Context,
    (ServiceKind.VIRTUAL_OBJECT, HandlerKind.EXCLUSIVE): ObjectContext,
    (ServiceKind.VIRTUAL_OBJECT, HandlerKind.SHARED): ObjectSharedContext,
    (ServiceKind.WORKFLOW, HandlerKind.WORKFLOW): WorkflowContext,
    (ServiceKind.WORKFLOW, HandlerKind.SHARED): WorkflowSharedContext,
}


def context_class(service: ServiceKind, handler: HandlerKind | None) -> type[_BaseContext]:
    """The class of the context that a handler of this kind gets."""
    return _CONTEXTS[service, handler]
