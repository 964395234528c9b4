"""Tasks that are cancelled by their handler, and invocations that are cancelled from outside."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from typing import Any, TypeVar

import pytest

from restate_reflect import CallFuture, Context, InvocationCancelledError, TerminalError
from tests.realserver.waiting import eventually
from tests.scenarios.conftest import Invocation, Site, failures, result

HOUR = 3600.0
T = TypeVar("T")


async def outcome_of(task: asyncio.Task[T]) -> T | str:
    """What became of it; asyncio's ``gather`` would forget the word."""
    try:
        return await task
    except asyncio.CancelledError as error:
        return f"cancelled: {error}"


class Interrupting:
    """Each handler cancels a task of its own, with a word."""

    def __init__(self) -> None:
        self.bodies: defaultdict[str, list[str]] = defaultdict(list)
        self.began: defaultdict[str, threading.Event] = defaultdict(threading.Event)

    async def in_a_sleep(self, ctx: Context) -> str:
        worker = asyncio.create_task(self._worker(ctx, "worker"))
        await ctx.sleep(0.01)
        worker.cancel("stop")
        return await worker

    async def uncaught(self, ctx: Context) -> str:
        worker = asyncio.create_task(self._naps(ctx))
        await ctx.sleep(0.01)
        worker.cancel("boom")
        return await outcome_of(worker)

    async def one_of_two(self, ctx: Context) -> list[Any]:
        """The other one is not disturbed."""
        tasks = [asyncio.create_task(self._naps(ctx)), asyncio.create_task(self._cleans_up(ctx, "two"))]
        await ctx.sleep(0.01)
        tasks[0].cancel("boom")
        cancelled, other = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(cancelled).__name__, other]

    async def with_its_children(self, ctx: Context) -> list[str]:
        """A group hands it down; whoever ends in it has cleaned up before its parent does."""
        ended: list[str] = []

        async def child() -> None:
            ended.append(await self._worker(ctx, "child"))

        async def parent() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(child())
                    await ctx.sleep(HOUR)
            except asyncio.CancelledError as error:
                ended.append(f"{error}: {await self._cleans_up(ctx, 'parent')}")

        task = asyncio.create_task(parent())
        await ctx.sleep(0.01)
        task.cancel("boom")
        await task
        return ended

    async def with_its_grandchildren(self, ctx: Context) -> list[str | None]:
        """One that was made by a child, which has ended since, in the group of its parent."""
        ended: list[str] = []

        async def grandchild() -> None:
            ended.append(await self._worker(ctx, "grandchild"))

        async def parent() -> None:
            async with asyncio.TaskGroup() as group:

                async def child() -> None:
                    group.create_task(grandchild())

                await group.create_task(child())
                await ctx.sleep(HOUR)

        task = asyncio.create_task(parent())
        await ctx.sleep(0.01)
        task.cancel("boom")
        outcome = await outcome_of(task)
        return [*ended, outcome]

    async def itself(self, ctx: Context) -> str:
        async def worker() -> str:
            task = asyncio.current_task()
            assert task is not None
            task.cancel("self")
            return await self._worker(ctx, "worker")

        return await asyncio.create_task(worker())

    async def before_it_began(self, ctx: Context) -> list[str]:
        """Nothing of it runs: it has made no entry in the journal."""
        task = asyncio.create_task(self._worker(ctx, "never"))
        task.cancel("too early")
        return [await outcome_of(task), await self._cleans_up(ctx, "main")]

    async def in_a_step(self, ctx: Context) -> list[Any]:
        """Its body is cancelled for real; a later step of the handler is not."""
        worker = asyncio.create_task(self._executes(ctx))
        await ctx.sleep(0.05)
        worker.cancel("stop")
        return [await worker, await ctx.run("later", self._cancelling)]

    async def _executes(self, ctx: Context) -> str:
        try:
            await ctx.run("body", self._body, ctx.request.id)
        except asyncio.CancelledError as error:
            return f"cancelled: {error}"
        return "done"

    async def _body(self, invocation: str) -> None:
        self.began[invocation].set()
        try:
            await asyncio.sleep(HOUR)
        except asyncio.CancelledError:
            self.bodies[invocation].append("cancelled")
            raise

    async def _cancelling(self) -> int:
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    async def _worker(self, ctx: Context, name: str) -> str:
        try:
            await ctx.sleep(HOUR)
        except asyncio.CancelledError as error:
            return f"{error}: {await self._cleans_up(ctx, name)}"
        return "slept"

    async def _naps(self, ctx: Context) -> str:
        await ctx.sleep(HOUR)
        return "slept"

    async def _cleans_up(self, ctx: Context, name: str) -> str:
        return await ctx.run(f"clean up {name}", self._cleaned, name)

    async def _cleaned(self, name: str) -> str:
        return f"{name} cleaned"


class Blocked:
    async def block(self, ctx: Context) -> None:
        await ctx.sleep(86_400)


class Cancelled:
    """Is cancelled, or cancels others."""

    def __init__(self) -> None:
        self.bodies: defaultdict[str, list[str]] = defaultdict(list)

    async def steps(self, ctx: Context, count: int) -> str:
        """All of them execute when it is cancelled."""
        try:
            await asyncio.gather(*(ctx.run(f"step {n}", self._body, ctx.request.id) for n in range(count)))
        except InvocationCancelledError:
            ended = await ctx.run("count", self._count, ctx.request.id)
            return f"{ended} cancelled"
        return "done"

    async def calls(self, ctx: Context, batches: list[int]) -> list[list[str]]:
        """Ids of callees, each cancelled with its batch, and what its caller sees of it."""
        return [await self._batch(ctx, count) for count in batches]

    async def _batch(self, ctx: Context, count: int) -> list[str]:
        calls = [ctx.call(Blocked.block) for _ in range(count)]
        ids = [await self._cancel(each) for each in calls]
        return [f"{id_} {await self._end(each)}" for id_, each in zip(ids, calls, strict=True)]

    async def _end(self, called: CallFuture[None]) -> str:
        try:
            await called
        except TerminalError as error:
            return f"{error.code} {error.message}"
        return "ended well"

    async def _cancel(self, called: CallFuture[None]) -> str:
        await called.cancel_invocation()
        return await called.invocation_id

    async def _body(self, invocation: str) -> None:
        try:
            self.bodies[invocation].append("began")
            await asyncio.sleep(HOUR)
        finally:
            self.bodies[invocation].append("cancelled")

    def _count(self, invocation: str) -> int:
        return eventually(lambda: self.bodies[invocation].count("cancelled"))


INTERRUPTING, CANCELLED = Interrupting(), Cancelled()
SERVICES, CALLED = (INTERRUPTING, CANCELLED), (Blocked,)

ANSWERS: dict[str, Any] = {
    "in_a_sleep": "stop: worker cleaned",
    "uncaught": "cancelled: boom",
    "one_of_two": ["CancelledError", "two cleaned"],
    "with_its_children": [": child cleaned", "boom: parent cleaned"],
    "with_its_grandchildren": [": grandchild cleaned", "cancelled: boom"],
    "itself": "self: worker cleaned",
    "before_it_began": ["cancelled: too early", "main cleaned"],
}


def test_cancelled_tasks_end_alike_in_every_attempt(site: Site) -> None:
    """The word reaches the task; what it does about it is durable."""
    answers = {handler: site.ask(f"Interrupting/{handler}") for handler in ANSWERS}
    assert {handler: result(answer) for handler, answer in answers.items()} == ANSWERS
    assert failures(site, answers.values()) == []


def test_a_step_is_cancelled_with_its_task_and_no_other(once: Site) -> None:
    """It executes when its task is cancelled: an attempt can't end meanwhile."""
    answer = once.ask("Interrupting/in_a_step")
    assert result(answer) == ["cancelled: stop", 0]
    assert INTERRUPTING.bodies[answer.invocation_id] == ["cancelled"]


def test_a_cancelled_invocation_ends_all_its_steps(once: Site) -> None:
    sent = once.send("Cancelled/steps", 5)
    eventually(lambda: len(CANCELLED.bodies[sent.id]) == 5)
    assert sent.operate("cancel") == 202
    assert sent.attach() == "5 cancelled"


@pytest.mark.parametrize("batches", [[], [0], [3], [2, 3]])
def test_callees_are_cancelled_batch_by_batch(site: Site, batches: list[int]) -> None:
    """Each has an id of its own, and its caller sees the end of each."""
    seen = site.call("Cancelled/calls", batches)
    assert [len(batch) for batch in seen] == batches
    ends = dict(each.split(" ", 1) for batch in seen for each in batch)
    assert len(ends) == sum(batches)
    assert ends == {id_: Invocation(site.server, id_).attach() for id_ in ends} == dict.fromkeys(ends, "409 cancelled")
