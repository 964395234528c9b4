"""The client's verbs, typed by the method called: the overloads are those of ``restate_reflect.context.verbs``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    ParamSpec,
    Protocol,
    TypedDict,
    TypeVar,
    TypeVarTuple,
    Unpack,
    overload,
)

from restate_reflect.ingress._invocations import SentInvocation
from restate_reflect.ingress._requests import CallOptions
from restate_reflect.options import Duration

if TYPE_CHECKING:
    from restate_reflect.context import Context, WorkflowContext
    from restate_reflect.context.contexts import KeyedContext
    from restate_reflect.context.verbs import AsyncHandler, AsyncMethod, Calling, PlainHandler, PlainMethod, Sending

__all__ = ["ClientTarget", "Submitting", "VerbOperations", "Verbs"]

O = TypeVar("O")  # noqa: E741
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")


class Submitting(TypedDict, total=False):
    """Options of a workflow's start, which is idempotent by its key."""

    headers: Mapping[str, str] | None
    delay: Duration | None
    """Seconds or timedelta."""


class VerbOperations(Protocol):
    """What carries the calls out."""

    def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Coroutine[Any, Any, Any]: ...
    def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Coroutine[Any, Any, SentInvocation[Any]]: ...


class Verbs:
    """``call``, ``send``, ``submit`` and ``target``, typed by the method they are given."""

    _operations: VerbOperations
    _scope: str | None = None
    _limit_key: str | None = None

    @overload
    def call(
        self, method: AsyncHandler[Context, *Ts, O], /, *args: *Ts, **options: Unpack[Calling]
    ) -> Coroutine[Any, Any, O]: ...
    @overload
    def call(
        self, method: AsyncHandler[KeyedContext, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Calling]
    ) -> Coroutine[Any, Any, O]: ...
    @overload
    def call(
        self, method: PlainHandler[Context, *Ts, O], /, *args: *Ts, **options: Unpack[Calling]
    ) -> Coroutine[Any, Any, O]: ...
    @overload
    def call(
        self, method: PlainHandler[KeyedContext, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Calling]
    ) -> Coroutine[Any, Any, O]: ...
    def call(  # type: ignore[misc]  # mypy: an implementation with *args is not matched with Unpack
        self,
        method: Callable[..., Any],
        /,
        *args: Any,
        key: str | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, Any]:
        """Calls a handler and gives its result.

        Keyword arguments of the handler go through ``target(...).call(...)``.

        Raises:
            ServiceError: the handler failed terminally.
            IngressError: another subclass tells why there is no result, and ``accepted`` what is known.
            TypeError: wrong arguments or a wrong key.
            EncodeError: an argument does not fit its type.
        """
        options = CallOptions(key, idempotency_key, headers, None, self._scope, self._limit_key)
        return self._operations.call(method, args, {}, options)

    @overload
    def send(
        self, method: AsyncHandler[Context, *Ts, O], /, *args: *Ts, **options: Unpack[Sending]
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...
    @overload
    def send(
        self, method: AsyncHandler[KeyedContext, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Sending]
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...
    @overload
    def send(
        self, method: PlainHandler[Context, *Ts, O], /, *args: *Ts, **options: Unpack[Sending]
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...
    @overload
    def send(
        self, method: PlainHandler[KeyedContext, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Sending]
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...
    def send(  # type: ignore[misc]  # mypy: an implementation with *args is not matched with Unpack
        self,
        method: Callable[..., Any],
        /,
        *args: Any,
        key: str | None = None,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[Any]]:
        """Calls a handler without waiting for it, after ``delay`` (seconds or timedelta); raises like ``call``."""
        options = CallOptions(key, idempotency_key, headers, delay, self._scope, self._limit_key)
        return self._operations.send(method, args, {}, options)

    @overload
    def submit(
        self, method: AsyncHandler[WorkflowContext, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Submitting]
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...
    @overload
    def submit(
        self, method: PlainHandler[WorkflowContext, *Ts, O], /, *args: *Ts, key: str, **options: Unpack[Submitting]
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...
    def submit(  # type: ignore[misc]  # mypy: an implementation with *args is not matched with Unpack
        self,
        method: Callable[..., Any],
        /,
        *args: Any,
        key: str,
        delay: Duration | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[Any]]:
        """Starts a workflow; if its key was started before, ``is_new`` is false and nothing happens.

        Being idempotent by its key it is sent again after lost connections. Raises like ``call``.
        """
        options = CallOptions(key, None, headers, delay, self._scope, self._limit_key)
        return self._operations.send(method, args, {}, options)

    @overload
    def target(self, method: AsyncMethod[Context, P, O], /, **options: Unpack[Sending]) -> ClientTarget[P, O]: ...
    @overload
    def target(
        self, method: AsyncMethod[KeyedContext, P, O], /, *, key: str, **options: Unpack[Sending]
    ) -> ClientTarget[P, O]: ...
    @overload
    def target(self, method: PlainMethod[Context, P, O], /, **options: Unpack[Sending]) -> ClientTarget[P, O]: ...
    @overload
    def target(
        self, method: PlainMethod[KeyedContext, P, O], /, *, key: str, **options: Unpack[Sending]
    ) -> ClientTarget[P, O]: ...
    def target(
        self,
        method: Callable[..., Any],
        /,
        *,
        key: str | None = None,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ClientTarget[Any, Any]:
        """A handler to call with keyword arguments: ``client.target(Inventory.reserve, key="a").call(qty=1)``."""
        options = CallOptions(key, idempotency_key, headers, delay, self._scope, self._limit_key)
        return ClientTarget(self._operations, method, options)


class ClientTarget(Generic[P, O]):
    """A handler with its call options; what is left are the handler's own arguments."""

    __slots__ = ("_method", "_operations", "_options")

    def __init__(self, operations: VerbOperations, method: Callable[..., Any], options: CallOptions) -> None:
        self._operations = operations
        self._method = method
        self._options = options

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, O]:
        """Calls the handler. A ``delay`` is refused: it is for ``send``."""
        return self._operations.call(self._method, args, kwargs, self._options)

    def send(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, SentInvocation[O]]:
        """Calls the handler without waiting for it."""
        return self._operations.send(self._method, args, kwargs, self._options)
