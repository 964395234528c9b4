"""Services that wait in a way of the caller's choice, and compensate when they are cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from restate_reflect import (
    InvocationCancelledError,
    ObjectContext,
    ObjectSharedContext,
    State,
    WorkflowContext,
    WorkflowSharedContext,
)

__all__ = ["HOW", "WHAT", "Journal", "Waiting", "WaitingWorkflow"]

LONG = 86_400.0
AnyContext: TypeAlias = ObjectContext | WorkflowContext


class Journal:
    """What bodies of steps have done, in the memory of the process."""

    def __init__(self) -> None:
        self.events: dict[str, list[str]] = defaultdict(list)
        self.release: dict[str, threading.Event] = defaultdict(threading.Event)

    async def forever(self, key: str) -> None:
        """A step that ends by cancellation only."""
        self.events[key].append("started")
        try:
            await asyncio.sleep(LONG)
        finally:
            self.events[key].append("cancelled")

    def in_thread(self, key: str) -> None:
        """A step that nothing can interrupt."""
        self.events[key].append("started")
        self.release[key].wait(60)


# ---------------------------------------------------------------- what is awaited


def _call(ctx: AnyContext) -> asyncio.Future[Any]:
    return ctx.call(Waiting.child, key=f"{ctx.key}-child")


async def _attach(ctx: AnyContext) -> Any:
    child = ctx.send(Waiting.child, key=f"{ctx.key}-child")
    return await child.attach()


WHAT: dict[str, Callable[[AnyContext, Journal], Awaitable[Any]]] = {
    "run": lambda ctx, journal: ctx.run("forever", journal.forever, ctx.key),
    "thread": lambda ctx, journal: ctx.run("thread", journal.in_thread, ctx.key),
    "sleep": lambda ctx, journal: ctx.sleep(LONG),
    "asyncio.sleep": lambda ctx, journal: asyncio.sleep(LONG),
    "call": lambda ctx, journal: _call(ctx),
    "attach": lambda ctx, journal: _attach(ctx),
    "awakeable": lambda ctx, journal: ctx.awakeable(str),
    "signal": lambda ctx, journal: ctx.signal("never", str),
}
"""Something that never comes, each with its journal entry."""


# ---------------------------------------------------------------- how it is awaited


async def _plain(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    await awaited


async def _gather(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    await asyncio.gather(awaited, ctx.sleep(LONG))


async def _task_group(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_plain(ctx, awaited))
        group.create_task(asyncio.sleep(LONG))


async def _timeout(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    async with asyncio.timeout(LONG):
        await awaited


async def _wait_for(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    await asyncio.wait_for(awaited, LONG)


async def _wait(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    tasks = [asyncio.ensure_future(awaited), asyncio.ensure_future(ctx.sleep(LONG))]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _as_completed(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    async for _ in ctx.as_completed([awaited, ctx.sleep(LONG)]):
        pass


async def _first_success(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    await ctx.first_success(awaited, ctx.sleep(LONG))


async def _shield(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    await asyncio.shield(awaited)


async def _event(ctx: AnyContext, awaited: Awaitable[Any]) -> None:
    event = asyncio.Event()

    async def set_it_after() -> None:
        await awaited
        event.set()

    task = asyncio.create_task(set_it_after())
    await event.wait()
    await task


HOW: dict[str, Callable[[AnyContext, Awaitable[Any]], Awaitable[None]]] = {
    "plain": _plain,
    "gather": _gather,
    "TaskGroup": _task_group,
    "timeout": _timeout,
    "wait_for": _wait_for,
    "wait": _wait,
    "as_completed": _as_completed,
    "first_success": _first_success,
    "shield": _shield,
    "Event": _event,
}


# ---------------------------------------------------------------- services


async def _compensate(ctx: AnyContext, error: BaseException) -> None:
    """Steps, timers, calls and state, as after any caught error."""

    async def undo() -> str:
        return "undone"

    undone = await ctx.run("undo", undo)
    await ctx.sleep(0.001)
    assert await ctx.call(Waiting.echo, undone, key=f"{ctx.key}-echo") == undone
    first, second = await asyncio.gather(ctx.run("undo", undo), asyncio.sleep(0.001, "slept"))
    ctx.set("compensated", f"{type(error).__name__} {undone} {first} {second}")


class Waiting:
    """An object that waits."""

    waiting = State(bool, default=False)
    compensated = State(str, default="")

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    async def wait(self, ctx: ObjectContext, what: str, how: str) -> None:
        ctx.set(self.waiting, True)
        try:
            await HOW[how](ctx, WHAT[what](ctx, self.journal))
        except (InvocationCancelledError, BaseExceptionGroup) as error:
            await _compensate(ctx, error)
            raise

    async def child(self, ctx: ObjectContext) -> None:
        """Waits, too; for a caller that is cancelled."""
        ctx.set(self.waiting, True)
        try:
            await ctx.sleep(LONG)
        except InvocationCancelledError as error:
            await _compensate(ctx, error)
            raise

    async def parent(self, ctx: ObjectContext, children: int, depth: int) -> None:
        """The root of a tree of calls."""
        ctx.set(self.waiting, True)
        if depth == 0:
            await self.child(ctx)
            return
        keys = [f"{ctx.key}.{n}" for n in range(children)]
        await asyncio.gather(*(ctx.call(Waiting.parent, children, depth - 1, key=key) for key in keys))

    async def detached(self, ctx: ObjectContext) -> None:
        """Sends to a child, and waits for something else."""
        ctx.send(Waiting.child, key=f"{ctx.key}-child")
        ctx.set(self.waiting, True)
        await ctx.sleep(LONG)

    async def recovers(self, ctx: ObjectContext) -> str:
        """Catches the cancellation, and returns."""
        ctx.set(self.waiting, True)
        try:
            await ctx.sleep(LONG)
        except InvocationCancelledError as error:
            await _compensate(ctx, error)
        return "recovered"

    async def abandons(self, ctx: ObjectContext) -> None:
        """Holds a call that it does not await when the cancellation comes."""
        call = ctx.call(Waiting.child, key=f"{ctx.key}-child")
        await call.invocation_id
        ctx.set(self.waiting, True)
        await ctx.awakeable(str)

    async def echo(self, ctx: ObjectContext, text: str) -> str:
        return text

    async def is_free(self, ctx: ObjectContext) -> bool:
        """Answers once nobody holds the key."""
        return True

    async def is_waiting(self, ctx: ObjectSharedContext) -> bool:
        return await ctx.get(self.waiting)

    async def compensation(self, ctx: ObjectSharedContext) -> str:
        return await ctx.get(self.compensated)


class WaitingWorkflow:
    """A workflow that waits for a promise."""

    waiting = State(bool, default=False)
    compensated = State(str, default="")

    async def run(self, ctx: WorkflowContext, how: str) -> None:
        ctx.set(self.waiting, True)
        try:
            await HOW[how](ctx, ctx.promise("never", str).get())
        except (InvocationCancelledError, BaseExceptionGroup) as error:
            await _compensate(ctx, error)
            raise

    async def is_waiting(self, ctx: WorkflowSharedContext) -> bool:
        return await ctx.get(self.waiting)

    async def compensation(self, ctx: WorkflowSharedContext) -> str:
        return await ctx.get(self.compensated)
