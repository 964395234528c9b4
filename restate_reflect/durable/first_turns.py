"""Bodies of steps begin at once on Python 3.11, too: one that does not wait costs no turn of the event loop.

From 3.12 on asyncio has eager tasks, and none of this is used.
"""

from __future__ import annotations

import asyncio
import contextvars
from _weakref import getweakrefcount
from collections.abc import Callable, Coroutine, Generator
from sys import getrefcount
from typing import Any, Final

from restate_reflect.durable.begun_run import Run

__all__ = ["FirstTurns", "exited"]

# Each look-up of a module's attribute takes 250 instructions.
_make_task: Final = asyncio.Task
_enter_task: Final = asyncio.tasks._enter_task
_leave_task: Final = asyncio.tasks._leave_task
# Gone from 3.14 on, where it is not asked for.
_current_tasks: Final[dict[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = getattr(asyncio.tasks, "_current_tasks", {})
_MISSING: Final = object()


class BodyTask:
    """A task in which bodies run one after the other, until one waits or shows the task to others: it keeps it.

    A task for each took a sixth of a step. What a body could see of those before it is looked after: a task that
    anybody refers to, has cancelled or wants to see the end of does end with its body, and the next one's context
    variables must be the very same.

    Between two bodies this object is the future that the task waits for. Nothing completes it: the task's first step,
    which asyncio gave to the loop's ``call_soon``, is called again.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "context",
        "is_cancelled",
        "is_kept",
        "is_waiting",
        "loop",
        "resume",
        "run",
        "task",
        "value",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, context: contextvars.Context) -> None:
        self.loop = loop
        self.context = context
        self.task: asyncio.Task[Any] | None = None
        self.resume: Callable[[], object] | None = None
        self.run: Run | None = None
        """Whose body is next."""
        self.value: Any = None
        """What the last one has returned."""
        self.is_waiting = False
        """Whether there is nothing to do."""
        self.is_kept = False
        """Whether it is the task of the body that runs."""
        self.is_cancelled = False
        self._asyncio_future_blocking = False

    async def execute(self) -> Any:
        """Until a body keeps the task: its result is the task's."""
        while True:
            assert self.run is not None
            references = getrefcount(self.task)
            try:
                value = await self.run.call()
            except SystemExit as error:
                raise exited(error) from error
            if self.is_kept or getrefcount(self.task) != references or self._is_known():
                return value
            self.value, value = value, None
            await self

    def _is_known(self) -> bool:
        """To others than asyncio's own list of tasks."""
        task: Any = self.task
        return task._must_cancel or task._callbacks is not None or getweakrefcount(task) != 1

    def suits(self, context: contextvars.Context) -> bool:
        """Whether a body that is to see these variables can run in it."""
        count = len(context)
        if self.is_cancelled or count != len(self.context):
            return False
        return count == 0 or self._has_the_same(context)

    def _has_the_same(self, context: contextvars.Context) -> bool:
        return all(self.context.get(variable, _MISSING) is value for variable, value in context.items())

    def keep(self) -> asyncio.Task[Any]:
        """The body that runs has it for itself. (And the two no longer refer to each other.)"""
        task = self.task
        assert task is not None
        self.is_kept = True
        self.task = self.resume = self.run = None
        task._log_destroy_pending = True  # type: ignore[attr-defined]
        return task

    def end(self) -> None:
        """No more bodies. (``close`` is what the coroutine would call in turn.)"""
        if not self.is_cancelled and self.task is not None:
            coroutine: Any = self.task.get_coro()
            coroutine.close()
        self.task = self.resume = None

    # ------------------------------------------------------------ as a future

    def __await__(self) -> Generator[Any, Any, None]:
        return self  # type: ignore[return-value]  # an iterator is enough

    def __iter__(self) -> BodyTask:
        return self

    def __next__(self) -> BodyTask:
        if self.is_waiting:
            self.is_waiting = False
            raise StopIteration
        self.is_waiting = self._asyncio_future_blocking = True
        return self

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self.loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: contextvars.Context) -> None:
        """See the class: ``resume`` is called instead."""

    def cancel(self, msg: Any = None) -> bool:
        """The loop is closed, say: the task goes on, and finds that it is cancelled."""
        if not self.is_cancelled and self.resume is not None:
            self.is_cancelled = True
            self.loop.call_soon(self.resume)
        return False


class FirstTurns:
    """Starts bodies, for all attempts on one event loop: ten steps took 933 µs with a turn of the loop for each, and
    699 without.
    """

    __slots__ = ("_asked", "_attributes", "_loop", "_spare", "_value")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._attributes: dict[str, Any] = vars(loop)
        self._asked: Callable[[], object] | None = None
        self._spare: BodyTask | None = None
        self._value: Any = None

    def start(self, run: Run) -> asyncio.Task[Any] | None:
        """The task of a body that waits or has raised; ``None`` if it has returned: ``take_value`` says what."""
        own, self._spare = self._spare, None
        if own is None or not own.suits(run.context):
            own = self._replace(own, run)
        else:
            assert own.task is not None
            own.task.set_name(run.name)
        own.run = run
        self._call(own.context, own.resume)
        if not own.is_waiting:
            return own.keep()
        self._value, own.value, own.run = own.value, None, None
        self.let_go()  # of one that the body has made, if it has started others
        self._spare = own
        return None

    def take_value(self) -> Any:
        value, self._value = self._value, None
        return value

    def start_task(self, coroutine: Coroutine[Any, Any, Any], run: Run) -> asyncio.Task[Any]:
        """A task for this alone."""
        task = self._make(coroutine, run)
        self._call(run.context, self._take_asked())
        return task

    def let_go(self) -> None:
        """No attempt is left: no task is, either."""
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.end()

    def _replace(self, spare: BodyTask | None, run: Run) -> BodyTask:
        if spare is not None:
            spare.end()
        own = BodyTask(self._loop, run.context)
        own.task = self._make(own.execute(), run)
        own.task._log_destroy_pending = False  # type: ignore[attr-defined]
        own.resume = self._take_asked()
        return own

    def _make(self, coroutine: Coroutine[Any, Any, Any], run: Run) -> asyncio.Task[Any]:
        """A task; what it asks the loop to call soon is called by us."""
        attributes = self._attributes
        patched = attributes.get("call_soon")
        attributes["call_soon"] = self
        try:
            return _make_task(coroutine, loop=self._loop, name=run.name, context=run.context)
        finally:
            if patched is None:
                del attributes["call_soon"]  # the class's method is in force again
            else:
                attributes["call_soon"] = patched

    def __call__(self, callback: Callable[[], object], *, context: contextvars.Context) -> None:
        """Stands in for the loop's ``call_soon`` while a task is made."""
        self._asked = callback

    def _take_asked(self) -> Callable[[], object]:
        asked, self._asked = self._asked, None
        assert asked is not None
        return asked

    def _call(self, context: contextvars.Context, step: Callable[[], object] | None) -> None:
        assert step is not None
        current = _current_tasks.get(self._loop)
        if current is None:
            context.run(step)
            return
        _leave_task(self._loop, current)  # as 3.12 can; Python's "Extending asyncio" has these two
        try:
            context.run(step)
        finally:
            _enter_task(self._loop, current)


def exited(error: SystemExit) -> RuntimeError:
    return RuntimeError(f"the step called sys.exit({error.code!r})")
