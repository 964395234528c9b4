"""Section 5 of the contract: call trees that block, to be cancelled or killed."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, TypeAlias

from restate_reflect import ObjectContext, State, TerminalError
from tests.conformance.services.utilities import AwakeableHolder

BlockingOperation: TypeAlias = Literal["CALL", "SLEEP", "AWAKEABLE"]


class CancelTestRunner:
    """Calls what blocks, and remembers that it was cancelled."""

    cancelled = State(bool, default=False)

    async def startTest(self, ctx: ObjectContext, operation: BlockingOperation) -> None:
        try:
            await ctx.call(CancelTestBlockingService.block, operation, key=ctx.key)
        except TerminalError as error:
            if error.code != 409:
                raise
            ctx.set(self.cancelled, True)

    async def verifyTest(self, ctx: ObjectContext) -> bool:
        return await ctx.get(self.cancelled)


class CancelTestBlockingService:
    """Blocks in one of three ways."""

    async def block(self, ctx: ObjectContext, operation: BlockingOperation) -> None:
        awakeable = ctx.awakeable(str)
        await ctx.call(AwakeableHolder.hold, awakeable.id, key=ctx.key)
        await awakeable
        match operation:
            case "CALL":
                await ctx.call(CancelTestBlockingService.block, operation, key=ctx.key)
            case "SLEEP":
                await ctx.sleep(timedelta(days=1024))
            case "AWAKEABLE":
                await ctx.awakeable(str)

    async def isUnlocked(self, ctx: ObjectContext) -> None: ...


class KillTestRunner:
    """The root of the call tree."""

    async def startCallTree(self, ctx: ObjectContext) -> None:
        await ctx.call(KillTestSingleton.recursiveCall, key=ctx.key)


class KillTestSingleton:
    """Calls itself while it runs."""

    async def recursiveCall(self, ctx: ObjectContext) -> None:
        awakeable = ctx.awakeable(str)
        ctx.send(AwakeableHolder.hold, awakeable.id, key=ctx.key)
        await awakeable
        await ctx.call(KillTestSingleton.recursiveCall, key=ctx.key)

    async def isUnlocked(self, ctx: ObjectContext) -> None: ...
