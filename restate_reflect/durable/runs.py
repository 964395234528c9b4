"""Side effects: the bodies of ``ctx.run`` on the real event loop or in a thread.

A body starts when the handler waits and the journal has no result for it: while replaying,
everything that is recorded comes first.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context as ContextVars
from time import monotonic
from typing import Any, Final, Protocol

from restate_reflect.durable.begun_run import Run
from restate_reflect.durable.closing import quietly
from restate_reflect.durable.extending import HAS_EAGER_TASKS
from restate_reflect.durable.guards import outside_handler
from restate_reflect.durable.step_threads import STEP_THREADS
from restate_reflect.errors import RestateReflectError

__all__ = ["Runs", "RunsOwner", "in_thread"]


class RunsOwner(Protocol):
    """Who is told when a body has ended."""

    def run_succeeded(self, run: Run, value: Any) -> None: ...
    def run_failed(self, run: Run, error: BaseException) -> None: ...


class Runs:
    """The steps of one attempt that wait for execution, or execute."""

    __slots__ = ("_executing", "_executor", "_guarded", "_loop", "_owner", "_pending")

    def __init__(
        self,
        owner: RunsOwner,
        loop: asyncio.AbstractEventLoop,
        executor: Executor | None,
        *,
        guarded: bool,
    ) -> None:
        """``guarded``: whether handler code is watched, which bodies of steps must not be."""
        self._owner = owner
        self._guarded = guarded
        self._loop = loop
        self._executor = executor
        self._pending: list[Run] = []
        self._executing: dict[int, Run] = {}

    def is_executing(self) -> bool:
        """Whether a body runs whose result somebody still wants.

        One that was cancelled (by ``asyncio.timeout``, say) may take its time to stop; it must not keep the attempt
        from suspending, as its end changes nothing.
        """
        for run in self._executing.values():  # noqa: SIM110  twice per step; a generator would double its price
            if not run.future.done():
                return True
        return False

    def add(self, run: Run) -> None:
        self._pending.append(run)

    def start(self) -> None:
        """Starts what is pending, and what is added meanwhile; where asyncio has eager tasks, a body that needs
        no waiting is finished on return."""
        begun = 0
        try:
            while begun < len(self._pending):
                run = self._pending[begun]
                begun += 1
                if not run.future.done():
                    self._start(run)
        finally:
            del self._pending[:begun]

    def drop_pending(self) -> None:
        """The attempt has failed: what has not started is left to the next one."""
        self._pending.clear()

    def _start(self, run: Run) -> None:
        run.started = monotonic()
        if self._guarded:
            run.context.run(outside_handler)
        task = self._spawn(run)
        if self._owner is not _NOBODY:
            self._executing[run.completion_id] = run
        run.future.body = task
        if task.done():
            self._finished(run, task)
        else:
            task.add_done_callback(functools.partial(self._finished, run))

    def _spawn(self, run: Run) -> asyncio.Future[Any]:
        if run.is_async:
            coroutine = _without_exit(run)
        else:
            call = functools.partial(_call_in, run.context.copy(), run)
            if self._guarded:
                call = functools.partial(STEP_THREADS.call, call)
            coroutine = in_thread(self._loop, self._executor, call)
        return _make_task(coroutine, loop=self._loop, name=run.name, context=run.context, **_AT_ONCE)

    def _finished(self, run: Run, task: asyncio.Future[Any]) -> None:
        run.future.body = None
        if self._executing.pop(run.completion_id, None) is None:
            _retrieve(task)
            return
        error = _failure(task)
        if run.future.done():
            # Cancelled meanwhile: nobody wants the result, and the journal has the cancellation.
            return
        if error is None:
            self._owner.run_succeeded(run, task.result())
        else:
            self._owner.run_failed(run, error)

    def cancel_abandoned(self) -> None:
        """Cancels the bodies whose results nobody waits for any more."""
        for run in list(self._executing.values()):
            if run.future.done():
                run.future.cancel_body()

    def cancel_all(self) -> None:
        """The attempt has ended: bodies are cancelled, and their results belong to nobody."""
        self._owner = _NOBODY
        self._pending.clear()
        executing = list(self._executing.values())
        self._executing.clear()
        for run in executing:
            quietly(run.future.cancel_body)


ENDS_THE_PROCESS: Final = (SystemExit, KeyboardInterrupt)

# Each look-up of a module's attribute takes 250 instructions.
_make_task: Final = asyncio.Task
_AT_ONCE: Final[dict[str, Any]] = {"eager_start": True} if HAS_EAGER_TASKS else {}
"""Where asyncio can, a body's first turn is run at once: one that does not wait costs no turn of the event loop."""


class _Nobody:
    """The owner of steps whose attempt has ended; ``Runs`` asks it nothing any more."""

    def run_succeeded(self, run: Run, value: Any) -> None: ...
    def run_failed(self, run: Run, error: BaseException) -> None: ...


_NOBODY: Final = _Nobody()


def _failure(task: asyncio.Future[Any]) -> BaseException | None:
    try:
        return task.exception()
    except asyncio.CancelledError:
        return RestateReflectError("the step was cancelled from outside")


def _retrieve(task: asyncio.Future[Any]) -> None:
    """Looks at the exception so that asyncio does not log it as lost."""
    if not task.cancelled():
        task.exception()


def _call_in(variables: ContextVars, run: Run) -> Any:
    return variables.run(_call, run)


def _call(run: Run) -> Any:
    return run.call()


async def in_thread(loop: asyncio.AbstractEventLoop, executor: Executor | None, call: Callable[[], Any]) -> Any:
    """A plain function's result; if it returns an awaitable, that one's."""
    result = await loop.run_in_executor(executor, functools.partial(_harmless, call))
    if not inspect.isawaitable(result):
        return result
    try:
        return await result
    except ENDS_THE_PROCESS as error:
        raise exited(error) from error


def _harmless(call: Callable[[], Any]) -> Any:
    """A future can't hold a StopIteration (on 3.11 it is never done then); a coroutine turns it into this error too."""
    try:
        return call()
    except StopIteration as error:
        raise RuntimeError("the step's function raised StopIteration") from error
    except ENDS_THE_PROCESS as error:
        raise exited(error) from error


async def _without_exit(run: Run) -> Any:
    """A task that raises one of these ends the event loop, and with it every other invocation (costs 0.1 µs).

    The body is called in here: a coroutine made outside would be lost, with a warning, if the attempt ends before
    the task has begun.
    """
    try:
        return await run.call()
    except ENDS_THE_PROCESS as error:
        raise exited(error) from error


def exited(error: BaseException) -> RuntimeError:
    """What becomes of an exception that would end the process: the step has failed."""
    if isinstance(error, SystemExit):
        return RuntimeError(f"the step called sys.exit({error.code!r})")
    return RuntimeError(f"the step raised {type(error).__name__}")
