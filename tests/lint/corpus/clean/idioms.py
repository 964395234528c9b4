"""Ordinary asyncio in handlers, and what only looks like a fault: nothing is found here."""

import asyncio
import contextlib
import functools
import logging
import random
import subprocess
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel

from restate_reflect import Context, ObjectContext, ObjectSharedContext, State, TerminalError
from restate_reflect.patterns import map_bounded, saga

log = logging.getLogger(__name__)
RULES = {"tea": 1}
STARTED = time.time()
CLIENT = httpx.AsyncClient()


class Node(BaseModel):
    name: str
    children: list["Node"] = []


class Totals:
    """Made by a handler, for itself."""

    def __init__(self) -> None:
        self.sum = 0
        self.seen: list[str] = []

    def add(self, name: str, amount: int) -> None:
        self.sum += amount
        self.seen.append(name)


class Mail:
    """Held by the service, used in steps."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, to: str) -> str:
        self.sent += 1
        await CLIENT.post("/mails", json={"to": to, "at": time.time(), "id": str(uuid.uuid4())})
        return to

    def unsend(self, to: str) -> None:
        subprocess.run(["unsend", to], check=True)


async def step(ctx: Context | ObjectContext, name: str, function: Callable[..., Any], *args: Any) -> Any:
    began = ctx.random.random()
    try:
        return await ctx.run(name, functools.partial(function, *args))
    finally:
        log.debug("%s %s", name, began)


async def first(*waits: Awaitable[str]) -> str:
    tasks = {asyncio.ensure_future(each) for each in waits}
    try:
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in pending:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return next(iter(done)).result()
    finally:
        for task in tasks:
            task.cancel()


class Idioms:
    total = State(int, default=0)
    tree = State(Node | None)

    def __init__(self, mail: Mail, folder: Path) -> None:
        self.mail = mail
        self.folder = folder
        self.started = datetime.now(UTC)
        self.rules = dict(RULES)
        self.random = random.Random()

    async def wrapped(self, ctx: ObjectContext, to: list[str]) -> list[str]:
        sent = [await step(ctx, "send", self.mail.send, each) for each in to]
        sent += await map_bounded(ctx, self.mail.send, to, limit=2)
        async with saga(ctx) as undo:
            undo("unsend", self.mail.unsend, to[0])
            await ctx.run("send", self.mail.send, to[0])
        return sent

    async def compensated(self, ctx: ObjectContext, to: str) -> None:
        undo: list[Callable[[], Any]] = []
        try:
            undo.append(lambda: self.mail.unsend(to))
            await ctx.run("send", self.mail.send, to)
        except TerminalError:
            for each in reversed(undo):
                await ctx.run("undo", each)
            raise

    async def totals(self, ctx: ObjectContext, names: set[str]) -> int:
        totals = Totals()
        for name in sorted(names):
            totals.add(name, await ctx.run(f"count {name}", len, name))
        longest = max(names, key=lambda name: (len(name), name))
        known = {name: len(name) for name in names}
        for name in names:
            known[name] += 1
        ctx.set(Idioms.total, totals.sum + known[longest])
        return sum(known.values())

    async def walked(self, ctx: ObjectSharedContext) -> int:
        tree = await ctx.get(Idioms.tree)
        seen: set[int] = set()
        waiting = [tree] if tree else []
        while waiting:
            node = waiting.pop()
            if id(node) not in seen:
                seen.add(id(node))
                waiting.extend(node.children)
        return len(seen)

    async def grown(self, ctx: ObjectContext, name: str) -> None:
        tree = await ctx.get(Idioms.tree) or Node(name="root")
        tree.children.append(Node(name=name))
        ctx.set(Idioms.tree, tree)
        items = await ctx.get("items", list[str], default=[])
        items.append(name)
        ctx.set("items", items[-10:])
        counts = await ctx.get("counts", dict[str, int], default={})
        counts[name] = counts.get(name, 0) + 1
        ctx.set("counts", dict(sorted(counts.items())))

    async def raced(self, ctx: ObjectContext) -> str:
        approval, veto = ctx.awakeable(str), ctx.signal("veto", str)
        await ctx.run("ask", print, approval.id)
        return await first(approval, veto)

    async def worked(self, ctx: ObjectContext, texts: list[str]) -> list[str]:
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        results: list[str] = []

        async def work() -> None:
            while (text := await queue.get()) is not None:
                results.append(await ctx.run(f"work {text}", str.upper, text))

        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(work()) for _ in range(3)]
            for text in texts:
                queue.put_nowait(text)
            for _ in workers:
                queue.put_nowait(None)
        return results

    async def background(self, ctx: ObjectContext) -> int:
        tasks: set[asyncio.Task[str]] = set()
        for name in ("a", "b"):
            task = asyncio.create_task(self._named(ctx, name))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        while tasks:
            await asyncio.wait(tasks)
        ticker = asyncio.create_task(self._tick(ctx))
        await ctx.sleep(timedelta(minutes=1))
        ticker.cancel()
        try:
            await ticker
        except asyncio.CancelledError:
            pass
        return len(tasks)

    async def _named(self, ctx: ObjectContext, name: str) -> str:
        return await ctx.run(f"named {name}", str.upper, name)

    async def _tick(self, ctx: ObjectContext) -> None:
        for count in range(1000):
            await ctx.sleep(1)
            if count > 10:
                break

    async def kept(self, ctx: ObjectContext, to: str) -> str:
        failure: BaseException | None = None
        try:
            await ctx.run("send", self.mail.send, to)
        except BaseException as error:
            failure = error
        if failure is not None:
            raise failure
        cancelled = False
        try:
            await asyncio.wait_for(ctx.sleep(60), 5)
        except TimeoutError:
            return "late"
        except asyncio.CancelledError:
            cancelled = True
        if cancelled:
            raise asyncio.CancelledError
        return "sent"

    async def computed(self, ctx: ObjectContext, numbers: list[int]) -> int:
        total = 0
        while True:
            if not numbers:
                break
            total += numbers.pop()
            await asyncio.sleep(0)
        while total > 10:
            total //= 2
        return total

    async def told(self, ctx: ObjectContext) -> str:
        now = await ctx.now()
        age = now - self.started
        when = datetime.fromtimestamp(now.timestamp(), UTC)
        pause = random.Random(str(ctx.uuid())).uniform(1, 2)
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(pause)
        with ctx.unguarded():
            log.info("%s %s %s", age, time.monotonic(), (self.folder / "note").exists())
        name = self.folder / f"{when:%Y}-{ctx.uuid()}.txt"
        await ctx.run("write", name.write_text, f"{loop.time() - began}")
        return name.name

    async def again(self, ctx: ObjectContext, amount: int) -> None:
        ctx.send(Idioms.again, amount - 1, key=ctx.key)
        await ctx.call(Idioms.walked, key=ctx.key)
        await ctx.call(Idioms.told, key=f"{ctx.key}-2")

    async def fetched(self, ctx: ObjectContext, url: str) -> int:
        try:
            response: httpx.Response = await ctx.run("get", lambda: httpx.get(url, timeout=5))
        except httpx.HTTPError as error:
            raise TerminalError(str(error)) from error
        request = httpx.Request("GET", url)
        return len(request.url.path) + response.status_code
