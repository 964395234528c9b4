"""Handler code that assigns to ``self``: noticed when guarded, free of cost otherwise."""

from __future__ import annotations

import asyncio
import threading
import warnings
from functools import cached_property

import pytest

from restate_reflect import Context
from restate_reflect.durable.guards import Guard, GuardWarning
from restate_reflect.embedded import InProcessDeployment, Outcome, Runtime
from restate_reflect.endpoint.core import Core
from restate_reflect.engine.ending import AttemptError
from restate_reflect.reflection import reflect_all


class Shop:
    def __init__(self) -> None:
        self.calls = 0
        self.left: int | None = 1
        self.prices = {"tea": 3}

    async def assigns(self, ctx: Context) -> int:
        self.calls += 1
        return self.calls

    async def deletes(self, ctx: Context) -> None:
        del self.left

    async def assigns_late(self, ctx: Context) -> None:
        await ctx.run("step", self.step)
        self.late = True

    async def looks(self, ctx: Context) -> int:
        return self.calls

    async def reads(self, ctx: Context) -> int:
        return self.calls + self.cached

    async def in_a_step(self, ctx: Context) -> None:
        await ctx.run("step", self.step_that_assigns)

    @cached_property
    def cached(self) -> int:
        return 7

    def step(self) -> None: ...

    def step_that_assigns(self) -> None:
        self.calls = 5


async def invoke(handler: str, guard: Guard) -> Outcome:
    async with Runtime() as runtime:
        await runtime.register(InProcessDeployment(Core(reflect_all([Shop()]), guard=guard)))
        return await runtime.invoke("Shop", handler)


@pytest.mark.parametrize("handler, name", [("assigns", "calls"), ("deletes", "left"), ("assigns_late", "late")])
def test_an_assignment_is_warned_of_with_its_handler(handler: str, name: str) -> None:
    """Also one after an await, and the removal of an attribute."""
    place = rf"Shop\.{handler} \(.*test_assignments\.py:\d+\) assigns self\.{name}:"
    with pytest.warns(GuardWarning, match=place):
        asyncio.run(invoke(handler, Guard.WARN)).unwrap()


@pytest.mark.parametrize("handler", ["reads", "in_a_step"])
def test_caches_and_steps_may_assign(handler: str) -> None:
    """A cached property is the same in every replay; what a step does is not repeated. Warnings are errors here."""
    asyncio.run(invoke(handler, Guard.WARN)).unwrap()


def test_a_failing_guard_ends_the_attempt() -> None:
    """With the message that shows the way out, as a bug: no retry could mend it."""
    failures: list[AttemptError] = []

    async def run() -> None:
        core = Core(reflect_all([Shop()]), guard=Guard.FAIL)
        core.environment.on_failure = lambda attempt, error: failures.append(error)
        async with Runtime() as runtime:
            await runtime.register(InProcessDeployment(core))
            sent = runtime.send("Shop", "assigns").invocation
            await runtime.settle()
            runtime.kill(sent.id)

    asyncio.run(run())
    assert failures[0].bug
    assert "ctx.set('calls', …)" in failures[0].message


def test_nothing_is_looked_at_while_guards_are_off() -> None:
    """``vars(self)`` is not even read."""
    looked: list[str] = []

    class Watched(Shop):
        def __getattribute__(self, name: str) -> object:
            looked.append(name)
            return super().__getattribute__(name)

    async def run(guard: Guard) -> None:
        async with Runtime() as runtime:
            await runtime.register(InProcessDeployment(Core(reflect_all([Watched()]), guard=guard)))
            looked.clear()
            (await runtime.invoke("Watched", "looks")).unwrap()

    asyncio.run(run(Guard.OFF))
    assert "__dict__" not in looked
    asyncio.run(run(Guard.WARN))
    assert "__dict__" in looked


class Till:
    """A step in a thread assigns while another invocation's handler has its turn."""

    def __init__(self) -> None:
        self.receipts = 0
        self.begun, self.go_on, self.assigned = threading.Event(), threading.Event(), threading.Event()

    def receipt(self) -> None:
        self.begun.set()
        assert self.go_on.wait(60)
        self.receipts += 1
        self.assigned.set()

    async def sell(self, ctx: Context) -> None:
        await ctx.run("receipt", self.receipt)

    async def look(self, ctx: Context) -> bool:
        self.go_on.set()
        return self.assigned.wait(60)


async def look_while_a_step_assigns() -> Outcome:
    till = Till()
    async with Runtime() as runtime:
        await runtime.register(InProcessDeployment(Core(reflect_all([till]), guard=Guard.WARN)))
        selling = asyncio.create_task(runtime.invoke("Till", "sell"))
        await asyncio.to_thread(till.begun.wait, 60)
        looked = await runtime.invoke("Till", "look")
        await selling
        return looked


def test_a_step_in_a_thread_may_assign_beside_a_handler() -> None:
    """Whose turn would be blamed for it."""
    with warnings.catch_warnings(record=True, action="always") as told:
        assert asyncio.run(look_while_a_step_assigns()).value == b"true"
    assert [str(each.message) for each in told] == []
