"""How many tokens a virtual object may use, kept in its state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from restate_reflect.agents.places import writing_context
from restate_reflect.context import State
from restate_reflect.errors import TerminalError

__all__ = ["BudgetExceededError", "TokenBudget"]


class BudgetExceededError(TerminalError):
    """The tokens are used up. Code 429."""


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """Tokens counted in declared state: ``TokenBudget(Chat.tokens, limit=100_000)``.

    A request that begins below the limit is made, whatever it takes: the limit is passed by one request at most, or by
    as many as run beside each other.
    """

    used: State[int]
    """Where they are counted."""
    limit: int

    async def check(self) -> None:
        """Before a request.

        Raises:
            BudgetExceededError: There are none left.
        """
        used = await writing_context("a token budget").get(self.used)
        if used >= self.limit:
            raise BudgetExceededError(f"the token budget is used up: {used:,} of {self.limit:,}", code=429)

    async def add(self, tokens: int) -> None:
        """After a request."""
        ctx = writing_context("a token budget")
        async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            ctx.set(self.used, await ctx.get(self.used) + tokens)


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""By handler: requests that run beside each other count one after the other."""
