"""Section 6 of the contract: errors, retries, and code that diverges from its journal."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass

from restate_reflect import ObjectContext, RetryableError, RetryPolicy, TerminalError
from tests.conformance.services.state import Counter

EVENTUAL_SUCCESS = 4


@dataclass
class Failure:
    errorMessage: str
    metadata: dict[str, str] | None = None

    def to_error(self) -> TerminalError:
        return TerminalError(self.errorMessage, metadata=self.metadata)


class Failing:
    """Fails in every way; counts attempts in the memory of the process."""

    def __init__(self) -> None:
        self.attempts: Tally[str] = Tally()

    async def terminallyFailingCall(self, ctx: ObjectContext, failure: Failure) -> None:
        raise failure.to_error()

    async def callTerminallyFailingCall(self, ctx: ObjectContext, failure: Failure) -> None:
        await ctx.call(Failing.terminallyFailingCall, failure, key=str(ctx.uuid()))

    async def failingCallWithEventualSuccess(self, ctx: ObjectContext) -> int:
        self.attempts["call"] += 1
        if self.attempts["call"] < EVENTUAL_SUCCESS:
            raise RetryableError(f"attempt {self.attempts['call']} of {EVENTUAL_SUCCESS}")
        self.attempts["call"] = 0
        return EVENTUAL_SUCCESS

    async def terminallyFailingSideEffect(self, ctx: ObjectContext, failure: Failure) -> None:
        async def fail() -> None:
            raise failure.to_error()

        await ctx.run("fail", fail)

    async def sideEffectSucceedsAfterGivenAttempts(self, ctx: ObjectContext, minimum: int) -> int:
        async def succeed_at_last() -> int:
            self.attempts["success"] += 1
            if self.attempts["success"] < minimum:
                raise RetryableError(f"attempt {self.attempts['success']} of {minimum}")
            return self.attempts["success"]

        retry = RetryPolicy(initial_interval=0.001, factor=1)
        return await ctx.options(retry=retry).run("succeed at last", succeed_at_last)

    async def sideEffectFailsAfterGivenAttempts(self, ctx: ObjectContext, attempts: int) -> int:
        async def fail_always() -> None:
            self.attempts["failure"] += 1
            raise RetryableError(f"attempt {self.attempts['failure']}")

        retry = RetryPolicy(initial_interval=0.001, factor=1, max_attempts=attempts)
        try:
            await ctx.options(retry=retry).run("fail always", fail_always)
        except TerminalError:
            return self.attempts["failure"]
        raise TerminalError("the step should have failed")


class NonDeterministic:
    """Takes another path in every second execution."""

    def __init__(self) -> None:
        self.executions: Tally[str] = Tally()

    async def eitherSleepOrCall(self, ctx: ObjectContext) -> None:
        if self._goes_left(ctx):
            await ctx.sleep(0.1)
        else:
            await ctx.call(Counter.get, key="abc")
        await self._sleep_and_count(ctx)

    async def callDifferentMethod(self, ctx: ObjectContext) -> None:
        if self._goes_left(ctx):
            await ctx.call(Counter.get, key="abc")
        else:
            await ctx.call(Counter.reset, key="abc")
        await self._sleep_and_count(ctx)

    async def backgroundInvokeWithDifferentTargets(self, ctx: ObjectContext) -> None:
        ctx.send(Counter.get if self._goes_left(ctx) else Counter.reset, key="abc")
        await self._sleep_and_count(ctx)

    async def setDifferentKey(self, ctx: ObjectContext) -> None:
        ctx.set("a" if self._goes_left(ctx) else "b", "value")
        await self._sleep_and_count(ctx)

    def _goes_left(self, ctx: ObjectContext) -> bool:
        self.executions[ctx.key] += 1
        return self.executions[ctx.key] % 2 == 1

    async def _sleep_and_count(self, ctx: ObjectContext) -> None:
        await ctx.sleep(0.1)
        ctx.send(Counter.add, 1, key=ctx.key)
