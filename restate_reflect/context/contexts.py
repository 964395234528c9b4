"""The five contexts: what every handler can do, and which parts each kind adds."""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, overload

from restate_reflect.context.data import UNSET, Request
from restate_reflect.context.futures import Awakeable
from restate_reflect.context.operations import Operations
from restate_reflect.context.parts import Keyed, Promises, StateReader, StateWriter
from restate_reflect.context.steps import Runner, Steps, TypedSteps
from restate_reflect.context.verbs import Caller
from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.options import Duration, RetryPolicy

__all__ = [
    "BaseContext",
    "Context",
    "ObjectContext",
    "ObjectSharedContext",
    "Scope",
    "WorkflowContext",
    "WorkflowSharedContext",
    "context_class",
]

T = TypeVar("T")
O = TypeVar("O")  # noqa: E741


class Scope(Caller["Context", "KeyedContext"]):
    """Calls within a scope (V7): ``ctx.scope("tenant-1").call(…)``."""

    __slots__ = ("_limit_key", "_operations", "_scope")

    def __init__(self, operations: Operations, scope: str, limit_key: str | None) -> None:
        self._operations = operations
        self._scope = scope
        self._limit_key = limit_key


class BaseContext(Caller["Context", "KeyedContext"], Runner):
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

    def version(self, name: str, *, since: int) -> asyncio.Future[bool]:
        """Whether this invocation takes the code that came with a change: ``if await ctx.version("fraud", since=2):``.

        False for an invocation whose journal was written before there was the gate, True for all others; decided once
        per invocation, by a step of its journal. See the guide on new versions.

        Args:
            name: Of the change.
            since: The version of it, from 1 on, that brought this code.
        """
        return self._operations.version(name, since)

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


class Context(BaseContext):
    """The context of a service's handlers."""

    __slots__ = ()


class ObjectContext(Keyed, StateReader, StateWriter, BaseContext):
    """The context of a virtual object's exclusive handlers: one at a time per key."""

    __slots__ = ()


class ObjectSharedContext(Keyed, StateReader, BaseContext):
    """The context of a virtual object's shared handlers: they run beside others and can't write."""

    __slots__ = ()


class WorkflowContext(Keyed, StateReader, StateWriter, Promises, BaseContext):
    """The context of a workflow's run handler: once per key."""

    __slots__ = ()


class WorkflowSharedContext(Keyed, StateReader, Promises, BaseContext):
    """The context of a workflow's other handlers."""

    __slots__ = ()


if TYPE_CHECKING:

    class KeyedContext(ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext):
        """A handler of any keyed service accepts it: one overload instead of four."""


_CONTEXTS: dict[tuple[ServiceKind, HandlerKind | None], type[BaseContext]] = {
    (ServiceKind.SERVICE, None): Context,
    (ServiceKind.VIRTUAL_OBJECT, HandlerKind.EXCLUSIVE): ObjectContext,
    (ServiceKind.VIRTUAL_OBJECT, HandlerKind.SHARED): ObjectSharedContext,
    (ServiceKind.WORKFLOW, HandlerKind.WORKFLOW): WorkflowContext,
    (ServiceKind.WORKFLOW, HandlerKind.SHARED): WorkflowSharedContext,
}


def context_class(service: ServiceKind, handler: HandlerKind | None) -> type[BaseContext]:
    """The class of the context that a handler of this kind gets."""
    return _CONTEXTS[service, handler]
