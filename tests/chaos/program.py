"""What is being killed: services whose every effect can be counted afterwards.

Each operation carries a token. A ledger (one of few, so that they contend) counts tokens and adds up their numbers:
one that is missing or counted twice changes the sum.
"""

from __future__ import annotations

import asyncio
import os
import uuid
from pathlib import Path

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    State,
    WorkflowContext,
    WorkflowSharedContext,
)

__all__ = ["LEDGERS", "Desk", "Flow", "Ledger", "Mailbox", "Span", "ledger_of", "make_desk", "make_span", "weight"]

LEDGERS = 8


def weight(token: str) -> int:
    """A number for a token; JSON keeps it exactly."""
    return int(uuid.uuid5(uuid.NAMESPACE_OID, token)) & 0xFFFF_FFFF


def ledger_of(token: str) -> str:
    return f"ledger-{weight(token) % LEDGERS}"


class Ledger:
    """Counts tokens."""

    count = State(int, default=0)
    total = State(int, default=0)

    async def add(self, ctx: ObjectContext, token: str) -> int:
        count = await ctx.get(self.count) + 1
        ctx.set(self.count, count)
        ctx.set(self.total, await ctx.get(self.total) + weight(token))
        return count

    async def read(self, ctx: ObjectSharedContext) -> list[int]:
        return [await ctx.get(self.count), await ctx.get(self.total)]


class Mailbox:
    """Keeps one text for whoever asks."""

    text = State(str | None, default=None)

    async def put(self, ctx: ObjectContext, text: str) -> None:
        ctx.set(self.text, text)

    async def read(self, ctx: ObjectSharedContext) -> str | None:
        return await ctx.get(self.text)


class Desk:
    """Steps with effects, calls and sends, timers, awakeables.

    The step's name has the version of the code in it: a journal of one version is no journal of another.
    """

    def __init__(self, file: Path, version: str = "") -> None:
        self.file = file
        self.version = version

    async def deposit(self, ctx: Context, token: str) -> str:
        """Two tokens: ``token`` by a call, ``token+sent`` by a send. Returns what the step has stamped."""
        stamp = await ctx.run(f"stamp{self.version}", self._stamp, token)
        ctx.send(Ledger.add, f"{token}+sent", key=ledger_of(f"{token}+sent"))
        await asyncio.gather(ctx.call(Ledger.add, token, key=ledger_of(token)), asyncio.sleep(0.02))
        return stamp

    async def ask(self, ctx: Context, token: str) -> str:
        """One token, once somebody has resolved the awakeable that lies in the mailbox of this name."""
        awakeable = ctx.awakeable(str)
        ctx.send(Mailbox.put, awakeable.id, key=token)
        answer = await awakeable
        await ctx.call(Ledger.add, token, key=ledger_of(token))
        return answer

    async def _stamp(self, token: str) -> str:
        """Appends a line, in one write, and returns what is unique in it."""
        stamp = uuid.uuid4().hex
        await asyncio.sleep(0.005)
        with self.file.open("a") as file:
            file.write(f"{token} {stamp}\n")
        return stamp


class Flow:
    """A workflow that waits for approval."""

    async def run(self, ctx: WorkflowContext, token: str) -> str:
        """One token, after the approval and a timer."""
        approval = await ctx.promise("approval", str)
        await asyncio.sleep(0.05)
        await ctx.call(Ledger.add, token, key=ledger_of(token))
        return approval

    async def approve(self, ctx: WorkflowSharedContext, text: str) -> None:
        if await ctx.promise("approval", str).peek() is None:
            await ctx.promise("approval", str).resolve(text)


class Span:
    """A workflow that is released after the next version has come; it tells which code has run it."""

    def __init__(self, version: str) -> None:
        self.version = version

    async def run(self, ctx: WorkflowContext) -> list[str]:
        begun = await ctx.run(f"begin{self.version}", self._version)
        await ctx.promise("released", bool)
        return [begun, await ctx.run(f"end{self.version}", self._version)]

    async def release(self, ctx: WorkflowSharedContext) -> None:
        if await ctx.promise("released", bool).peek() is None:
            await ctx.promise("released", bool).resolve(True)

    def _version(self) -> str:
        return self.version


def make_desk() -> Desk:
    """The target of ``serve``; file and version come from the environment."""
    return Desk(Path(os.environ["CHAOS_FILE"]), os.environ.get("CHAOS_VERSION", ""))


def make_span() -> Span:
    """The target of ``serve``; the version comes from the environment."""
    return Span(os.environ["CHAOS_VERSION"])
