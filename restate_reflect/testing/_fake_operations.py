"""What ``FakeContext`` does: ``context.Operations`` in memory, with nothing durable behind them."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from restate_reflect.context import Awakeable, CallFuture, CallOptions, InvocationHandle, Request
from restate_reflect.errors import TerminalError
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.options import Duration, RetryPolicy, seconds

__all__ = ["FakeCall", "FakeOperations", "awakeable_id", "plain"]


@dataclass(frozen=True, slots=True)
class FakeCall:
    """A call or send that the handler made."""

    method: Callable[..., Any] | str
    """What was given to ``ctx.call``; ``Service/handler`` for raw calls."""
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    key: str | None
    delay: Duration | None
    idempotency_key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    scope: str | None = None
    limit_key: str | None = None


class _FakeCallFuture(CallFuture[Any]):
    @property
    def invocation_id(self) -> asyncio.Future[str]:
        return _done("inv_fake_callee")

    async def cancel_invocation(self) -> None:
        self.cancel()


class _FakeAwakeable(Awakeable[Any]):
    _id = ""

    @property
    def id(self) -> str:
        return self._id


@dataclass(slots=True)
class FakeOperations:
    """``context.Operations`` in memory."""

    request: Request
    state: dict[str, Any]
    answers: dict[Callable[..., Any] | str, Any]
    time: datetime | None
    random: random.Random
    calls: list[FakeCall] = field(default_factory=list)
    sends: list[FakeCall] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    futures: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    completed: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    """What futures are made with, by their names in ``futures``."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """Of changes that are not the newest."""
    _awakeables: int = 0

    @property
    def key(self) -> str:
        return self.request.key or ""

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return logging.LoggerAdapter(logging.getLogger("restate_reflect.handlers.fake"), {})

    def version(self, name: str, since: int) -> asyncio.Future[bool]:
        return _done(since <= self.versions.get(name, since))

    # -- state

    def get_state(self, key: str, type_: Any, default: Any) -> asyncio.Future[Any]:
        return _done(self.state.get(key, default))

    def set_state(self, key: str, type_: Any, value: Any) -> None:
        self.state[key] = value

    def clear_state(self, key: str) -> None:
        self.state.pop(key, None)

    def clear_all_state(self) -> None:
        self.state.clear()

    def state_keys(self) -> asyncio.Future[list[str]]:
        return _done(sorted(self.state))

    # -- calls

    def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> CallFuture[Any]:
        self.calls.append(_made(method, args, kwargs, options))
        return self._answer(method, args, kwargs)

    def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> InvocationHandle[Any]:
        self.sends.append(_made(method, args, kwargs, options))
        return InvocationHandle(self, _done(f"inv_fake_{len(self.sends)}"), Any)

    def call_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> CallFuture[bytes]:
        name = f"{service}/{handler}"
        self.calls.append(_made(name, (body,), {}, options))
        return self._answer(name, (body,), {})

    def send_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> InvocationHandle[bytes]:
        self.sends.append(_made(f"{service}/{handler}", (body,), {}, options))
        return InvocationHandle(self, _done(f"inv_fake_{len(self.sends)}"), Any)

    def _answer(
        self, method: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> CallFuture[Any]:
        future: CallFuture[Any] = _FakeCallFuture(loop=asyncio.get_running_loop())
        known = plain(method)
        if known not in self.answers:
            shown = repr(method) if isinstance(method, str) else method.__qualname__
            raise LookupError(f"{shown} was called; say what it answers: FakeContext(answers={{{shown}: …}})")
        _settle(future, self.answers[known], args, kwargs)
        return future

    # -- steps and time

    def run(
        self,
        name: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        retry: RetryPolicy | None,
        type_: Any,
    ) -> asyncio.Future[Any]:
        if name in self.results:
            self.steps.append(name)
            stored: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            _settle(stored, self.results[name], args, kwargs)
            return stored

        async def execute() -> Any:
            self.steps.append(name)
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

        return asyncio.ensure_future(execute())

    def sleep(self, duration: Duration, name: str) -> asyncio.Future[None]:
        self.slept.append(seconds(duration))
        return _done(None)

    def now(self) -> asyncio.Future[datetime]:
        return _done(self.time or datetime.now(UTC))

    # -- what others complete

    def _future(self, name: str) -> asyncio.Future[Any]:
        if name not in self.futures:
            future = self.futures[name] = asyncio.get_running_loop().create_future()
            if name in self.given:
                _settle(future, self.given[name], (), {})
        return self.futures[name]

    def awakeable(self, type_: Any) -> Awakeable[Any]:
        self._awakeables += 1
        created = _FakeAwakeable(loop=asyncio.get_running_loop())
        created._id = awakeable_id(self._awakeables)
        self.futures[created._id] = created
        if created.id in self.given:
            _settle(created, self.given[created.id], (), {})
        return created

    def complete_awakeable(self, id_: str, value: Any, type_: Any) -> None:
        self.completed[id_] = value

    def reject_awakeable(self, id_: str, message: str, code: int) -> None:
        self.completed[id_] = TerminalError(message, code)

    def get_promise(self, name: str, type_: Any) -> asyncio.Future[Any]:
        return self._future(f"promise:{name}")

    def peek_promise(self, name: str, type_: Any) -> asyncio.Future[Any]:
        promise = self._future(f"promise:{name}")
        return promise if promise.done() else _done(None)

    def resolve_promise(self, name: str, type_: Any, value: Any) -> asyncio.Future[None]:
        self.completed[f"promise:{name}"] = value
        return _complete(self._future(f"promise:{name}"), value)

    def reject_promise(self, name: str, message: str, code: int) -> asyncio.Future[None]:
        self.completed[f"promise:{name}"] = TerminalError(message, code)
        return _complete(self._future(f"promise:{name}"), TerminalError(message, code))

    def signal(self, name: str, type_: Any) -> asyncio.Future[Any]:
        return self._future(f"signal:{name}")

    def resolve_signal(self, invocation_id: str, name: str, value: Any, type_: Any) -> None:
        self.completed[f"signal:{invocation_id}:{name}"] = value

    def reject_signal(self, invocation_id: str, name: str, message: str, code: int) -> None:
        self.completed[f"signal:{invocation_id}:{name}"] = TerminalError(message, code)

    # -- other invocations

    def attach(self, target: InvocationTarget, output: Any) -> asyncio.Future[Any]:
        return self._answer(str(target), (), {})

    def output(self, target: InvocationTarget, output: Any) -> asyncio.Future[Any]:
        return self._answer(str(target), (), {}) if str(target) in self.answers else _done(None)

    def cancel(self, invocation_id: str) -> None:
        self.completed[f"cancel:{invocation_id}"] = None

    def unguarded(self) -> AbstractContextManager[None]:
        return nullcontext()


def _done(value: Any) -> asyncio.Future[Any]:
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def _complete(promise: asyncio.Future[Any], value: Any) -> asyncio.Future[None]:
    """Completes a promise once; the second time is a conflict, as on the server."""
    if promise.done():
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(TerminalError("the promise was completed before", 409))
        return failed
    if isinstance(value, Exception):
        promise.set_exception(value)
    else:
        promise.set_result(value)
    return _done(None)


def _settle(future: asyncio.Future[Any], answer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Completes a future with a value, an exception, or what a function makes of the arguments."""
    try:
        result = answer(*args, **kwargs) if callable(answer) else answer
    except Exception as error:
        result = error
    if inspect.isawaitable(result):
        asyncio.ensure_future(result).add_done_callback(lambda done: _settle_like(future, done))
    elif isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _settle_like(future: asyncio.Future[Any], done: asyncio.Future[Any]) -> None:
    if future.done():
        return
    if done.cancelled():
        future.cancel()
    elif (error := done.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())


def _made(
    method: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
) -> FakeCall:
    return FakeCall(
        method,
        args,
        kwargs,
        options.key,
        options.delay,
        options.idempotency_key,
        dict(options.headers or {}),
        options.scope,
        options.limit_key,
    )


def plain(method: Any) -> Any:
    """One and the same for ``Stock.reserve`` and ``stock.reserve``."""
    return getattr(method, "__func__", method)


def awakeable_id(number: int) -> str:
    return f"sign_fake_{number}"
