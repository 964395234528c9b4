"""Handlers that between them write every kind of command."""

from __future__ import annotations

import asyncio
from typing import Any

from restate_reflect import Context, InvocationCancelledError, ObjectContext, State, TerminalError, WorkflowContext

__all__ = ["HANDLERS", "Everything", "Flow", "Service", "open_handlers"]

_open = 0


def open_handlers() -> int:
    """Handlers that have started and not ended: none once every attempt is over."""
    return _open


class _Counted:
    def __enter__(self) -> None:
        global _open
        _open += 1

    def __exit__(self, *_: object) -> None:
        global _open
        _open -= 1


class Service:
    """Called by the others."""

    async def echo(self, ctx: Context, text: str) -> str:
        return text

    async def steps(self, ctx: Context, text: str) -> list[str]:
        async def body(part: str) -> str:
            await asyncio.sleep(0)
            if part == "bad":
                raise TerminalError("bad", 418)
            return part * 2

        with _Counted():
            parts = await asyncio.gather(*(ctx.run(f"step-{n}", body, text) for n in range(3)))
            await asyncio.sleep(1)
            return [*parts, await ctx.run("last", body, "x")]

    async def race(self, ctx: Context, text: str) -> str:
        with _Counted():
            try:
                async with asyncio.timeout(5):
                    return await ctx.call(Service.echo, text)
            except TimeoutError:
                return "late"
            except InvocationCancelledError:
                await ctx.call(Service.echo, "clean up")
                raise

    async def signals(self, ctx: Context, text: str) -> list[Any]:
        with _Counted():
            awakeable = ctx.awakeable(str)
            ctx.send(Service.echo, awakeable.id)
            tasks = [asyncio.ensure_future(each) for each in (awakeable, ctx.signal("go", str))]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return [text, len(done), str(ctx.uuid()), await tasks[0]]


class Everything:
    """State, calls and sends."""

    count = State(int, default=0)

    async def work(self, ctx: ObjectContext, text: str) -> list[Any]:
        with _Counted():
            seen: list[Any] = [await ctx.get("name", str), await ctx.get(self.count), await ctx.keys()]
            ctx.set("name", text)
            ctx.set(self.count, 1)
            handle = ctx.send(Service.echo, text)
            seen.append(await handle)
            ctx.clear("name")
            seen.append(await ctx.call(Service.echo, text))
            ctx.clear_all()
            return seen


class Flow:
    """Promises."""

    async def run(self, ctx: WorkflowContext, text: str) -> list[Any]:
        with _Counted():
            peeked = await ctx.promise("p", str).peek()
            await ctx.promise("q", str).resolve(text)
            said = await ctx.promise("p", str)
            await ctx.sleep(1)
            return [peeked, said, None]


HANDLERS = ((Service, "steps"), (Service, "race"), (Service, "signals"), (Everything, "work"), (Flow, "run"))
