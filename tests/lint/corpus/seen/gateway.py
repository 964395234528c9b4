"""A gateway to other systems. Faults of networks, threads, processes; wrappers of steps that have none."""

import asyncio
import concurrent.futures
import logging
import queue
import subprocess as sp
import time
from collections.abc import Callable
from typing import Any, TypeVar

import aiohttp
import httpx
import redis.asyncio
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession

from restate_reflect import Context, TerminalError
from restate_reflect.patterns import map_bounded, saga

R = TypeVar("R")
log = logging.getLogger(__name__)
store = redis.asyncio.from_url("redis://localhost")


class Api:
    """Called from steps, and once too often from a handler."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def create(self, name: str) -> str:
        """Only in steps."""
        return (await self.http.post("/things", json={"name": name})).text

    async def delete(self, name: str) -> None:
        """Only in steps."""
        await self.http.delete(f"/things/{name}")

    async def ping(self) -> int:
        answer = await self.http.get("/ping")  # expect: RR106
        return answer.status_code


async def step(ctx: Context, name: str, function: Callable[..., Any], *args: Any) -> Any:
    """A wrapper: what it is given runs in a step."""
    log.info("step %s", name)
    return await ctx.options().run(name, function, *args)


async def twice(ctx: Context, name: str, function: Callable[..., Any]) -> Any:
    """A wrapper of a wrapper."""
    await step(ctx, f"{name} 1", function)
    return await step(ctx, f"{name} 2", function)


async def directly(function: Callable[[], R]) -> R:
    """Calls what it is given, in the handler."""
    return function()


def measure() -> float:
    return time.perf_counter()  # expect: RR101


def probe() -> float:
    """Only in steps."""
    return time.perf_counter()


class Gateway:
    def __init__(self, api: Api, database: sqlalchemy.Engine, session: AsyncSession) -> None:
        self.api = api
        self.database = database
        self.session = session
        self.pool = concurrent.futures.ThreadPoolExecutor()

    async def create(self, ctx: Context, name: str) -> str:
        async with saga(ctx) as undo:
            undo("delete", self.api.delete, name)
            thing = await step(ctx, "create", self.api.create, name)
            await twice(ctx, "probe", probe)
            await directly(measure)
            return str(thing)

    async def bulk(self, ctx: Context, names: list[str]) -> list[str]:
        if await self.api.ping() != 200:
            raise TerminalError("down")
        return await map_bounded(ctx, self.api.create, names, limit=3)

    async def undo_all(self, ctx: Context, names: list[str]) -> None:
        compensations = []
        for name in names:
            compensations.append(("delete", self.api.delete, name))
        for what, function, name in reversed(compensations):
            await ctx.run(f"{what} {name}", function, name)

    async def cached(self, ctx: Context, name: str) -> Any:
        return await store.get(name)  # expect: RR106

    async def stored(self, ctx: Context, name: str) -> int:
        query = sqlalchemy.text("select 1")
        with self.database.connect() as connection:  # expect: RR106
            return int(connection.execute(query).scalar_one())

    async def added(self, ctx: Context, name: str) -> None:
        self.session.add(name)  # expect: RR106
        await self.session.commit()  # expect: RR106

    async def opened(self, ctx: Context) -> None:
        reader, writer = await asyncio.open_connection("localhost", 80)  # expect: RR106
        writer.close()

    async def websocket(self, ctx: Context, url: str) -> None:
        session = aiohttp.ClientSession()
        async with session.ws_connect(url) as socket:  # expect: RR106
            await socket.send_str("hello")

    async def shell(self, ctx: Context, command: str) -> int:
        process = sp.Popen(command, shell=True)  # expect: RR108
        return process.wait()

    async def spawned(self, ctx: Context, command: str) -> int:
        process = await asyncio.create_subprocess_shell(command)  # expect: RR108
        return await process.wait()

    async def offloaded(self, ctx: Context, name: str) -> str:
        future = self.pool.submit(str.upper, name)  # expect: RR107
        return future.result()

    async def wrapped(self, ctx: Context, name: str) -> str:
        with concurrent.futures.ProcessPoolExecutor() as pool:  # expect: RR107
            return await asyncio.get_running_loop().run_in_executor(pool, str.upper, name)  # expect: RR107

    async def queued(self, ctx: Context, name: str) -> str:
        channel: queue.Queue[str] = queue.Queue()  # expect: RR107
        channel.put(name)
        return channel.get()

    async def slow(self, ctx: Context) -> None:
        time.sleep(3)  # expect: RR109

    async def nested(self, ctx: Context, name: str) -> None:
        asyncio.run(asyncio.sleep(1))  # expect: RR109
