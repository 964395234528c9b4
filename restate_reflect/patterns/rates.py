"""A rate limiter that all invocations share: so many in a period, wherever they run."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, Field

from restate_reflect.context import BaseContext, ObjectContext, State
from restate_reflect.errors import TerminalError
from restate_reflect.options import Duration, seconds

__all__ = ["Rate", "RateLimiter", "throttle"]


class Rate(BaseModel):
    """So many in a period."""

    limit: int = Field(ge=1)
    per: float = Field(default=1.0, gt=0)
    """Seconds."""
    burst: int = Field(default=1, ge=1)
    """How many may come at once after a pause."""

    @property
    def interval(self) -> float:
        """Seconds from one to the next."""
        return self.per / self.limit


class RateLimiter:
    """Tells when it is one's turn; the key is what is limited.

    It keeps one point in time: that until which everything is given away, were there no bursts (the "generic cell rate
    algorithm"). Handlers use it by ``throttle``. Serve it beside your own services:
    ``restate_reflect.patterns:RateLimiter``.
    """

    taken_until = State(float, default=0.0)
    """Seconds since the epoch."""

    async def reserve(
        self, ctx: ObjectContext, rate: Rate, pieces: int = 1, max_wait: float | None = None
    ) -> float | None:
        """Reserves ``pieces`` turns and returns the seconds to wait for them; ``None``, and no turn, if that is more
        than ``max_wait``.

        Raises:
            TerminalError: 400, for fewer than one piece.
        """
        if pieces < 1:
            raise TerminalError(f"pieces={pieces}; at least one can be reserved", code=400)
        now = (await ctx.now()).timestamp()
        taken_until = max(await ctx.get(RateLimiter.taken_until), now) + pieces * rate.interval
        wait = max(0.0, taken_until - rate.burst * rate.interval - now)
        if max_wait is not None and wait > max_wait:
            return None
        ctx.set(RateLimiter.taken_until, taken_until)
        return wait


async def throttle(
    ctx: BaseContext,
    name: str,
    *,
    limit: int,
    per: Duration = 1.0,
    burst: int = 1,
    pieces: int = 1,
    max_wait: Duration | None = None,
) -> None:
    """Waits for one's turn: ``await throttle(ctx, "mail-api", limit=10, per=timedelta(seconds=1))``.

    Args:
        ctx: Of the handler.
        name: Of what is limited: the key of a ``RateLimiter``.
        limit: Turns in a period.
        per: The period (seconds or timedelta).
        burst: Turns that may be taken at once after a pause.
        pieces: Turns to take.
        max_wait: Rather fail than wait longer (seconds or timedelta).

    Raises:
        TerminalError: 429, if it would take longer than ``max_wait``; no turn is taken then.
    """
    rate = Rate(limit=limit, per=seconds(per), burst=burst)
    longest = None if max_wait is None else seconds(max_wait)
    wait = await ctx.call(RateLimiter.reserve, rate, pieces, longest, key=name)
    if wait is None:
        raise TerminalError(f"{name!r} is taken for longer than {timedelta(seconds=longest or 0)}", code=429)
    if wait:
        await ctx.sleep(wait, name=f"turn at {name}")
