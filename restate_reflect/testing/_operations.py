"""The client's verbs carried out on an embedded runtime."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from restate_reflect.codecs import codec_for
from restate_reflect.embedded import Outcome, Runtime
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.ingress._invocations import NotReady, Output, Ready, SentInvocation
from restate_reflect.ingress._requests import CallOptions
from restate_reflect.reflection import CallTarget, TargetDirectory

__all__ = ["RuntimeOperations"]

T = TypeVar("T")


class RuntimeOperations:
    """Implements ``VerbOperations`` and ``InvocationOperations`` without a network."""

    def __init__(self, runtime: Runtime, directory: TargetDirectory) -> None:
        self._runtime = runtime
        self._directory = directory
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def give_up(self, error: Exception) -> None:
        """Makes every waiting and future request raise; the first error counts."""
        if not self._broken.done():
            self._broken.set_exception(error)
            self._broken.exception()  # looked at: a test that waits for nothing hears of it at the end

    @property
    def failure(self) -> BaseException | None:
        """What ``give_up`` was told."""
        return self._broken.exception() if self._broken.done() else None

    async def watch(self, awaitable: Awaitable[T]) -> T:
        """Waits for a result, but not longer than the environment works."""
        task = asyncio.ensure_future(awaitable)
        waiting: list[asyncio.Future[Any]] = [task, self._broken]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        await self._broken
        raise AssertionError("unreachable: the future only ever fails")

    async def call(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> Any:
        target = self._directory.target(method)
        request = self._runtime.invoke(
            target.service,
            target.handler,
            target.input.encode(args, kwargs),
            key=options.key,
            idempotency_key=options.idempotency_key,
            headers=options.headers or {},
        )
        return _read(await self.watch(request), target.output.decode)

    async def send(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions
    ) -> SentInvocation[Any]:
        target = self._directory.target(method)
        submission = self._runtime.send(
            target.service,
            target.handler,
            target.input.encode(args, kwargs),
            key=options.key,
            idempotency_key=options.idempotency_key,
            headers=options.headers or {},
            delay=options.delay,
        )
        time = submission.invocation.execution_time
        return SentInvocation(
            self,
            submission.invocation.id,
            target.output.decode,
            is_new=submission.is_new,
            execution_time=None if time is None else datetime.fromtimestamp(time / 1000, UTC),
        )

    def target(self, method: Callable[..., Any]) -> CallTarget:
        return self._directory.target(method)

    # ------------------------------------------------------------ invocations

    async def attach_to(self, target: InvocationTarget, returns: Callable[[bytes], Any]) -> Any:
        return _read(await self.watch(self._runtime.attach(target)), returns)

    async def output_of(self, target: InvocationTarget, returns: Callable[[bytes], Any]) -> Output[Any]:
        outcome = self._runtime.output(target)
        return NotReady() if outcome is None else Ready(_read(outcome, returns))

    async def find_id(self, target: InvocationTarget) -> str:
        return self._runtime.invocation_id(target)

    async def cancel_invocation(self, invocation_id: str) -> None:
        self._runtime.cancel(invocation_id)

    def reader_of(self, returns: Any) -> Callable[[bytes], Any]:
        """``returns`` is a handler, whose output type counts, or a type."""
        return self.target(returns).output.decode if inspect.isroutine(returns) else codec_for(returns).decode


def _read(outcome: Outcome, decode: Callable[[bytes], Any]) -> Any:
    return decode(outcome.unwrap())
