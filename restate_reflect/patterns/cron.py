"""Calls again and again, by period or by cron expression."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Annotated, Any, Concatenate, Final, ParamSpec, Self, TypedDict, Unpack, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, model_validator

from restate_reflect.context import ObjectContext, ObjectSharedContext, State
from restate_reflect.context.verbs import NamedHandler
from restate_reflect.definitions import ServiceKind
from restate_reflect.errors import HandlerBugError
from restate_reflect.options import Duration, seconds
from restate_reflect.reflection import TargetDirectory

__all__ = ["Cron", "Job", "Planned", "job"]

P = ParamSpec("P")


class Job(BaseModel):
    """Which handler is called, with what, and when. ``job`` makes one."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", extra="forbid")

    service: str
    handler: str
    key: str | None = None
    body: bytes = b""
    """As the handler's codec reads it; base64 in JSON."""
    every: Annotated[timedelta, Field(ge=timedelta(milliseconds=1))] | None = None
    cron: str | None = None
    timezone: str = "UTC"
    """Of a cron expression."""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if (self.every is None) is (self.cron is None):
            raise ValueError("a job has either 'every', a period, or 'cron', an expression")
        if self.cron is not None:
            self.next_after(_SOME_DAY, _SOME_DAY)
        return self

    def next_after(self, previous: datetime, now: datetime) -> datetime:
        """When it is due next. Times that passed while nothing could be called are left out.

        Raises:
            ValueError: The cron expression or the time zone is none.
        """
        if self.every is not None:
            return previous + self.every * max(1, floor((now - previous) / self.every) + 1)
        return _next_by(self.cron or "", max(previous, now).astimezone(_zone(self.timezone)))


_SOME_DAY = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone {name!r}; there are such as 'UTC' and 'Europe/Berlin'") from None


def _next_by(expression: str, after: datetime) -> datetime:
    try:
        from cronsim import CronSim, CronSimError
    except ImportError:
        raise ValueError("cron expressions need the extra 'cron': pip install 'restate-reflect[cron]'") from None
    try:
        found: datetime = next(CronSim(expression, after))
    except CronSimError as error:
        raise ValueError(f"{expression!r} is no cron expression: {error}") from None
    except StopIteration:
        raise ValueError(f"{expression!r} is never due") from None
    return found.astimezone(UTC)


_TARGETS: Final = TargetDirectory()
"""A class is read once, not for each job."""


class _When(TypedDict, total=False):
    key: str | None
    every: Duration | None
    cron: str | None
    timezone: str


@overload
def job(method: NamedHandler, /, **when: Unpack[_When]) -> Callable[..., Job]: ...
@overload
def job(method: Callable[Concatenate[Any, Any, P], Any], /, **when: Unpack[_When]) -> Callable[P, Job]: ...
def job(
    method: Callable[..., Any],
    /,
    *,
    key: str | None = None,
    every: Duration | None = None,
    cron: str | None = None,
    timezone: str = "UTC",
) -> Callable[..., Job]:
    """A call to be made again and again: ``job(Report.make, cron="0 3 * * *")("sales")``.

    Args:
        method: A handler, as ``ctx.call`` takes it; its arguments follow in the second pair of brackets.
        key: Of a virtual object.
        every: A period (seconds or timedelta), counted from when it is scheduled.
        cron: A cron expression of five fields, or six with seconds last; needs the extra ``cron``.
        timezone: In which the expression is meant.

    Raises:
        HandlerBugError: It is no handler, or its kind does not go with ``key``.
        ValueError: Neither or both of ``every`` and ``cron``; no expression; no time zone. No workflow either.
    """
    target = _TARGETS.target(method)
    if target.kind is ServiceKind.WORKFLOW:
        raise ValueError(f"{target.service} is a workflow, which runs once for a key. Call it from a service.")
    if (key is None) is not (target.kind is ServiceKind.SERVICE):
        fix = "Leave key out" if key is not None else "Give key=…"
        raise HandlerBugError(f"{target.service} is a {target.kind.value.lower().replace('_', ' ')}. {fix}.")
    period = None if every is None else timedelta(seconds=seconds(every))

    def with_arguments(*args: Any, **kwargs: Any) -> Job:
        return Job(
            service=target.service,
            handler=target.handler,
            key=key,
            body=target.input.encode(args, kwargs),
            every=period,
            cron=cron,
            timezone=timezone,
        )

    return with_arguments


class Planned(BaseModel):
    """A job, and when it is due."""

    job: Job
    next: datetime
    plan: str
    """Changes when it is scheduled anew: a call that was planned before then comes to nothing."""


class Cron:
    """Calls a handler again and again; the key is the schedule's name.

    ``schedule`` with what ``job`` makes, from a handler or a client, starts or replaces it. Serve it beside your own
    services: ``restate_reflect.patterns:Cron``.
    """

    planned = State(Planned | None, default=None)

    async def schedule(self, ctx: ObjectContext, job: Job) -> datetime:
        """Starts the schedule, in place of the one there is. Returns when it is due first."""
        now = await ctx.now()
        return self._plan(ctx, Planned(job=job, next=job.next_after(now, now), plan=str(ctx.uuid())), now)

    async def cancel(self, ctx: ObjectContext) -> bool:
        """Ends the schedule. Returns whether there was one."""
        planned = await ctx.get(Cron.planned)
        ctx.clear(Cron.planned)
        return planned is not None

    async def status(self, ctx: ObjectSharedContext) -> Planned | None:
        """What is planned."""
        return await ctx.get(Cron.planned)

    async def tick(self, ctx: ObjectContext, plan: str) -> None:
        """Is called by the schedule itself when it is due."""
        planned = await ctx.get(Cron.planned)
        if planned is None or planned.plan != plan:
            return
        job = planned.job
        ctx.send_raw(job.service, job.handler, job.body, key=job.key)
        now = await ctx.now()
        self._plan(ctx, planned.model_copy(update={"next": job.next_after(planned.next, now)}), now)

    def _plan(self, ctx: ObjectContext, planned: Planned, now: datetime) -> datetime:
        ctx.set(Cron.planned, planned)
        ctx.send(self.tick, planned.plan, key=ctx.key, delay=max(planned.next - now, timedelta(0)))
        return planned.next
