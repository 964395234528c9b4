"""Several things at once: steps, tasks, timers, signals and what is there already, in every combination."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Iterable
from typing import Any

from restate_reflect import Context, TerminalError
from tests.scenarios.conftest import Site, failures, result

HOUR = 3600.0


class Gates:
    """Steps that end when another step lets them: what wins has a reason, not a speed."""

    def __init__(self) -> None:
        self._open: defaultdict[str, threading.Event] = defaultdict(threading.Event)

    async def passed(self, invocation: str, value: str) -> str:
        """Ends at once, and lets the others go."""
        self._open[invocation].set()
        return value

    def held(self, invocation: str, value: str) -> str:
        assert self._open[invocation].wait(30)
        return value


def there(value: str) -> asyncio.Future[str]:
    """Nothing to wait for, and nothing in the journal."""
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


def failed(message: str) -> asyncio.Future[str]:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    future.set_exception(TerminalError(message))
    return future


async def first(*awaited: Awaitable[str]) -> str:
    """Of those that have come at the same time, the one that was named first."""
    tasks = [asyncio.ensure_future(each) for each in awaited]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return next(task for task in tasks if task in done).result()


def told(outcomes: Iterable[Any]) -> list[str]:
    return [f"failed: {each.message}" if isinstance(each, TerminalError) else each for each in outcomes]


class Combined:
    """A handler for each combination."""

    def __init__(self) -> None:
        self.gates = Gates()

    # ---------------------------------------------------------------- steps and tasks

    async def all_steps(self, ctx: Context) -> list[str]:
        """The first one ends last."""
        late = ctx.run("a", self.gates.held, ctx.request.id, "alpha")
        return list(await asyncio.gather(late, ctx.run("b", self.gates.passed, ctx.request.id, "bravo")))

    async def first_step(self, ctx: Context) -> str:
        fast = ctx.run("fast", self._step, "fast")
        return await first(ctx.sleep(HOUR), fast)  # type: ignore[arg-type]

    async def first_by_name(self, ctx: Context) -> str:
        named = {"slow": asyncio.create_task(self._naps(ctx)), "fast": ctx.run("fast", self._step, "F")}
        done, _ = await asyncio.wait(named.values(), return_when=asyncio.FIRST_COMPLETED)
        return ", ".join(f"{name}: {each.result()}" for name, each in named.items() if each in done)

    async def two_tasks(self, ctx: Context) -> list[str]:
        late = asyncio.create_task(self._late(ctx, "A"))
        return list(await asyncio.gather(late, asyncio.create_task(self._early(ctx, "B"))))

    async def steps_and_tasks(self, ctx: Context) -> list[str]:
        step = ctx.run("held", self.gates.held, ctx.request.id, "step")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._early(ctx, "task"))
        return [await step, task.result()]

    # ---------------------------------------------------------------- what is there already

    async def all_there(self, ctx: Context) -> list[str]:
        return await asyncio.gather(*map(there, "abc"))

    async def one_failed(self, ctx: Context) -> list[str]:
        return list(await asyncio.gather(there("a"), failed("at 1"), there("c")))

    async def first_there(self, ctx: Context) -> str:
        return await first(there("first"), there("second"))

    async def first_success(self, ctx: Context) -> str:
        return await ctx.first_success(failed("no"), there("x"), there("y"))

    async def no_success(self, ctx: Context) -> str:
        return await ctx.first_success(failed("one"), failed("two"))

    async def outcomes(self, ctx: Context) -> list[str]:
        return told(await asyncio.gather(there("ok"), failed("no"), there("ok 2"), return_exceptions=True))

    async def nothing(self, ctx: Context) -> list[Any]:
        return [await asyncio.gather(), await asyncio.gather(return_exceptions=True)]

    async def timer_and_there(self, ctx: Context) -> list[str]:
        return list(await asyncio.gather(asyncio.sleep(0.05, "slept"), there("there")))

    async def there_before_a_timer(self, ctx: Context) -> str:
        return await first(asyncio.sleep(HOUR, "slept"), there("there"))

    async def in_time(self, ctx: Context) -> str:
        return await asyncio.wait_for(there("in time"), 0.001)

    async def never_in_time(self, ctx: Context) -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            return "timeout"
        return "?"

    # ---------------------------------------------------------------- what follows a result

    async def continued(self, ctx: Context, waits: bool) -> str:
        """The task begins at the first await: the UUIDs have one order in every attempt."""

        async def follow() -> uuid.UUID:
            await (ctx.sleep(0.02) if waits else there("now"))
            return ctx.uuid()

        ctx.uuid()
        following = asyncio.create_task(follow())
        ctx.uuid()
        await ctx.sleep(0.01)
        name = str(await following)
        await ctx.sleep(0.01, name=name)  # the journal knows the name: another one would be a mismatch
        return name

    async def continued_once(self, ctx: Context) -> int:
        count: list[str] = []

        async def follow() -> None:
            await ctx.sleep(0.01)
            count.append("once")

        following = asyncio.create_task(follow())
        for _ in range(3):
            await following
        return len(count)

    # ---------------------------------------------------------------- what is left behind

    async def leaves_a_task(self, ctx: Context) -> str:
        """It has made a step, and waits for an hour."""
        left = asyncio.create_task(self._steps_and_naps(ctx))
        result = await ctx.run("main", self._step, "main")
        left.cancel()
        return result

    async def leaves_a_loser(self, ctx: Context) -> str:
        return await first(self._steps_and_naps(ctx), ctx.run("fast", self._step, "fast"))

    # ---------------------------------------------------------------- one signal in two races

    async def shared(self, ctx: Context) -> list[str]:
        one, two, three = (ctx.signal(name, str) for name in ("p1", "p2", "p3"))
        won = await asyncio.gather(first(one, two), first(one, three), return_exceptions=True)
        await ctx.sleep(0.001)
        return told(won)

    async def shared_and_failing(self, ctx: Context) -> list[str]:
        one, two, three = (ctx.signal(name, str) for name in ("p1", "p2", "p3"))

        async def fails() -> str:
            raise TerminalError(f"{await one} has come")

        try:
            return list(await asyncio.gather(first(fails(), two), first(one, three)))
        finally:
            await ctx.sleep(0.001)

    # ---------------------------------------------------------------- parts

    async def _step(self, value: str) -> str:
        return value

    async def _late(self, ctx: Context, value: str) -> str:
        return await ctx.run(f"late {value}", self.gates.held, ctx.request.id, value)

    async def _early(self, ctx: Context, value: str) -> str:
        return await ctx.run(f"early {value}", self.gates.passed, ctx.request.id, value)

    async def _naps(self, ctx: Context) -> str:
        await ctx.sleep(HOUR)
        return "S"

    async def _steps_and_naps(self, ctx: Context) -> str:
        await ctx.run("before", self._step, "before")
        await ctx.sleep(HOUR)
        return await ctx.run("after", self._step, "never")


class Sender:
    async def tell(self, ctx: Context, invocation: str, name: str, value: str) -> None:
        ctx.resolve_signal(invocation, name, value)


SERVICES = (Combined(), Sender())

ANSWERS: dict[str, Any] = {
    "all_steps": ["alpha", "bravo"],
    "first_step": "fast",
    "first_by_name": "fast: F",
    "two_tasks": ["A", "B"],
    "steps_and_tasks": ["step", "task"],
    "all_there": ["a", "b", "c"],
    "one_failed": "500 at 1",
    "first_there": "first",
    "first_success": "x",
    "no_success": "500 two",
    "outcomes": ["ok", "failed: no", "ok 2"],
    "nothing": [[], []],
    "timer_and_there": ["slept", "there"],
    "there_before_a_timer": "there",
    "in_time": "in time",
    "never_in_time": "timeout",
    "continued_once": 1,
    "leaves_a_task": "main",
    "leaves_a_loser": "fast",
}


def test_combinations_have_one_answer(site: Site) -> None:
    """However often they are replayed; and no attempt fails."""
    answers = {handler: site.ask(f"Combined/{handler}") for handler in ANSWERS}
    assert {handler: result(answer) for handler, answer in answers.items()} == ANSWERS
    assert failures(site, answers.values()) == []


def test_what_follows_a_result_has_one_place_among_the_commands(site: Site) -> None:
    answers = [site.ask("Combined/continued", waits) for waits in (False, True)]
    assert [answer.status for answer in answers] == [200, 200]
    assert failures(site, answers) == []


ORDERS: dict[str, tuple[list[str], Any, Any]] = {
    "the shared one first": (["p1", "p3"], ["from p1", "from p1"], "500 from p1 has come"),
    "the others first": (["p2", "p3", "p1"], ["from p2", "from p3"], ["from p2", "from p3"]),
}
"""Signals in their order, and what ``shared`` and ``shared_and_failing`` make of them."""


def test_a_signal_may_be_in_two_races(site: Site) -> None:
    """Who comes after its race was won does not change it."""
    for names, won, failing in ORDERS.values():
        for handler, expected in (("shared", won), ("shared_and_failing", failing)):
            sent = site.send(f"Combined/{handler}")
            for name in names:
                site.call("Sender/tell", {"invocation": sent.id, "name": name, "value": f"from {name}"})
            assert sent.attach() == expected
