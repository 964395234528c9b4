"""Section 8 of the contract: an object that runs commands over combinations of futures."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from restate_reflect import InvocationCancelledError, ObjectContext, ObjectSharedContext, State, TerminalError


def id_key(awakeable_key: str) -> str:
    """The state key that holds the id of an awakeable."""
    return f"awk-{awakeable_key}"


def create_awakeable(ctx: ObjectContext, awakeable_key: str) -> asyncio.Future[str]:
    awakeable = ctx.awakeable(str)
    ctx.set(id_key(awakeable_key), awakeable.id)
    return awakeable


async def id_of_awakeable(ctx: ObjectContext | ObjectSharedContext, awakeable_key: str) -> str:
    id = await ctx.get(id_key(awakeable_key), str)
    if id is None:
        raise TerminalError(f"there is no awakeable {awakeable_key!r}")
    return id


# ---------------------------------------------------------------- futures


@dataclass
class CreateAwakeable:
    type: Literal["createAwakeable"]
    awakeableKey: str

    def create(self, ctx: ObjectContext) -> asyncio.Future[str]:
        return create_awakeable(ctx, self.awakeableKey)


@dataclass
class CreateSignal:
    type: Literal["createSignal"]
    signalName: str

    def create(self, ctx: ObjectContext) -> asyncio.Future[str]:
        return ctx.signal(self.signalName, str)


@dataclass
class Sleep:
    type: Literal["sleep"]
    timeoutMillis: int

    def create(self, ctx: ObjectContext) -> asyncio.Future[str]:
        return asyncio.create_task(self._value(ctx.sleep(self.timeoutMillis / 1000)))

    async def _value(self, timer: asyncio.Future[None]) -> str:
        await timer
        return "sleep"


@dataclass
class RunReturns:
    type: Literal["runReturns"]
    value: str

    def create(self, ctx: ObjectContext) -> asyncio.Future[str]:
        return ctx.run("return", self._value)

    async def _value(self) -> str:
        await asyncio.sleep(0.001)
        return self.value


@dataclass
class RunThrowTerminalException:
    type: Literal["runThrowTerminalException"]
    reason: str

    def create(self, ctx: ObjectContext) -> asyncio.Future[str]:
        return ctx.run("raise", self._value)

    async def _value(self) -> str:
        raise TerminalError(self.reason)


FutureSpec: TypeAlias = Annotated[
    CreateAwakeable | CreateSignal | Sleep | RunReturns | RunThrowTerminalException, Field(discriminator="type")
]


def create_all(ctx: ObjectContext, specs: Sequence[FutureSpec]) -> list[asyncio.Future[str]]:
    return [spec.create(ctx) for spec in specs]


# ---------------------------------------------------------------- commands


@dataclass
class AwaitOne:
    type: Literal["awaitOne"]
    command: FutureSpec

    async def execute(self, ctx: ObjectContext) -> str:
        return await self.command.create(ctx)


@dataclass
class AwaitFirstCompleted:
    type: Literal["awaitAny", "awaitFirstCompleted"]
    commands: list[FutureSpec]

    async def execute(self, ctx: ObjectContext) -> str:
        return await anext(ctx.as_completed(create_all(ctx, self.commands)))


@dataclass
class AwaitFirstSucceeded:
    type: Literal["awaitAnySuccessful", "awaitFirstSucceededOrAllFailed"]
    commands: list[FutureSpec]

    async def execute(self, ctx: ObjectContext) -> str:
        return await ctx.first_success(*create_all(ctx, self.commands))


@dataclass
class AwaitAllSucceeded:
    type: Literal["awaitAllSucceededOrFirstFailed"]
    commands: list[FutureSpec]

    async def execute(self, ctx: ObjectContext) -> str:
        return "|".join(await asyncio.gather(*create_all(ctx, self.commands)))


@dataclass
class AwaitAllCompleted:
    type: Literal["awaitAllCompleted"]
    commands: list[FutureSpec]

    async def execute(self, ctx: ObjectContext) -> str:
        outcomes = await asyncio.gather(*create_all(ctx, self.commands), return_exceptions=True)
        return "|".join(self._show(outcome) for outcome in outcomes)

    def _show(self, outcome: str | BaseException) -> str:
        match outcome:
            case str():
                return f"ok:{outcome}"
            case InvocationCancelledError():  # ours, not one of the futures' own failures
                raise outcome
            case TerminalError():
                return f"err:{outcome.message}"
            case _:
                raise outcome


@dataclass
class AwaitAwakeableOrTimeout:
    type: Literal["awaitAwakeableOrTimeout"]
    awakeableKey: str
    timeoutMillis: int

    async def execute(self, ctx: ObjectContext) -> str:
        awakeable = create_awakeable(ctx, self.awakeableKey)
        try:
            async with asyncio.timeout(self.timeoutMillis / 1000):
                return await awakeable
        except TimeoutError:
            raise TerminalError("await-timeout") from None


@dataclass
class ResolveAwakeable:
    type: Literal["resolveAwakeable"]
    awakeableKey: str
    value: str

    async def execute(self, ctx: ObjectContext) -> str:
        ctx.resolve_awakeable(await id_of_awakeable(ctx, self.awakeableKey), self.value)
        return ""


@dataclass
class RejectAwakeable:
    type: Literal["rejectAwakeable"]
    awakeableKey: str
    reason: str

    async def execute(self, ctx: ObjectContext) -> str:
        ctx.reject_awakeable(await id_of_awakeable(ctx, self.awakeableKey), self.reason)
        return ""


@dataclass
class GetEnvVariable:
    type: Literal["getEnvVariable"]
    envName: str

    async def execute(self, ctx: ObjectContext) -> str:
        return await ctx.run("read the environment", self._read)

    def _read(self) -> str:
        return os.environ.get(self.envName, "")


Command: TypeAlias = Annotated[
    AwaitOne
    | AwaitFirstCompleted
    | AwaitFirstSucceeded
    | AwaitAllSucceeded
    | AwaitAllCompleted
    | AwaitAwakeableOrTimeout
    | ResolveAwakeable
    | RejectAwakeable
    | GetEnvVariable,
    Field(discriminator="type"),
]


@dataclass
class Program:
    commands: list[Command]


# ---------------------------------------------------------------- the object


class VirtualObjectCommandInterpreter:
    """Runs commands, and lets others complete its awakeables meanwhile."""

    results = State(list[str], default=[])

    async def interpretCommands(self, ctx: ObjectContext, program: Program) -> str:
        result = ""
        for command in program.commands:
            result = await command.execute(ctx)
            ctx.set(self.results, [*await ctx.get(self.results), result])
        return result

    async def resolveAwakeable(self, ctx: ObjectSharedContext, awakeableKey: str, value: str) -> None:
        ctx.resolve_awakeable(await id_of_awakeable(ctx, awakeableKey), value)

    async def rejectAwakeable(self, ctx: ObjectSharedContext, awakeableKey: str, reason: str) -> None:
        ctx.reject_awakeable(await id_of_awakeable(ctx, awakeableKey), reason)

    async def hasAwakeable(self, ctx: ObjectSharedContext, awakeable_key: str) -> bool:
        return await ctx.get(id_key(awakeable_key), str) is not None

    async def getResults(self, ctx: ObjectSharedContext) -> list[str]:
        return await ctx.get(self.results)
