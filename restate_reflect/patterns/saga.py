"""Compensation: what was done is undone in reverse when the handler fails for good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import NamedTuple, ParamSpec, Self

from restate_reflect.context import BaseContext, Steps
from restate_reflect.errors import HandlerBugError, InvocationCancelledError, TerminalError
from restate_reflect.options import RetryPolicy
from restate_reflect.patterns._endings import is_final

__all__ = ["Saga", "saga"]

P = ParamSpec("P")


class _Compensation(NamedTuple):
    name: str
    begin: Callable[[], Awaitable[object]]


def saga(ctx: BaseContext, *, retry: RetryPolicy | None = None) -> Saga:
    """A block whose steps are undone when it fails for good.

        async with saga(ctx) as undo:
            undo("refund", refund, order_id)  # noted first: a step that failed may have happened
            await ctx.run("charge", charge, order_id)

    On a terminal error, on cancellation of the invocation or of the task, and on groups of nothing else, what was noted
    runs, the latest first, each as a step; then the error goes on. Any other error ends the attempt, which is tried
    again: nothing is undone.

    Args:
        ctx: Of the handler.
        retry: For the compensations; without it they are tried until they succeed.
    """
    return Saga(ctx, retry)


class Saga:
    """What ``async with saga(ctx) as undo`` gives: call it to note a compensation."""

    __slots__ = ("_ctx", "_noted", "_retry", "_was_cancelled")

    def __init__(self, ctx: BaseContext, retry: RetryPolicy | None) -> None:
        self._ctx = ctx
        self._retry = retry
        self._noted: list[_Compensation] | None = None
        self._was_cancelled = False
        """Whether the invocation was cancelled while compensations ran; that happens once at most."""

    def __call__(self, name: str, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Notes a step: ``undo("refund", refund, order_id)``. It may run although nothing was done, and twice.

        Raises:
            HandlerBugError: Outside of the block.
        """
        steps: Steps = self._ctx.options(retry=self._retry)
        self._note(name, lambda: steps.run(name, function, *args, **kwargs))

    def durably(self, function: Callable[P, Awaitable[object]], /, *args: P.args, **kwargs: P.kwargs) -> None:
        """Notes code that uses the context itself, to call a handler, say: ``undo.durably(self.release, ctx, order)``.

        Raises:
            HandlerBugError: Outside of the block.
        """
        self._note(getattr(function, "__name__", repr(function)), lambda: function(*args, **kwargs))

    def _note(self, name: str, begin: Callable[[], Awaitable[object]]) -> None:
        if self._noted is None:
            raise HandlerBugError(
                f"undo({name!r}, …) outside of its block. Write it within 'async with saga(ctx) as undo:', before what"
                " it undoes."
            )
        self._noted.append(_Compensation(name, begin))

    async def __aenter__(self) -> Self:
        self._noted = []
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        noted, self._noted = self._noted or [], None
        if error is None or not is_final(error):
            return
        for compensation in reversed(noted):
            failure = await self._compensated(compensation)
            if failure is not None:
                self._tell(compensation.name, failure, error)

    async def _compensated(self, compensation: _Compensation) -> BaseException | None:
        """Runs one, again if it was interrupted. Returns why it failed for good."""
        while True:
            cancelling = _cancelling()
            try:
                await compensation.begin()
            except InvocationCancelledError as error:
                if self._was_cancelled:
                    return error
                self._was_cancelled = True
            except asyncio.CancelledError as error:
                if not is_final(error):
                    raise
                if _cancelling() == cancelling:  # nobody has cancelled this task: the compensation itself raised it
                    return error
            except (TerminalError, BaseExceptionGroup) as error:
                if not is_final(error):
                    raise
                return error
            else:
                return None

    def _tell(self, name: str, failure: BaseException, error: BaseException) -> None:
        text = f"compensation {name!r} failed: {failure}"
        error.add_note(text)
        self._ctx.log.error("%s", text)


def _cancelling() -> int:
    """How often this task was asked to stop."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
