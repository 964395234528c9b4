"""Runs N invocations of five steps on a SQLite store until all are done; made to be killed.

``python worker.py DATA LOG N LINES``: each step appends a line to LOG, the results go to LOG.result. When LOG has so
many LINES, further steps wait: a process that is to be killed then can't come to its end first.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from restate_reflect import Context, ObjectContext
from restate_reflect.embedded import Runtime, SqliteStore


class Total:
    async def add(self, ctx: ObjectContext) -> None:
        ctx.set("n", (await ctx.get("n", int) or 0) + 1)


class Worker:
    def __init__(self, log: Path, most: int) -> None:
        self.log = log
        self.most = most

    async def work(self, ctx: Context, n: int) -> int:
        for step in range(5):
            await ctx.run(f"step {step}", self.step, n, step)
            await asyncio.sleep(0.002)
            await ctx.call(Total.add, key="total")
        return 5

    async def step(self, n: int, step: int) -> None:
        if self.log.exists() and len(self.log.read_text().splitlines()) >= self.most:
            await asyncio.Event().wait()
        with self.log.open("a") as log:
            log.write(f"{n}/{step}\n")


async def main(path: str, log: str, count: int, lines: int) -> None:
    async with Runtime(SqliteStore(path)) as runtime:
        await runtime.deploy(Worker(Path(log), lines), Total)
        keys = [f"work {n}" for n in range(count)]
        calls = [runtime.invoke("Worker", "work", str(n).encode(), idempotency_key=key) for n, key in enumerate(keys)]
        outcomes = await asyncio.gather(*calls)
        total = json.loads(runtime.state("Total", "total")["n"])
        results = [json.loads(outcome.unwrap()) for outcome in outcomes]
        Path(f"{log}.result").write_text(json.dumps({"total": total, "results": results}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
