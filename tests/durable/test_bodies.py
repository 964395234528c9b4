"""What the body of a step sees of its task, its variables and its loop: all is its own."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from pydantic import BaseModel

from restate_reflect import Context
from restate_reflect.durable.guards import Guard
from tests.journals import LOOP, V6, M, Played, given_input, journal, play

seen: list[Any] = []
variable: ContextVar[str] = ContextVar("variable", default="unset")


@pytest.fixture(autouse=True)
def _nothing_seen() -> Iterator[None]:
    seen.clear()
    yield
    seen.clear()


def task() -> asyncio.Task[Any]:
    current = asyncio.current_task()
    assert current is not None
    return current


async def nothing() -> None:
    """Leaves its task as it was."""


class Three:
    """Three steps with the same body, and one before that wants nothing from its task."""

    def __init__(self, body: Callable[[], Awaitable[Any]]) -> None:
        self.body = body

    async def go(self, ctx: Context) -> None:
        await ctx.run("nothing", nothing)
        for number in range(3):
            await ctx.run(f"step {number}", self.body)


def test_a_body_that_keeps_its_task_has_it_for_itself() -> None:
    """And it has ended with the body, whose result it has."""

    async def keep() -> int:
        seen.append(task())
        return len(seen)

    play(Three(keep), "go").echo().echo().echo().echo()
    assert len(set(seen)) == 3
    assert [each.result() for each in seen] == [1, 2, 3]
    assert [each.get_name() for each in seen] == ["step 0", "step 1", "step 2"]


def test_a_body_that_knows_its_task_weakly_has_it_for_itself() -> None:
    """As libraries do that keep something for each task."""
    known: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()

    async def remember() -> None:
        seen.append(task() in known)
        known[task()] = 1

    play(Three(remember), "go").echo().echo().echo().echo()
    assert seen == [False, False, False]


def test_who_wants_to_know_of_a_bodys_end_is_told() -> None:
    """By a callback of its task."""

    async def tell() -> None:
        task().add_done_callback(lambda ended: seen.append(ended.get_name()))

    play(Three(tell), "go").echo().echo().echo().echo()
    assert seen == ["step 0", "step 1", "step 2"]


def test_a_body_that_cancels_itself_fails_alone() -> None:
    """It is cancelled though it never waits, as any task is; the next attempt's body is not."""

    async def cancel_once() -> None:
        seen.append("body")
        if len(seen) == 1:
            task().cancel()

    played = play(Three(cancel_once), "go").echo()
    assert played.error.message == "RestateReflectError: the step was cancelled from outside"
    played.again().echo().echo().echo()
    assert seen == ["body"] * 4


def test_a_timeout_leaves_nothing_behind() -> None:
    """Neither for the next body nor for itself."""

    async def in_time() -> int:
        async with asyncio.timeout(10):
            return task().cancelling()

    played = play(Three(in_time), "go").echo().echo().echo().echo()
    assert played.output == b""


def test_variables_that_a_body_sets_are_its_own() -> None:
    """The next one sees those of the handler."""

    async def change() -> None:
        seen.append(variable.get())
        variable.set("changed")
        seen.append(variable.get())

    play(Three(change), "go").echo().echo().echo().echo()
    assert seen == ["unset", "changed"] * 3


def test_bodies_see_what_the_handler_has_set_meanwhile() -> None:
    """Each at its own time."""

    async def look() -> None:
        seen.append(variable.get())

    class Sets:
        async def go(self, ctx: Context) -> None:
            for value in ("a", "b", "b", "c"):
                variable.set(value)
                await ctx.run("look", look)

    play(Sets, "go").echo().echo().echo().echo()
    assert seen == ["a", "b", "b", "c"]


def test_a_body_that_waits_goes_on_with_its_variables_and_its_task() -> None:
    """After bodies that did not; and those after it have others."""

    async def wait() -> None:
        variable.set("of the body")
        before = task()
        await asyncio.sleep(0)
        seen.append((variable.get(), before is task(), before.get_name()))

    played = play(Three(wait), "go").echo()
    for _ in range(3):
        played.finish_runs().echo()
    assert seen == [("of the body", True, f"step {number}") for number in range(3)]
    assert played.output == b""


def test_a_body_that_raises_leaves_nothing_to_the_next() -> None:
    """An attempt later."""

    async def fail_once() -> None:
        seen.append(1)
        if len(seen) == 1:
            raise ValueError("once")

    played = play(Three(fail_once), "go").echo()
    assert played.error.message == "ValueError: once"
    assert played.again().echo().echo().echo().output == b""


class Big(BaseModel):
    """Can be referred to weakly."""


def test_what_bodies_have_returned_is_not_held() -> None:
    """Not even until the next one."""

    async def make() -> Big:
        big = Big()
        seen.append(weakref.ref(big))
        return big

    played = play(Three(make), "go").echo().echo()
    assert played.types.count(M.PROPOSE_RUN_COMPLETION) == 3
    assert [each() for each in seen] == [None, None]


def test_no_task_is_left_when_no_attempt_is() -> None:
    """Of those that this loop has."""

    async def count() -> int:
        return len(asyncio.all_tasks())

    before = LOOP.run_until_complete(count())
    played = play(Three(nothing), "go").echo().echo().echo().echo()
    assert played.output == b""
    assert LOOP.run_until_complete(count()) == before


def test_a_body_may_begin_others() -> None:
    """A body that feeds another attempt of its endpoint, whose step begins within its own turn."""
    fed: list[Played] = []

    class Inner:
        async def go(self, ctx: Context) -> None:
            await ctx.run("inner", nothing)

    async def feed() -> str:
        own = task()
        played = Played(Inner, "go", V6, (), Guard.OFF)
        played.attempt.receive(journal(given_input()))
        fed.append(played)
        seen.append(own is task())
        return "fed"

    outer = play(Three(feed), "go").echo().echo().echo().echo()
    assert outer.output == b""
    assert seen == [True] * 3
    assert [each.echo().output for each in fed] == [b""] * 3
