"""A handler is called again and again, once each time."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext, State, TerminalError, WorkflowContext
from restate_reflect.errors import HandlerBugError
from restate_reflect.patterns import Cron, Job, job
from restate_reflect.testing import Durable

needs_cronsim = pytest.mark.skipif(
    importlib.util.find_spec("cronsim") is None, reason="cron expressions belong to the extra 'cron'"
)


class Report:
    made = State(int, default=0)

    async def make(self, ctx: ObjectContext, pages: int, title: str = "") -> None:
        ctx.set(Report.made, await ctx.get(Report.made) + pages)


class Boss:
    async def order(self, ctx: Context) -> datetime:
        hourly = job(Report.make, key="sales", every=timedelta(hours=1))(2, title="Sales")
        return await ctx.call(Cron.schedule, hourly, key="reports")


class Trip:
    async def run(self, ctx: WorkflowContext) -> None: ...


HOURLY = job(Report.make, key="sales", every=3600)(1)


async def test_every_hour(durable: Durable) -> None:
    """From a handler, with arguments by position and by name."""
    env = await durable(Boss, Cron, Report)
    began = env.now()
    assert await env.call(Boss.order) - began == pytest.approx(timedelta(hours=1), abs=timedelta(seconds=1))
    await env.advance(hours=3, minutes=30)
    assert env.state(Report, "sales").get(Report.made) == 6
    planned = await env.call(Cron.status, key="reports")
    assert planned is not None
    assert planned.next - began == pytest.approx(timedelta(hours=4), abs=timedelta(seconds=5))


async def test_what_is_cancelled_comes_no_more(durable: Durable) -> None:
    env = await durable(Cron, Report)
    await env.call(Cron.schedule, HOURLY, key="reports")
    await env.advance(minutes=90)
    assert await env.call(Cron.cancel, key="reports")
    assert not await env.call(Cron.cancel, key="reports")
    await env.advance(hours=5)
    assert env.state(Report, "sales").get(Report.made) == 1
    assert await env.call(Cron.status, key="reports") is None


async def test_the_newest_schedule_counts(durable: Durable) -> None:
    """What the one before had planned comes to nothing."""
    env = await durable(Cron, Report)
    await env.call(Cron.schedule, HOURLY, key="reports")
    await env.call(Cron.schedule, job(Report.make, key="sales", every=timedelta(hours=2))(10), key="reports")
    await env.advance(hours=2, minutes=30)
    assert env.state(Report, "sales").get(Report.made) == 10


@needs_cronsim
async def test_by_expression(durable: Durable) -> None:
    env = await durable(Cron, Report)
    nightly = job(Report.make, key="sales", cron="0 3 * * *", timezone="Europe/Berlin")(1)
    first = await env.call(Cron.schedule, nightly, key="reports")
    assert first.astimezone(UTC).hour in (1, 2)
    await env.advance(days=3)
    assert env.state(Report, "sales").get(Report.made) == 3


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_times_that_passed_are_left_out() -> None:
    """One call, however long nothing could be called; then in step with the first."""
    began = at("2026-01-01T00:00:00+00:00")
    assert HOURLY.next_after(began, at("2026-01-01T04:30:00+00:00")) == at("2026-01-01T05:00:00+00:00")
    assert HOURLY.next_after(began, began) == at("2026-01-01T01:00:00+00:00")


@needs_cronsim
def test_the_hour_that_a_summer_begins_without() -> None:
    """At 3 where 2:30 does not exist; once where it exists twice."""
    daily = Job(service="S", handler="h", cron="30 2 * * *", timezone="Europe/Berlin")
    spring = daily.next_after(at("2026-03-28T12:00:00+00:00"), at("2026-03-28T12:00:00+00:00"))
    assert spring.astimezone(UTC).isoformat() == "2026-03-29T01:00:00+00:00"
    autumn = daily.next_after(at("2026-10-24T12:00:00+00:00"), at("2026-10-24T12:00:00+00:00"))
    assert daily.next_after(autumn, autumn).date().isoformat() == "2026-10-26"


@pytest.mark.parametrize(
    "when, said",
    [
        ({}, "either 'every'"),
        ({"every": 60, "cron": "* * * * *"}, "either 'every'"),
        ({"every": 0}, "greater than or equal"),
        pytest.param({"cron": "nonsense"}, "'nonsense' is no cron expression", marks=needs_cronsim),
        pytest.param({"cron": "0 0 30 2 *"}, "0 0 30 2", marks=needs_cronsim),
        ({"cron": "* * * * *", "timezone": "Moon/Back"}, "no time zone 'Moon/Back'"),
    ],
)
def test_what_is_no_schedule_is_told(when: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        job(Report.make, key="sales", **when)(1)


async def test_a_client_is_told_as_well(durable: Durable) -> None:
    """With 400, as for any input."""
    env = await durable(Cron, Report)
    with pytest.raises(TerminalError, match="no time zone") as refused:
        await env.call_raw(
            "Cron", "schedule", b'{"service":"S","handler":"h","cron":"* * * * *","timezone":"x"}', key="r"
        )
    assert refused.value.code == 400


def test_what_can_not_be_called_is_told() -> None:
    with pytest.raises(HandlerBugError, match=r"Report is a virtual object\. Give key=…"):
        job(Report.make, every=1)
    with pytest.raises(HandlerBugError, match=r"Boss is a service\. Leave key out"):
        job(Boss.order, key="x", every=1)
    with pytest.raises(ValueError, match="Trip is a workflow, which runs once"):
        job(Trip.run, key="x", every=1)
