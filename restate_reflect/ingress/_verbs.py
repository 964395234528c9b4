"""The client's verbs, typed by the method called.

One overload per kind of context (services take no key, the others need one), for methods given unbound
(``Inventory.reserve``) and bound (``inventory.reserve``), ``async`` and plain: the same that ``ctx.call`` has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from typing_extensions import TypeVarTuple, Unpack

from restate_reflect.ingress._invocations import SentInvocation
from restate_reflect.ingress._requests import CallOptions
from restate_reflect.options import Duration

if TYPE_CHECKING:
    from restate_reflect.context import Context, WorkflowContext, _KeyedContext

__all__ = ["ClientTarget", "VerbOperations", "Verbs"]

O = TypeVar("O")  # noqa: E741
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")


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
        self,
        method: Callable[[Any, Context, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, O]: ...

    @overload
    def call(
        self,
        method: Callable[[Any, _KeyedContext, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, O]: ...

    @overload
    def call(
        self,
        method: Callable[[Context, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, O]: ...

    @overload
    def call(
        self,
        method: Callable[[_KeyedContext, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, O]: ...

    @overload
    def call(
        self,
        method: Callable[[Any, Context, Unpack[Ts]], O],
        /,
        *args: *Ts,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, O]: ...

    @overload
    def call(
        self,
        method: Callable[[Any, _KeyedContext, Unpack[Ts]], O],
        /,
        *args: *Ts,
        key: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, O]: ...

    @overload
    def call(
        self,
        method: Callable[[Context, Unpack[Ts]], O],
        /,
        *args: *Ts,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, O]: ...

    @overload
    def call(
        self,
        method: Callable[[_KeyedContext, Unpack[Ts]], O],
        /,
        *args: *Ts,
        key: str,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
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
        self,
        method: Callable[[Any, Context, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def send(
        self,
        method: Callable[[Any, _KeyedContext, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def send(
        self,
        method: Callable[[Context, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def send(
        self,
        method: Callable[[_KeyedContext, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def send(
        self,
        method: Callable[[Any, Context, Unpack[Ts]], O],
        /,
        *args: *Ts,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def send(
        self,
        method: Callable[[Any, _KeyedContext, Unpack[Ts]], O],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def send(
        self,
        method: Callable[[Context, Unpack[Ts]], O],
        /,
        *args: *Ts,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def send(
        self,
        method: Callable[[_KeyedContext, Unpack[Ts]], O],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
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
        self,
        method: Callable[[Any, WorkflowContext, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def submit(
        self,
        method: Callable[[WorkflowContext, Unpack[Ts]], Awaitable[O]],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def submit(
        self,
        method: Callable[[Any, WorkflowContext, Unpack[Ts]], O],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Coroutine[Any, Any, SentInvocation[O]]: ...

    @overload
    def submit(
        self,
        method: Callable[[WorkflowContext, Unpack[Ts]], O],
        /,
        *args: *Ts,
        key: str,
        delay: Duration | None = None,
        headers: Mapping[str, str] | None = None,
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
    def target(
        self,
        method: Callable[Concatenate[Any, Context, P], Awaitable[O]],
        /,
        *,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ClientTarget[P, O]: ...

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
    ) -> ClientTarget[P, O]: ...

    @overload
    def target(
        self,
        method: Callable[Concatenate[Any, Context, P], O],
        /,
        *,
        delay: Duration | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> ClientTarget[P, O]: ...

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
