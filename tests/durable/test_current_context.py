"""``current_context()`` is the context of the handler that runs, and of nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from restate_reflect import Context, ObjectContext, WorkflowContext, current_context
from restate_reflect.errors import HandlerBugError
from restate_reflect.testing import Durable


async def note(what: str) -> str:
    return what


async def library(what: str) -> str:
    """Is not given the context."""
    return await current_context().run("note", note, what)


class Desk:
    async def works(self, ctx: Context) -> list[str]:
        assert current_context() is ctx
        assert current_context(Context) is ctx
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(library(f"task {number}")) for number in range(2)]
        await asyncio.sleep(10)
        return [await library("after"), *(task.result() for task in tasks)]

    def plainly(self, ctx: Context) -> bool:
        return current_context() is ctx

    async def asks_in_a_step(self, ctx: Context) -> str:
        return await ctx.run("ask", self.asks)

    async def asks_in_a_thread(self, ctx: Context) -> str:
        return await ctx.run("ask", self.asks_plainly)

    async def asks(self) -> str:
        return asks_outside()

    def asks_plainly(self) -> str:
        return asks_outside()

    async def calls(self, ctx: Context) -> bool:
        other = await ctx.call(Counter.add, 1, key="a")
        return other == 1 and current_context() is ctx

    async def wants_state(self, ctx: Context) -> None:
        current_context(ObjectContext).set("count", 1)


class Counter:
    async def add(self, ctx: ObjectContext, amount: int) -> int:
        current_context(ObjectContext).set("count", amount)
        return await current_context(ObjectContext).get("count", int, default=0)


def asks_outside() -> str:
    try:
        current_context()
    except HandlerBugError as error:
        return str(error)
    return "found one"


async def test_handlers_and_their_tasks_have_one(durable: Durable) -> None:
    env = await durable(Desk)
    assert await env.call(Desk.works) == ["after", "task 0", "task 1"]
    assert await env.call(Desk.plainly)


async def test_each_handler_has_its_own(durable: Durable) -> None:
    """Of its kind."""
    env = await durable(Desk, Counter)
    assert await env.call(Desk.calls)


@pytest.mark.parametrize("handler", [Desk.asks_in_a_step, Desk.asks_in_a_thread])
async def test_steps_have_none(durable: Durable, handler: Callable[[Desk, Context], object]) -> None:
    """On the event loop and in a thread; the line is told, and what to do."""
    env = await durable(Desk)
    told = await env.call_raw("Desk", handler.__name__)
    assert b"current_context() where no handler runs" in told
    assert b"test_current_context.py:" in told
    assert b"give a step what it needs as arguments" in told


def test_others_have_none() -> None:
    """Without an event loop, and on another one."""
    assert "where no handler runs" in asks_outside()
    assert "where no handler runs" in asyncio.run(Desk().asks())


def test_another_kind_is_told() -> None:
    async def scenario() -> None:
        from restate_reflect.testing import TestEnvironment

        async with TestEnvironment(Desk) as env:
            await env.call(Desk.wants_state)

    with pytest.raises(HandlerBugError, match=r"current_context\(ObjectContext\) in a handler that has a Context"):
        asyncio.run(scenario())


def test_kinds_are_contexts() -> None:
    with pytest.raises(HandlerBugError, match="where no handler runs"):
        current_context(WorkflowContext)
