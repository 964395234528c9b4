"""Side effects: the bodies of ``ctx.run`` on the real event loop or in a thread.

A body starts when the handler waits and the journal has no result for it: while replaying,
everything that is recorded comes first.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from time import monotonic
from typing import Any, Final, Protocol

from restate_reflect.codecs._base import Codec
from restate_reflect.durable.arguments import written_bytes
from restate_reflect.durable.futures import RunFuture
from restate_reflect.durable.guards import outside_handler
from restate_reflect.errors import EncodeError, RelatedCommand, RestateReflectError
from restate_reflect.options import RetryPolicy
from restate_reflect.protocol.messages import MessageType

__all__ = ["Run", "Runs", "RunsOwner"]


class Run:
    """One ``ctx.run`` that this attempt may have to execute."""

    __slots__ = (
        "args",
        "codec",
        "command_index",
        "completion_id",
        "context",
        "function",
        "future",
        "is_async",
        "kwargs",
        "name",
        "policy",
        "started",
        "verify",
    )

    def __init__(
        self,
        completion_id: int,
        name: str,
        command_index: int,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        is_async: bool,
        context: contextvars.Context,
        codec: Codec[Any],
        verify: bool,
        policy: RetryPolicy,
        future: RunFuture[Any],
    ) -> None:
        """``verify``: whether to check that the result survives the codec (no declared type)."""
        self.completion_id = completion_id
        self.name = name
        self.command_index = command_index
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.is_async = is_async
        self.context = context
        self.codec = codec
        self.verify = verify
        self.policy = policy
        self.future = future
        self.started = 0.0
        """By the monotonic clock, in seconds; when the body was started."""

    @property
    def related(self) -> RelatedCommand:
        return RelatedCommand(self.command_index, MessageType.RUN_COMMAND, self.name)

    @property
    def duration(self) -> float:
        return monotonic() - self.started

    def call(self) -> Any:
        """Calls the body. (A partial for it would take 0.1 µs more.)"""
        return self.function(*self.args, **self.kwargs) if self.kwargs else self.function(*self.args)

    def encode(self, value: Any) -> bytes:
        """The result as it goes into the journal.

        Raises:
            EncodeError: The value does not fit the declared type, or would come back as another one.
        """
        try:
            data = self.codec.encode(value)
            if type(data) is not bytes:
                data = written_bytes(data)
        except EncodeError as error:
            raise EncodeError(f"the result of run {self.name!r} can't be journaled: {error}") from error
        if self.verify and self.codec.decode(data) != value:
            raise EncodeError(
                f"the result of run {self.name!r} ({type(value).__name__}) would come back from the journal as"
                f" something else ({self.future.where}). Annotate the function's return type, or give the type:"
                " ctx.options(type=…).run(…)."
            )
        return data


class RunsOwner(Protocol):
    """Who is told when a body has ended."""

    def run_succeeded(self, run: Run, value: Any) -> None: ...
    def run_failed(self, run: Run, error: BaseException) -> None: ...


class Runs:
    """The steps of one attempt that wait for execution, or execute."""

    __slots__ = ("_executing", "_executor", "_first_turn", "_guarded", "_loop", "_owner", "_pending")

    def __init__(
        self, owner: RunsOwner, loop: asyncio.AbstractEventLoop, executor: Executor | None, *, guarded: bool
    ) -> None:
        """``guarded``: whether handler code is watched, which bodies of steps must not be."""
        self._owner = owner
        self._guarded = guarded
        self._loop = loop
        self._executor = executor
        self._pending: deque[Run] = deque()
        self._executing: dict[int, Run] = {}
        self._first_turn = None if _HAS_EAGER_TASKS else FirstTurn(loop)

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
        """Starts what is pending; a body that needs no waiting is finished on return."""
        while self._pending:
            run = self._pending.popleft()
            if not run.future.done():
                self._start(run)

    def drop_pending(self) -> None:
        """The attempt has failed: what has not started is left to the next one."""
        self._pending.clear()

    def _start(self, run: Run) -> None:
        self._executing[run.completion_id] = run
        run.started = monotonic()
        if self._guarded:
            run.context.run(outside_handler)
        task = run.future.body = self._spawn(run)
        if task.done():
            self._finished(run, task)
        else:
            task.add_done_callback(functools.partial(self._finished, run))

    def _spawn(self, run: Run) -> asyncio.Future[Any]:
        if run.is_async:
            return self._start_task(_without_exit(run), run)
        coroutine = _in_thread(self._loop, self._executor, functools.partial(run.context.copy().run, run.call))
        return self._start_task(coroutine, run)

    def _start_task(self, coroutine: Coroutine[Any, Any, Any], run: Run) -> asyncio.Future[Any]:
        """Runs the first turn at once: a body that does not wait costs no turn of the loop."""
        if self._first_turn is None:
            return run.context.run(_eager_task, coroutine, self._loop, run.name)
        return self._first_turn.start(coroutine, run, self._loop)

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
            run.future.cancel_body()


_HAS_EAGER_TASKS: Final = sys.version_info >= (3, 12)
# Each look-up of a module's attribute takes 250 instructions.
_make_task: Final = asyncio.Task
_enter_task: Final = asyncio.tasks._enter_task
_leave_task: Final = asyncio.tasks._leave_task


def _eager_task(coroutine: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop, name: str) -> asyncio.Future[Any]:
    return _make_task(coroutine, loop=loop, name=name, eager_start=True)  # type: ignore[call-arg]  # from 3.12 on


class FirstTurn:
    """An eager task on 3.11: what a new task asks its loop to call soon is called now.

    Ten steps that do not wait cost 699 µs this way, and 933 with a turn of the loop for each.
    """

    __slots__ = ("_asked", "_attributes")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._attributes: dict[str, Any] = vars(loop)
        self._asked: Callable[[], object] | None = None

    def __call__(self, callback: Callable[[], object], *, context: contextvars.Context) -> None:
        """Stands in for the loop's ``call_soon`` while the task is made."""
        self._asked = callback

    def start(
        self, coroutine: Coroutine[Any, Any, Any], run: Run, loop: asyncio.AbstractEventLoop
    ) -> asyncio.Future[Any]:
        attributes = self._attributes
        patched = attributes.get("call_soon")
        attributes["call_soon"] = self
        try:
            task = _make_task(coroutine, loop=loop, name=run.name, context=run.context)
        finally:
            if patched is None:
                del attributes["call_soon"]  # the class's method is in force again
            else:
                attributes["call_soon"] = patched
        asked, self._asked = self._asked, None
        assert asked is not None
        current = _current_tasks.get(loop)
        if current is None:
            run.context.run(asked)
        else:  # as 3.12 can; Python's "Extending asyncio" has these two
            _leave_task(loop, current)
            try:
                run.context.run(asked)
            finally:
                _enter_task(loop, current)
        return task


# Gone from 3.14 on, where it is not asked for.
_current_tasks: Final[dict[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = getattr(asyncio.tasks, "_current_tasks", {})


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


async def _in_thread(loop: asyncio.AbstractEventLoop, executor: Executor | None, call: Callable[[], Any]) -> Any:
    """A plain function's result; if it returns an awaitable, that one's."""
    result = await loop.run_in_executor(executor, functools.partial(_harmless, call))
    if not inspect.isawaitable(result):
        return result
    try:
        return await result
    except SystemExit as error:
        raise _exited(error) from error


def _harmless(call: Callable[[], Any]) -> Any:
    """A future can't hold a StopIteration (on 3.11 it is never done then); a coroutine turns it into this error too."""
    try:
        return call()
    except StopIteration as error:
        raise RuntimeError("the step's function raised StopIteration") from error
    except SystemExit as error:
        raise _exited(error) from error


async def _without_exit(run: Run) -> Any:
    """A task that raises SystemExit ends the event loop, and with it every other invocation (costs 0.1 µs).

    The body is called in here: a coroutine made outside would be lost, with a warning, if the attempt ends before
    the task has begun.
    """
    try:
        return await run.call()
    except SystemExit as error:
        raise _exited(error) from error


def _exited(error: SystemExit) -> RuntimeError:
    return RuntimeError(f"the step called sys.exit({error.code!r})")
