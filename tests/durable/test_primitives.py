"""Locks, events and queues that let something in from outside of a handler, while nobody waits: seen by the guard."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from restate_reflect import Context
from restate_reflect.durable.guards import Guard, GuardWarning
from tests.journals import CANCEL, LOOP, M, Played, play


class Service:
    def __init__(self, function: Callable[[Context], Any]) -> None:
        self.function = function

    async def go(self, ctx: Context) -> Any:
        return await self.function(ctx)


async def same(number: int) -> int:
    return number


def guarded(function: Callable[[Context], Any], guard: Guard = Guard.WARN) -> Played:
    """Without any warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return play(Service(function), "go", guard=guard)


# ---------------------------------------------------------------- one's own, filled by somebody else

FILLED: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "Event": (asyncio.Event, lambda event: event.set()),
    "Queue": (asyncio.Queue, lambda queue: queue.put_nowait(1)),
    "PriorityQueue": (asyncio.PriorityQueue, lambda queue: queue.put_nowait(1)),
    "Semaphore": (lambda: asyncio.Semaphore(0), lambda semaphore: semaphore.release()),
    "Future": (lambda: asyncio.get_running_loop().create_future(), lambda future: future.set_result(1)),
}


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize("kind", FILLED)
def test_what_a_step_fills_though_nobody_waits_ends_the_attempt(kind: str, in_thread: bool) -> None:
    make, fill = FILLED[kind]

    async def go(ctx: Context) -> str:
        thing = make()
        ctx.send_raw("Other", "before")
        if in_thread:
            await ctx.run("fill", lambda: str(fill(thing)))
        else:

            async def body() -> None:
                fill(thing)

            await ctx.run("fill", body)
        ctx.send_raw("Other", "after")
        return str(thing)

    played = guarded(go)
    if in_thread:
        played.finish_runs()
    played.echo()
    message = played.error.message
    assert "of the handler, made at tests/durable/test_primitives.py:" in message
    assert "is completed from outside of it" in message
    assert len(played.all(M.ONE_WAY_CALL_COMMAND)) == 1


def test_what_the_handlers_own_tasks_do_is_silent() -> None:
    async def go(ctx: Context) -> list[int]:
        queue: asyncio.Queue[int] = asyncio.Queue(1)
        ready, lock, barrier = asyncio.Event(), asyncio.Lock(), asyncio.Barrier(2)
        condition, semaphore = asyncio.Condition(), asyncio.BoundedSemaphore(1)

        async def produce() -> None:
            for number in range(3):
                async with lock, semaphore:
                    await queue.put(await ctx.run("step", same, number))
            ready.set()
            async with condition:
                condition.notify_all()
            await barrier.wait()

        task = asyncio.create_task(produce())
        found = [await queue.get() for _ in range(3)]
        await ready.wait()
        await barrier.wait()
        await task
        return found

    played = guarded(go, Guard.FAIL)
    while played.waits:
        played.finish_runs().echo()
    assert played.output == b"[0,1,2]"


def test_a_cancelled_invocation_may_end_what_the_handler_waits_for() -> None:
    async def go(ctx: Context) -> str:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(60, future.cancel)
        try:
            await future
        except Exception as error:
            return type(error).__name__
        return ""

    played = guarded(go, Guard.FAIL)
    played.feed(CANCEL)
    assert played.output == b'"InvocationCancelledError"'


# ---------------------------------------------------------------- not one's own

USED: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "asyncio.Event": (asyncio.Event, lambda event: event.is_set()),
    "asyncio.Lock": (asyncio.Lock, lambda lock: lock.acquire()),
    "asyncio.Semaphore": (lambda: asyncio.Semaphore(1), lambda semaphore: semaphore.acquire()),
    "asyncio.Queue": (asyncio.Queue, lambda queue: queue.put(1)),
    "asyncio.Condition": (asyncio.Condition, lambda condition: condition.acquire()),
}


def uses(kind: str) -> Callable[[Context], Any]:
    make, use = USED[kind]
    shared = make()

    async def go(ctx: Context) -> str:
        for _ in range(2):
            used = use(shared)
            if asyncio.iscoroutine(used):
                async with asyncio.timeout(5):
                    await used
            if kind != "asyncio.Event":
                break
        return "done"

    return go


@pytest.mark.parametrize("kind", USED)
def test_one_that_the_handler_has_not_made_is_told(kind: str) -> None:
    """Kept on ``self``, say. With the guard off, nothing is said."""
    with pytest.warns(GuardWarning) as seen:
        assert play(Service(uses(kind)), "go", guard=Guard.WARN).output == b'"done"'
    assert len({warning.lineno for warning in seen}) == len(seen)
    assert "that it has not made" in str(seen[0].message)
    assert "test_primitives.py:" in str(seen[0].message)
    assert play(Service(uses(kind)), "go", guard=Guard.OFF).output == b'"done"'
    assert "that it has not made" in play(Service(uses(kind)), "go", guard=Guard.FAIL).error.message


def test_it_may_be_used_where_that_is_said() -> None:
    shared = asyncio.Event()

    async def go(ctx: Context) -> bool:
        with ctx.unguarded():
            return shared.is_set()

    assert guarded(go, Guard.FAIL).output == b"false"


# ---------------------------------------------------------------- futures in the order of their addresses


@pytest.mark.parametrize("guard", [Guard.WARN, Guard.FAIL])
def test_waiting_for_plain_futures_is_told(guard: Guard) -> None:
    """Not for one of them, nor for the loop's."""

    async def go(ctx: Context) -> None:
        loop = asyncio.get_running_loop()
        pairs: list[list[asyncio.Future[None]]]
        pairs = [[asyncio.Future(), loop.create_future()], [asyncio.Future(), asyncio.Future()]]
        for futures in pairs:
            for future in futures:
                future.set_result(None)
            await asyncio.wait(futures)

    if guard is Guard.FAIL:
        message = play(Service(go), "go", guard=guard).error.message
    else:
        with pytest.warns(GuardWarning) as seen:
            play(Service(go), "go", guard=guard)
        (warning,) = seen
        message = str(warning.message)
    assert "waits for futures that asyncio.Future() has made at tests/durable/test_primitives.py:" in message
    assert "create_future()" in message


# ---------------------------------------------------------------- of another loop


async def held() -> asyncio.Lock:
    """A lock that is bound to this loop."""
    lock = asyncio.Lock()
    await lock.acquire()
    waiting = asyncio.create_task(lock.acquire())
    await asyncio.sleep(0)
    waiting.cancel()
    return lock


@pytest.mark.parametrize("guard", [Guard.WARN, Guard.FAIL])
@pytest.mark.filterwarnings("ignore::restate_reflect.durable.guards.GuardWarning")
def test_a_lock_of_another_loop_ends_the_attempt_whatever_is_caught(guard: Guard) -> None:
    lock = LOOP.run_until_complete(held())

    async def go(ctx: Context) -> str:
        try:
            await lock.acquire()
        except BaseException:
            pass
        return "fallback"

    played = play(Service(go), "go", guard=guard)
    assert played.types == [M.ERROR]
    message = played.error.message
    if guard is Guard.WARN:
        assert "an asyncio.Lock of another event loop can't be used in handler code" in message
    assert f"test_primitives.py:{go.__code__.co_firstlineno + 2} in " in message
