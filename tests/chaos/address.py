"""One address before several endpoints: a TCP balancer, as a production has one."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any

__all__ = ["Address"]


class Address:
    """Gives connections to the ports in turn, and to the next one if nobody listens there; a context manager."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._tries = len(ports)
        self._listening: Future[int] = Future()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._carrying: set[asyncio.Task[Any] | None] = set()
        self._thread = threading.Thread(target=self._run, name="address", daemon=True)

    def __enter__(self) -> Address:
        self._thread.start()
        self.port = self._listening.result(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self._listening.set_result(server.sockets[0].getsockname()[1])
        await self._stop.wait()
        server.close()
        await asyncio.gather(*filter(None, self._carrying))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._carrying.add(me := asyncio.current_task())
        inside = await self._reach()
        if inside is not None:
            await self._until_either_ends(_pipe(reader, inside[1]), _pipe(inside[0], writer))
            inside[1].close()
        writer.close()
        self._carrying.discard(me)

    async def _until_either_ends(self, *pipes: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.create_task(each) for each in (*pipes, self._stop.wait())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for port in itertools.islice(self._ports, self._tries):
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                continue
        return None


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except OSError:
        return
