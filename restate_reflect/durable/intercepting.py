"""Handlers, steps, calls and attempts with the hooks of interceptors around them. Never compiled: hooks are the user's.

Without a hook of a kind nothing of this is in the way: ``around_handler`` returns the handler itself, and an attempt's
operations are its own.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, Final, Literal, Protocol

from restate_reflect.context import UNSET, BaseContext, CallOptions, Request
from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.durable.requests import request_of
from restate_reflect.durable.runs import in_thread
from restate_reflect.durable.step_functions import step_function
from restate_reflect.engine.ending import Ending
from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import Notification
from restate_reflect.engine.opening import Input
from restate_reflect.errors import HandlerBugError, TerminalError
from restate_reflect.interceptors import AttemptEvent, HandlerCall, Hooks, OutgoingCall, Step
from restate_reflect.options import RetryPolicy

__all__ = ["around_handler", "interception", "observation"]

logger = logging.getLogger("restate_reflect")


class Attempt(Protocol):
    """What is asked of an attempt here."""

    @property
    def service(self) -> ServiceDefinition: ...
    @property
    def handler(self) -> HandlerDefinition: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def environment(self) -> Any: ...


# ------------------------------------------------------------ handlers


def around_handler(
    call: Callable[..., Any], hooks: Hooks, service: ServiceDefinition, handler: HandlerDefinition
) -> Callable[..., Any]:
    """What makes the handler's coroutine, with the hooks around it."""
    if not hooks.handler:
        return call

    async def innermost(ctx: BaseContext, called: HandlerCall) -> Any:
        return await call(ctx, *called.args, **called.kwargs)

    linked: Callable[[BaseContext, HandlerCall], Awaitable[Any]] = innermost
    for hook in reversed(hooks.handler):
        linked = _linked(hook, linked)

    def begin(ctx: BaseContext, /, *args: Any, **kwargs: Any) -> Any:
        return linked(ctx, HandlerCall(service.name, handler.name, ctx.request, args, kwargs))

    return begin


def _linked(hook: Any, inner: Callable[[BaseContext, HandlerCall], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def linked(ctx: BaseContext, called: HandlerCall) -> Any:
        def proceed(changed: Any = called, /) -> Awaitable[Any]:
            if not isinstance(changed, HandlerCall):
                given = f"called proceed with a {type(changed).__name__}"
                raise _misfit(hook, given, "Write await proceed(), or await proceed(call.with_arguments(…)).")
            return inner(ctx, changed)

        return await hook(ctx, called, proceed)

    return linked


def _misfit(hook: Any, what: str, fix: str) -> HandlerBugError:
    place = hook.__func__.__code__ if hasattr(hook, "__func__") else None
    where = "" if place is None else f" ({place.co_filename}:{place.co_firstlineno})"
    return HandlerBugError(f"interceptor {getattr(hook, '__qualname__', hook)}{where} {what}. {fix}")


# ------------------------------------------------------------ steps and calls


def interception(hooks: Hooks, context: type[BaseContext]) -> Callable[[Attempt, Any], Any] | None:
    """Makes what stands before an attempt's operations; None if no hook asks for that."""
    if not (hooks.run or hooks.call or hooks.send):
        return None
    return lambda attempt, operations: _Interception(attempt, operations, hooks, context)


class _Interception:
    """Of one attempt: what its handler asks for goes through here to its operations.

    The hooks of calls are given a context without hooks: one that calls in turn would call itself.
    """

    def __init__(self, attempt: Attempt, operations: Any, hooks: Hooks, context: type[BaseContext]) -> None:
        self._attempt = attempt
        self._operations = operations
        self._hooks = hooks
        self._bare = context(operations)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operations, name)

    def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Any:
        if not self._hooks.call:
            return self._operations.call(method, args, kwargs, options)
        changed = self._changed(self._hooks.call, method, args, kwargs, options)
        issued = self._operations.call(method, changed.args, changed.kwargs, _with_headers(options, changed))
        return self._watched(issued, changed)

    def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Any:
        if not self._hooks.send:
            return self._operations.send(method, args, kwargs, options)
        changed = self._changed(self._hooks.send, method, args, kwargs, options)
        return self._operations.send(method, changed.args, changed.kwargs, _with_headers(options, changed))

    def call_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> Any:
        changed = self._asked(self._hooks.call, self._outgoing(service, handler, (body,), {}, options))
        issued = self._operations.call_raw(service, handler, *changed.args, _with_headers(options, changed))
        return self._watched(issued, changed)

    def send_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> Any:
        changed = self._asked(self._hooks.send, self._outgoing(service, handler, (body,), {}, options))
        return self._operations.send_raw(service, handler, *changed.args, _with_headers(options, changed))

    def _changed(
        self, hooks: Any, method: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> OutgoingCall:
        to = self._attempt.environment.routes.find(method).destination
        return self._asked(hooks, self._outgoing(to.service, to.handler, args, kwargs, options))

    def _watched(self, issued: Any, call: OutgoingCall) -> Any:
        if call.told:
            issued.tell(partial(_tell_answer, call.told, self._attempt.engine))
        return issued

    def _outgoing(
        self, service: str, handler: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> OutgoingCall:
        return OutgoingCall(
            service,
            handler,
            options.key,
            args,
            kwargs,
            options.headers or {},
            options.idempotency_key,
            options.delay,
            self._attempt.engine.is_replaying,
        )

    def _asked(self, hooks: Any, outgoing: OutgoingCall) -> OutgoingCall:
        for hook in hooks:
            changed = hook(self._bare, outgoing)
            if changed is not None and not isinstance(changed, OutgoingCall):
                raise _misfit(hook, f"returned a {type(changed).__name__}", "Return call.with_headers(…) or nothing.")
            outgoing = changed or outgoing
        return outgoing

    def run(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        retry: RetryPolicy | None,
        type_: Any,
    ) -> Any:
        if self._hooks.run and callable(function):
            if type_ is UNSET:
                type_ = step_function(function).returns
            function = self._around(name, function)
        return self._operations.run(name, function, args, kwargs, retry, type_)

    def _around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        attempt, hooks = self._attempt, self._hooks.run
        is_async = step_function(function).is_async

        async def body(*args: Any, **kwargs: Any) -> Any:
            call = partial(function, *args, **kwargs)
            inner: Callable[[], Awaitable[Any]] = call if is_async else partial(_in_thread, attempt, call)
            step = _step(attempt, name, self._operations.request)
            for hook in reversed(hooks):
                inner = partial(hook, step, inner)
            return await inner()

        body.__wrapped__ = function  # type: ignore[attr-defined]  # whose parameters errors speak of
        return body


def _tell_answer(told: Any, engine: Engine, notification: Notification) -> None:
    is_replayed = engine.is_replaying
    for each in told:
        try:
            each(notification.failure, is_replayed)
        except Exception:  # one that looks on must not stand in the way
            logger.exception("what an interceptor wants to be told of an answer has failed")


def _in_thread(attempt: Attempt, call: Callable[[], Any]) -> Awaitable[Any]:
    environment = attempt.environment
    return in_thread(environment.loop, environment.executor, partial(copy_context().run, call))


def _step(attempt: Attempt, name: str, request: Request) -> Step:
    tries = attempt.engine.run_retry_info(0.0).attempts
    return Step(name, attempt.service.name, attempt.handler.name, request, tries)


def _with_headers(options: CallOptions, changed: OutgoingCall) -> CallOptions:
    return options._replace(headers=changed.headers or None)


# ------------------------------------------------------------ attempts


def observation(hooks: Hooks) -> Callable[[Attempt, Input], Any] | None:
    """Tells that an attempt has begun, and makes what tells of its end; None if nobody wants to know."""
    if not hooks.attempt:
        return None
    return lambda attempt, given: _Observed(attempt, hooks, given)


class _Observed:
    """An attempt that has begun, and whose end is to be told."""

    def __init__(self, attempt: Attempt, hooks: Hooks, given: Input) -> None:
        self.failure: TerminalError | None = None
        """What the handler has answered with."""
        self.is_aborted = False
        """Whether nobody is there any more to be answered."""
        self._hooks = hooks.attempt
        self._began = monotonic()
        started = attempt.engine.started
        request = request_of(started, given, attempt.headers)
        self._begun = AttemptEvent("begun", attempt.service.name, attempt.handler.name, request, started.known_entries)
        self._tell(self._begun)

    def end(self, engine: Engine) -> None:
        """The attempt's engine knows how it ended."""
        kind = "aborted" if self.is_aborted or engine.ending is None else _KINDS[engine.ending]
        self._tell(
            replace(
                self._begun,
                kind=kind,
                duration=monotonic() - self._began,
                failure=self.failure if kind == "completed" else None,
                error=engine.failure.message if kind == "failed" and engine.failure is not None else None,
            )
        )

    def _tell(self, event: AttemptEvent) -> None:
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:  # one that looks on must not stand in the way
                logger.exception("the attempt hook of an interceptor has failed")


_KINDS: Final[dict[Ending, Literal["completed", "suspended", "failed"]]] = {
    Ending.COMPLETED: "completed",
    Ending.SUSPENDED: "suspended",
    Ending.FAILED: "failed",
}
