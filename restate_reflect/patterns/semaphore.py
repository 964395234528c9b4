"""A semaphore that all invocations share: at most so many at once, wherever they run."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, Field

from restate_reflect.context import BaseContext, ObjectContext, ObjectSharedContext, State
from restate_reflect.options import Duration, seconds
from restate_reflect.patterns._endings import is_final

__all__ = ["Claim", "Semaphore", "permit"]


class Claim(BaseModel):
    """Of one who wants a permit."""

    id: str
    """Of the awakeable that is resolved when there is one."""
    limit: int = Field(ge=1)
    lease: float | None = Field(default=None, gt=0)
    """Seconds until it is taken back."""


class Semaphore:
    """Hands out permits in the order in which they are asked for; the key is what they are for.

    Handlers use it by ``permit``. Serve it beside your own services: ``restate_reflect.patterns:Semaphore``.
    """

    held = State(list[Claim], default=[])
    waiting = State(list[Claim], default=[])

    async def acquire(self, ctx: ObjectContext, claim: Claim) -> None:
        """Resolves the claim's awakeable as soon as fewer than ``limit`` are held; the newest claim's limit counts."""
        held, waiting = await ctx.get(Semaphore.held), await ctx.get(Semaphore.waiting)
        if all(each.id != claim.id for each in (*held, *waiting)):
            self._grant(ctx, held, [*waiting, claim], claim.limit)

    async def release(self, ctx: ObjectContext, id: str) -> bool:
        """Gives a permit back, or stops waiting for it. Returns whether there was something to give back."""
        held, waiting = await ctx.get(Semaphore.held), await ctx.get(Semaphore.waiting)
        known = [each for each in (*held, *waiting) if each.id == id]
        if known:
            limit = (*held, *waiting)[-1].limit
            self._grant(ctx, _without(held, id), _without(waiting, id), limit)
        return bool(known)

    async def holders(self, ctx: ObjectSharedContext) -> list[str]:
        """Ids of the permits in use, oldest first; ``release`` takes one back from whoever was killed with it."""
        return [each.id for each in await ctx.get(Semaphore.held)]

    def _grant(self, ctx: ObjectContext, held: list[Claim], waiting: list[Claim], limit: int) -> None:
        free = max(limit - len(held), 0)
        granted, left = waiting[:free], waiting[free:]
        for claim in granted:
            ctx.resolve_awakeable(claim.id, True)
            if claim.lease is not None:
                ctx.send(self.release, claim.id, key=ctx.key, delay=claim.lease)
        ctx.set(Semaphore.held, [*held, *granted])
        ctx.set(Semaphore.waiting, left)


def _without(claims: list[Claim], id: str) -> list[Claim]:
    return [each for each in claims if each.id != id]


def permit(ctx: BaseContext, name: str, *, limit: int, lease: Duration | None = None) -> Permit:
    """A block that at most ``limit`` invocations are in at once: ``async with permit(ctx, "printer", limit=2): …``.

    Waiting suspends. The permit is given back when the block ends, also by a terminal error or by cancellation; while
    an attempt is retried, it is kept.

    Args:
        ctx: Of the handler.
        name: Of what is shared: the key of a ``Semaphore``.
        limit: The same wherever the name is used; where it changes, the newest counts.
        lease: After which the permit is taken back, whatever its holder does (seconds or timedelta): for invocations
            that are killed. Without it such a permit has to be released by an operator.
    """
    return Permit(ctx, name, limit, None if lease is None else seconds(lease))


class Permit:
    """What ``permit`` returns."""

    __slots__ = ("_ctx", "_id", "_lease", "_limit", "_name")

    def __init__(self, ctx: BaseContext, name: str, limit: int, lease: float | None) -> None:
        self._ctx: Any = ctx  # of whatever kind
        self._name = name
        self._limit = limit
        self._lease = lease
        self._id = ""

    async def __aenter__(self) -> Self:
        granted = self._ctx.awakeable(bool)
        self._id = granted.id
        claim = Claim(id=self._id, limit=self._limit, lease=self._lease)
        self._ctx.send(Semaphore.acquire, claim, key=self._name)
        try:
            await granted
        except BaseException as error:
            self._give_back(error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._give_back(error)

    def _give_back(self, error: BaseException | None) -> None:
        if error is None or is_final(error):
            self._ctx.send(Semaphore.release, self._id, key=self._name)
