"""A virtual object: state by key, one exclusive handler at a time.

Shows a declared state key with a default, an exclusive handler that writes, a shared handler
that only reads (a type checker refuses ``ctx.set`` there), and ``TerminalError`` for what no
retry can mend.

Try it::

    restate-reflect serve examples.counter --with-server
    curl localhost:8080/Counter/apples/add --json 3             # 3
    curl localhost:8080/Counter/apples/add --json 4             # 7
    curl -X POST localhost:8080/Counter/apples/value            # 7
    curl localhost:8080/Counter/apples/add --json ' -9'          # 409: it can't fall below zero
    curl -X POST localhost:8080/Counter/apples/reset
"""

from __future__ import annotations

from restate_reflect import ObjectContext, ObjectSharedContext, State, TerminalError


class Counter:
    """Counts one thing; the key is its name."""

    count = State(int, default=0)

    async def add(self, ctx: ObjectContext, amount: int) -> int:
        """Adds to the count and returns it. The count never falls below zero."""
        total = await ctx.get(Counter.count) + amount
        if total < 0:
            raise TerminalError(f"{ctx.key} can't fall below zero", code=409)
        ctx.set(Counter.count, total)
        return total

    async def reset(self, ctx: ObjectContext) -> None:
        """Forgets the count."""
        ctx.clear(Counter.count)

    async def value(self, ctx: ObjectSharedContext) -> int:
        """The current count; also while somebody adds."""
        return await ctx.get(Counter.count)
