"""A context for unit tests: handlers called directly, with nothing durable behind them."""

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

from restate_reflect.context import (
    Awakeable,
    CallFuture,
    CallOptions,
    Context,
    InvocationHandle,
    ObjectContext,
    ObjectSharedContext,
    Request,
    WorkflowContext,
    WorkflowSharedContext,
)
from restate_reflect.errors import TerminalError
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.options import Duration, RetryPolicy, seconds

__all__ = ["FakeCall", "FakeContext"]


@dataclass(frozen=True, slots=True)
class FakeCall:
    """A call or send that the handler made."""

    method: Callable[..., Any] | str
    """What was given to ``ctx.call``; ``Service/handler`` for raw calls."""
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    key: str | None
    delay: Duration | None


class FakeContext(ObjectContext, ObjectSharedContext, WorkflowContext, WorkflowSharedContext, Context):
    """Fits every kind of handler: ``await Inventory().reserve(FakeContext(key="tea", state={"stock": 3}), 1)``.

    State is a dictionary of plain values, steps are executed at once, sleeping takes no time.
    Calls are answered by ``answers`` (a value, an exception, or a function of the arguments) by
    method; sends are only remembered.
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        key: str | None = None,
        state: Mapping[str, Any] | None = None,
        answers: Mapping[Callable[..., Any] | str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        now: datetime | None = None,
        seed: int = 0,
    ) -> None:
        request = Request("inv_fake", dict(headers or {}), {}, b"", key)
        super().__init__(_FakeOperations(request, dict(state or {}), dict(answers or {}), now, random.Random(seed)))

    @property
    def _fake(self) -> _FakeOperations:
        operations = self._operations
        assert isinstance(operations, _FakeOperations)
        return operations

    @property
    def state(self) -> dict[str, Any]:
        """State after the handler's writes."""
        return self._fake.state

    @property
    def calls(self) -> list[FakeCall]:
        """Calls in order."""
        return self._fake.calls

    @property
    def sends(self) -> list[FakeCall]:
        """One-way calls in order."""
        return self._fake.sends

    @property
    def steps(self) -> list[str]:
        """Names of the steps executed."""
        return self._fake.steps

    @property
    def slept(self) -> list[float]:
        """Seconds of each ``ctx.sleep``."""
        return self._fake.slept

    @property
    def awakeables(self) -> dict[str, asyncio.Future[Any]]:
        """Awakeables, signals (``signal:name``) and promises (``promise:name``) by id; set their results."""
        return self._fake.futures

    @property
    def completed(self) -> dict[str, Any]:
        """What the handler resolved or rejected, by id."""
        return self._fake.completed


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
class _FakeOperations:
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

    @property
    def key(self) -> str:
        return self.request.key or ""

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return logging.LoggerAdapter(logging.getLogger("restate_reflect.handlers.fake"), {})

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
        self.calls.append(FakeCall(method, args, kwargs, options.key, options.delay))
        return self._answer(method, args, kwargs)

    def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> InvocationHandle[Any]:
        self.sends.append(FakeCall(method, args, kwargs, options.key, options.delay))
        return InvocationHandle(self, _done(f"inv_fake_{len(self.sends)}"), Any)

    def call_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> CallFuture[bytes]:
        name = f"{service}/{handler}"
        self.calls.append(FakeCall(name, (body,), {}, options.key, options.delay))
        return self._answer(name, (body,), {})

    def send_raw(self, service: str, handler: str, body: bytes, options: CallOptions) -> InvocationHandle[bytes]:
        self.sends.append(FakeCall(f"{service}/{handler}", (body,), {}, options.key, options.delay))
        return InvocationHandle(self, _done(f"inv_fake_{len(self.sends)}"), Any)

    def _answer(
        self, method: Callable[..., Any] | str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> CallFuture[Any]:
        future: CallFuture[Any] = _FakeCallFuture(loop=asyncio.get_running_loop())
        if method not in self.answers:
            shown = method if isinstance(method, str) else method.__qualname__
            raise LookupError(f"{shown} was called; say what it answers: FakeContext(answers={{{shown}: …}})")
        _settle(future, self.answers[method], args, kwargs)
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
        return self.futures.setdefault(name, asyncio.get_running_loop().create_future())

    def awakeable(self, type_: Any) -> Awakeable[Any]:
        created = _FakeAwakeable(loop=asyncio.get_running_loop())
        created._id = f"sign_fake_{len(self.futures) + 1}"
        self.futures[created._id] = created
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
    if isinstance(answer, Exception):
        future.set_exception(answer)
    elif callable(answer):
        future.set_result(answer(*args, **kwargs))
    else:
        future.set_result(answer)
