"""What the tasks of one handler share: queues, events, context variables. None of it is in the journal."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from contextvars import ContextVar
from typing import Any

from restate_reflect import Context
from tests.scenarios.conftest import Site, failures, result

HOUR = 3600.0
REQUEST: ContextVar[str] = ContextVar("request")
TENANT: ContextVar[str] = ContextVar("tenant", default="public")


class Channels:
    """Tasks that tell each other something."""

    def __init__(self) -> None:
        self._decided: defaultdict[str, threading.Event] = defaultdict(threading.Event)

    async def one_task(self, ctx: Context, value: str) -> str:
        queue: asyncio.Queue[str] = asyncio.Queue()
        await queue.put(value)
        return await queue.get()

    async def two_tasks(self, ctx: Context, value: str) -> str:
        queue: asyncio.Queue[str] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(queue.put(value))
            return await queue.get()

    async def broadcast(self, ctx: Context, value: str) -> list[str]:
        news: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def read(name: str) -> str:
            return f"{name}: {await news}"

        readers = [asyncio.create_task(read(name)) for name in "ABC"]
        asyncio.create_task(self._tell(ctx, news, value))  # noqa: RUF006  # the readers wait for it
        return await asyncio.gather(*readers)

    async def stopped(self, ctx: Context, reason: str) -> str:
        """A worker that is told to stop, and why, while its step still executes."""
        stop: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()
        worker = asyncio.create_task(self._work(ctx, stop))
        await ctx.run("decide", self._decide, ctx.request.id)
        stop.set_result({"reason": reason})
        return await worker

    async def _tell(self, ctx: Context, news: asyncio.Future[str], value: str) -> None:
        await ctx.sleep(0.01)
        news.set_result(value)

    async def _work(self, ctx: Context, stop: asyncio.Future[dict[str, str]]) -> str:
        slow = ctx.run("slow", self._slow, ctx.request.id)
        waiting: list[asyncio.Future[Any]] = [slow, stop]
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return f"stopped: {stop.result()['reason']}" if stop in done else slow.result()

    async def _decide(self, invocation: str) -> None:
        # An attempt can't end while a step executes: the slow one ends after this one, whoever waits for it.
        asyncio.get_running_loop().call_later(0.05, self._decided[invocation].set)

    def _slow(self, invocation: str) -> str:
        assert self._decided[invocation].wait(30)
        return "done"


class Polling:
    """Asks until something is done; the third answer is that it is."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def until_done(self, ctx: Context) -> int:
        return await self._poll(ctx, 3, asyncio.Event()) or 0

    async def in_time(self, ctx: Context) -> int | None:
        return await self._within(ctx, HOUR, polls=3)

    async def too_late(self, ctx: Context) -> int | None:
        return await self._within(ctx, 0.05, polls=1_000_000)

    async def _within(self, ctx: Context, budget: float, polls: int) -> int | None:
        stop = asyncio.Event()
        poller = asyncio.create_task(self._poll(ctx, polls, stop))
        await asyncio.wait([poller], timeout=budget)
        stop.set()
        return await poller

    async def _poll(self, ctx: Context, polls: int, stop: asyncio.Event) -> int | None:
        """How often it asked; ``None`` when it was told to stop."""
        asked = 0
        while not stop.is_set():
            asked += 1
            if await ctx.run(f"poll {asked}", self._ask, ctx.request.id) >= polls:
                return asked
            await asyncio.wait([asyncio.create_task(stop.wait())], timeout=0.01)
        return None

    async def _ask(self, invocation: str) -> int:
        self.asked[invocation] += 1
        return self.asked[invocation]


class Variables:
    """What was set before a suspension is there after it: the handler sets it anew."""

    async def everywhere(self, ctx: Context, id_: str, tenant: str | None = None) -> list[str]:
        REQUEST.set(await ctx.run("request", self._named, id_))
        if tenant is not None:
            TENANT.set(tenant)
        await ctx.sleep(0.001)
        in_a_task = await asyncio.create_task(self._seen(ctx))
        return [*await self._seen(ctx), *in_a_task, await ctx.run("in a step", self._in_a_step), REQUEST.get()]

    async def unset(self, ctx: Context) -> str:
        return REQUEST.get("unset")

    async def _seen(self, ctx: Context) -> list[str]:
        await ctx.sleep(0.001)
        return [REQUEST.get("lost"), TENANT.get()]

    async def _named(self, id_: str) -> str:
        return f"request {id_}"

    async def _in_a_step(self) -> str:
        seen = REQUEST.get("lost")
        REQUEST.set("set in a step")
        return seen


SERVICES = (Channels(), Polling(), Variables())

ANSWERS: dict[tuple[str, Any], Any] = {
    ("Channels/one_task", "hello"): "hello",
    ("Channels/two_tasks", "from a task"): "from a task",
    ("Channels/broadcast", "news"): ["A: news", "B: news", "C: news"],
    ("Channels/stopped", "the user's wish"): "stopped: the user's wish",
    ("Polling/until_done", None): 3,
    ("Polling/in_time", None): 3,
    ("Polling/too_late", None): None,
}


def test_tasks_tell_each_other_the_same_in_every_attempt(site: Site) -> None:
    answers = {given: site.ask(given[0], *given[1:] if given[1] else ()) for given in ANSWERS}
    assert {given: result(answer) for given, answer in answers.items()} == ANSWERS
    assert failures(site, answers.values()) == []


def test_context_variables_last_as_long_as_the_invocation(site: Site) -> None:
    """In nested calls, in tasks and in steps; what a step sets is the step's, and what one sets is not another's."""
    seen = site.call("Variables/everywhere", {"id_": "42", "tenant": "acme"})
    assert seen == ["request 42", "acme"] * 2 + ["request 42"] * 2
    assert site.call("Variables/everywhere", {"id_": "7"}) == ["request 7", "public"] * 2 + ["request 7"] * 2
    assert site.call("Variables/unset") == "unset"
