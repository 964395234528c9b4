"""What an invocation costs on the embedded runtime, and what a suspended one weighs.

    python benchmarks/embedded.py

Prints, for each store: invocations per second of CPU time, one after the other and 1,000 at once,
of a handler with one step; a handler with ten steps; one that suspends ten times; and a whole crash
matrix (a crash after each entry). First of all, the memory of 10,000 suspended invocations in SQLite; last of all, for
how long queries over 10,000 invocations hold the runtime.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import web

from restate_reflect import Context, reflect
from restate_reflect.embedded import (
    Entry,
    InProcessDeployment,
    Invocation,
    MemoryStore,
    Runtime,
    RuntimeSettings,
    SqliteStore,
    Status,
    Store,
    VirtualClock,
)
from restate_reflect.embedded.http.admin import admin


class Bench:
    async def one(self, ctx: Context, n: int) -> int:
        return await ctx.run("step", self.step, n)

    async def ten(self, ctx: Context, n: int) -> int:
        for index in range(10):
            n = await ctx.run(f"step {index}", self.step, n)
        return n

    async def sleeps(self, ctx: Context) -> None:
        for _ in range(10):
            await asyncio.sleep(1)

    async def waits(self, ctx: Context, text: str) -> str:
        return await ctx.awakeable(str)

    async def step(self, n: int) -> int:
        return n + 1


async def rate(store: Store, handler: str, body: bytes, count: int, at_once: int, *, suspending: bool = False) -> float:
    """Invocations per second of CPU time."""
    settings = RuntimeSettings(force_suspension=suspending)
    async with Runtime(store, VirtualClock(auto_skip=True), settings=settings) as runtime:
        await runtime.deploy(Bench())
        await asyncio.gather(*(runtime.invoke("Bench", handler, body) for _ in range(20)))
        start = time.process_time()
        for _ in range(count // at_once):
            await asyncio.gather(*(runtime.invoke("Bench", handler, body) for _ in range(at_once)))
        return count / (time.process_time() - start)


async def crash_matrix(deployment: InProcessDeployment) -> float:
    """Milliseconds of CPU time: ten steps, run again with a crash after each of their 22 entries.

    The classes are reflected once, before; each run has a runtime of its own.
    """
    start = time.process_time()
    for at in range(22):

        def crash(invocation: Invocation, index: int, entry: Entry, at: int = at) -> bool:
            return index == at

        async with Runtime(MemoryStore(), VirtualClock(auto_skip=True)) as runtime:
            await runtime.register(deployment)
            runtime.on_entry = crash
            assert (await runtime.invoke("Bench", "ten", b"0")).value == b"10"
    return (time.process_time() - start) * 1000


def resident() -> float:
    """Resident memory in MiB; the peak where the system does not tell."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 2**20)


async def suspended(folder: Path, count: int) -> tuple[float, float, float]:
    """MiB for ``count`` suspended invocations, MiB of the whole process, and seconds to read them back."""
    gc.collect()
    before = resident()
    body = b'"' + b"x" * 200 + b'"'
    path = folder / "suspended.db"
    async with Runtime(SqliteStore(path), settings=RuntimeSettings(force_suspension=True)) as runtime:
        await runtime.deploy(Bench())
        for _ in range(count):
            runtime.send("Bench", "waits", body)
        await runtime.settle()
        assert {each.status for each in runtime.kernel.live.values()} == {Status.SUSPENDED}
        gc.collect()
        grown, whole = resident() - before, resident()
    start = time.perf_counter()
    async with Runtime(SqliteStore(path)) as runtime:
        assert len(runtime.kernel.live) == count
        return grown, whole, time.perf_counter() - start


QUERIES = {
    "all invocations": "SELECT * FROM sys_invocation",
    "count by status": "SELECT status, count(*) FROM sys_invocation GROUP BY status",
    "one of a service": "SELECT id, status FROM sys_invocation WHERE target_service_name = 'Bench' LIMIT 1",
    "journal of one": "SELECT * FROM sys_journal WHERE id = '{one}'",
    "all journals": "SELECT * FROM sys_journal",
    "all journals' entries": "SELECT entry_type, count(*) FROM sys_journal GROUP BY entry_type",
    "all state": "SELECT * FROM state",
}


CLIENT = """
import json, sys, urllib.request
headers = {"accept": "application/json", "content-type": "application/json"}
for line in sys.stdin:
    request = urllib.request.Request(sys.argv[1], json.dumps({"query": line}).encode(), headers)
    print(len(urllib.request.urlopen(request).read()), flush=True)
"""
"""Sends each line as a query, from a process of its own, and tells the length of the answer."""


@contextlib.asynccontextmanager
async def asking(runtime: Runtime) -> AsyncIterator[Callable[[str], Awaitable[bytes]]]:
    """Sends a query to the runtime's admin API, as other programs do."""
    runner = web.AppRunner(admin(runtime))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/query"
    pipe = asyncio.subprocess.PIPE
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", CLIENT, url, stdin=pipe, stdout=pipe)
    lines, answers = client.stdin, client.stdout
    assert lines is not None
    assert answers is not None

    async def ask(sql: str) -> bytes:
        lines.write(f"{sql}\n".encode())
        return await answers.readline()

    yield ask
    lines.close()
    await client.wait()
    await runner.cleanup()


async def held(ask: Callable[[str], Awaitable[bytes]], sql: str) -> tuple[float, float]:
    """Milliseconds of CPU time that a query takes of the runtime's process, and the most at a stretch.

    The first is the least of fifteen runs, as what else the machine does makes each slower. The second is of another
    run, as watching it takes time of its own.
    """
    wholes = []
    for _ in range(15):
        start = time.process_time()
        assert await ask(sql)
        wholes.append(time.process_time() - start)
    whole = min(wholes)
    asked = asyncio.ensure_future(ask(sql))
    longest, last = 0.0, time.thread_time()
    while not asked.done():
        await asyncio.sleep(0)
        longest, last = max(longest, time.thread_time() - last), time.thread_time()
    await asked
    return whole * 1000, longest * 1000


async def print_queries(name: str, store: Store, count: int) -> None:
    async with Runtime(store, VirtualClock(auto_skip=True)) as runtime, asking(runtime) as ask:
        await runtime.deploy(Bench())
        for _ in range(count // 100):
            await asyncio.gather(*(runtime.invoke("Bench", "one", b"1") for _ in range(100)))
        for number in range(count // 10):
            runtime.set_state("Bench", f"key {number}", {"name": b"value"})
        one = runtime.invocations()[0].id
        for title, sql in QUERIES.items():
            whole, longest = await held(ask, sql.format(one=one))
            print(f"{name:7} query: {title:25} {whole:8.1f} ms of the runtime's, {longest:5.1f} ms at a stretch")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:

        def sqlite(name: str) -> Store:
            return SqliteStore(Path(folder) / f"{name}.db")

        grown, whole, seconds = await suspended(Path(folder), 10_000)
        print(f"sqlite  10,000 suspended: {grown:.1f} MiB (process {whole:.1f} MiB), read back in {seconds:.2f} s")
        for name, count in (("memory", 3000), ("sqlite", 1500)):
            for title, handler, body, part, at_once, suspending in (
                ("one step, one after the other", "one", b"1", 1, 1, False),
                ("one step, 100 at once", "one", b"1", 1, 100, False),
                ("ten steps", "ten", b"1", 5, 1, False),
                ("ten suspensions", "sleeps", b"", 10, 1, True),
            ):
                store = MemoryStore() if name == "memory" else sqlite(title)
                found = await rate(store, handler, body, count // part, at_once, suspending=suspending)
                print(f"{name:7} {title:32} {found:8.0f} /s")
        deployment = InProcessDeployment([reflect(Bench())])
        times = [await crash_matrix(deployment) for _ in range(9)]
        print(f"memory  crash matrix of ten steps          {statistics.median(times):8.1f} ms")
        await print_queries("memory", MemoryStore(), 10_000)
        await print_queries("sqlite", sqlite("queries"), 10_000)


if __name__ == "__main__":
    asyncio.run(main())
