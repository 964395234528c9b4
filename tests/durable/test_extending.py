"""What this package uses of asyncio beyond its API for applications, on the Python that runs this."""

from __future__ import annotations

import ast
import asyncio
import gc
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import restate_reflect
from restate_reflect.durable import extending
from restate_reflect.durable.extending import (
    AS_COMPLETED,
    END_OF_SLEEP,
    ENSURE_FUTURE,
    GatheringFuture,
    children,
    enter,
    forget_callbacks,
    forget_waiter,
    has_callbacks,
    has_one_callback,
    leave,
    running_loop,
    silence,
    silence_task,
    waits_for,
)


@pytest.fixture
def other() -> Any:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


def test_there_may_be_no_running_loop(other: Any) -> None:
    assert running_loop() is None
    left = enter(other)
    assert running_loop() is other
    leave(left)
    assert running_loop() is None


def test_a_task_of_another_loop_runs_inside_a_task(other: Any) -> None:
    """Which is the current one again afterwards. (From 3.14 on a thread has one current task.)"""
    seen: list[Any] = []

    async def look() -> None:
        seen.append(asyncio.current_task())

    async def main() -> None:
        outer, own = asyncio.get_running_loop(), asyncio.current_task()
        other.call_soon = lambda callback, *args, context: seen.append((callback, context))
        inner = asyncio.Task(look(), loop=other)
        step, context = seen.pop()
        left = enter(other)
        assert asyncio.get_running_loop() is other
        assert asyncio.current_task() is None
        context.run(step)
        assert asyncio.current_task() is None
        leave(left)
        assert seen == [inner]
        assert inner.done()
        assert asyncio.get_running_loop() is outer
        assert asyncio.current_task() is own

    asyncio.run(main())


def test_a_loop_is_entered_from_a_callback_too(other: Any) -> None:
    """As bytes arrive: no task is the current one."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def callback() -> None:
            left = enter(other)
            leave(left)
            done.set_result((running_loop(), asyncio.current_task()))

        loop.call_soon(callback)
        assert await done == (loop, None)

    asyncio.run(main())


def test_loops_are_entered_one_inside_the_other(other: Any) -> None:
    async def main() -> None:
        own = asyncio.current_task()
        third = asyncio.new_event_loop()
        outer = enter(other)
        inner = enter(third)
        assert running_loop() is third
        leave(inner)
        assert running_loop() is other
        leave(outer)
        assert asyncio.current_task() is own
        third.close()

    asyncio.run(main())


def test_a_task_can_wait_after_it_was_left(other: Any) -> None:
    async def main() -> None:
        leave(enter(other))
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        leave(enter(other))

    asyncio.run(main())


def test_other_threads_see_nothing_of_it(other: Any) -> None:
    found: list[Any] = []
    left = enter(other)
    thread = threading.Thread(target=lambda: found.append(running_loop()))
    thread.start()
    thread.join()
    leave(left)
    assert found == [None]


def test_what_a_task_waits_for_is_known() -> None:
    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await future

        task = asyncio.create_task(wait())
        assert waits_for(task) is None
        assert not has_callbacks(future)
        await asyncio.sleep(0)
        assert waits_for(task) is future
        assert has_callbacks(future)
        assert has_one_callback(future)
        future.add_done_callback(print)
        assert not has_one_callback(future)
        future.remove_done_callback(print)
        future.set_result(None)
        await task
        assert waits_for(task) is None
        assert not has_callbacks(future)

    asyncio.run(main())


def test_who_waits_is_forgotten() -> None:
    """By the future that it waits for, and (from 3.14 on) by what shows who waits for what."""

    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await future

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        assert task in gc.get_referrers(future)
        assert task in gc.get_referents(future) or sys.version_info < (3, 14)
        forget_callbacks(future)
        forget_waiter(future, task)
        assert not has_callbacks(future)
        assert task not in gc.get_referents(future)
        task.cancel()

    asyncio.run(main())


def test_what_is_gathered_is_known() -> None:
    async def main() -> None:
        futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
        gathered = asyncio.gather(*futures)
        assert type(gathered) is GatheringFuture
        assert children(gathered) == futures
        assert children(futures[0]) is None
        gathered.cancel()

    asyncio.run(main())


def test_nothing_is_said_of_what_was_silenced(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(ValueError("nobody looks"))
        silence(future)
        endless = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(asyncio.wait([endless]))
        await asyncio.sleep(0)
        silence_task(task)
        coroutine = task.get_coro()
        assert coroutine is not None
        coroutine.close()
        del future, endless, task, coroutine
        import gc

        gc.collect()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
    assert caplog.records == []


def test_a_sleep_ends_by_the_known_callback() -> None:
    seen: list[Any] = []

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        call_later = loop.call_later

        def at_once(delay: float, callback: Any, *args: Any, **options: Any) -> Any:
            seen.append(callback)
            return call_later(0, callback, *args, **options)

        loop.call_later = at_once
        await asyncio.sleep(1)

    asyncio.run(main())
    assert seen == [END_OF_SLEEP]


def test_where_as_completed_makes_tasks_is_known() -> None:
    """By the functions on the stack: the innermost is the one that makes futures of awaitables."""
    seen: list[Any] = []

    async def main() -> None:
        loop: Any = asyncio.get_running_loop()
        create_task = loop.create_task

        def create(coroutine: Any, **options: Any) -> Any:
            frame: FrameType | None = sys._getframe(1)
            assert frame is not None
            seen.append(frame.f_code)
            while frame is not None:
                seen.append(frame.f_code)
                frame = frame.f_back
            return create_task(coroutine, **options)

        loop.create_task = create
        for each in asyncio.as_completed([asyncio.sleep(0)]):
            await each

    asyncio.run(main())
    assert seen[0] is ENSURE_FUTURE
    assert AS_COMPLETED & set(seen)


PRIVATE = {
    "_get_running_loop",
    "_set_running_loop",
    "_enter_task",
    "_leave_task",
    "_fut_waiter",
    "_callbacks",
    "_log_traceback",
    "_log_destroy_pending",
    "_set_result_unless_cancelled",
    "_GatheringFuture",
    "_children",
    "_AsCompletedIterator",
}


def test_one_file_alone_names_them() -> None:
    package = Path(restate_reflect.__file__).parent
    named = {
        path
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in PRIVATE)
        or (isinstance(node, ast.Constant) and node.value in PRIVATE)
    }
    assert {path.name for path in named} == {"extending.py"}, named
    assert Path(extending.__file__).name.startswith("extending")
