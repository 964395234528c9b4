"""Section 7 of the contract: a workflow that waits for a promise."""

from __future__ import annotations

from restate_reflect import State, TerminalError, WorkflowContext, WorkflowSharedContext

PROMISE = "unblocked"


class BlockAndWaitWorkflow:
    """Runs until it is unblocked."""

    input = State(str)

    async def run(self, ctx: WorkflowContext, input: str) -> str:
        ctx.set(self.input, input)
        promise = ctx.promise(PROMISE, str)
        value = await promise
        if await promise.peek() is None:
            raise TerminalError("the promise was awaited, but is not completed")
        return value

    async def unblock(self, ctx: WorkflowSharedContext, output: str) -> None:
        await ctx.promise(PROMISE, str).resolve(output)

    async def getState(self, ctx: WorkflowSharedContext) -> str | None:
        return await ctx.get(self.input)
