"""Spans are true under replay: one for what was done, none for what was replayed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from restate_reflect import Context, TerminalError
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.testing import Durable, TestEnvironment

pytest.importorskip("opentelemetry.sdk", reason="belongs to the extra 'otel'")

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from restate_reflect.telemetry import Metrics, SpanIds, TraceIds, Tracing

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SEEN: list[str] = []


async def charge(amount: int) -> str:
    SEEN.append(f"{trace.get_current_span().get_span_context().span_id:016x}")
    return f"charge of {amount}"


def weigh(amount: int) -> str:
    return f"{trace.get_current_span().get_span_context().span_id:016x}"


class Flaky:
    def __init__(self) -> None:
        self.left = 2

    async def work(self, ctx: Context) -> str:
        return await ctx.run("flaky", self.flaky)

    async def flaky(self) -> str:
        self.left -= 1
        if self.left >= 0:
            raise ConnectionError(f"{self.left} left")
        return "at last"


class Bank:
    async def book(self, ctx: Context, amount: int) -> str:
        return await ctx.run("book", charge, amount)


class Shop:
    async def buy(self, ctx: Context, amount: int) -> str:
        receipt = await ctx.run("charge", charge, amount)
        await asyncio.sleep(60)
        ctx.send(Bank.book, 1)
        return receipt + " " + await ctx.call(Bank.book, amount)

    async def asks(self, ctx: Context, amount: int) -> str:
        await ctx.run("charge", charge, amount)
        return await ctx.call(Bank.book, amount)

    async def weighs(self, ctx: Context) -> str:
        return await ctx.run("weigh", weigh, 1)

    async def refuses(self, ctx: Context) -> None:
        raise TerminalError("no", code=402)

    async def logs(self, ctx: Context) -> None:
        ctx.log.info("in the handler")


class Traces:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        ids: Any = SpanIds()
        self.provider = TracerProvider(id_generator=ids)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, prefix: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name.startswith(prefix)]

    @property
    def trace_ids(self) -> set[int]:
        return {span.context.trace_id for span in self.spans if span.context is not None}


@pytest.fixture
def traces() -> Iterator[Traces]:
    made = Traces()
    yield made
    made.provider.shutdown()


async def test_a_step_has_a_span_for_each_execution(durable: Durable) -> None:
    """Wherever it crashes: what is replayed has none."""
    traces = Traces()
    env = await durable(Shop, Bank, interceptors=[Tracing(traces.provider)])
    assert await env.call(Shop.buy, 5) == "charge of 5 charge of 5"
    await env.settle()
    assert len(traces.named("run charge")) == env.executions("charge")
    assert len(traces.named("run book")) == env.executions("book")


async def test_two_services_are_one_trace_that_hangs_together(durable: Durable) -> None:
    """One span has no parent, and every other's is there, across suspensions and crashes."""
    traces = Traces()
    env = await durable(Shop, Bank, interceptors=[Tracing(traces.provider)])
    await env.call(Shop.buy, 5)
    await env.settle()
    assert len(traces.trace_ids) == 1
    known = {span.context.span_id for span in traces.spans if span.context is not None}
    parents = [None if span.parent is None else span.parent.span_id for span in traces.spans]
    assert {parent for parent in parents if parent is not None} <= known
    assert parents.count(None) == 1
    assert {span.name for span in traces.spans} == {
        "Shop/buy", "run charge", "send Bank/book", "call Bank/book", "Bank/book", "run book",
    }  # fmt: skip


class Slow:
    async def waits(self, ctx: Context) -> str:
        await asyncio.sleep(5)
        return "slowly"

    async def fails(self, ctx: Context) -> None:
        raise TerminalError("no", code=402)


class Caller:
    async def waits(self, ctx: Context) -> str:
        answer = await ctx.call(Slow.waits)
        await ctx.sleep(1)
        await ctx.run("charge", charge, 1)
        return answer

    async def fails(self, ctx: Context) -> int:
        try:
            await ctx.call(Slow.fails)
        except TerminalError as error:
            return error.code
        return 0


async def test_a_call_lasts_until_its_answer(durable: Durable) -> None:
    """Once, in whichever attempt the answer comes; its span begins before the callee's, and ends after it."""
    traces = Traces()
    env = await durable(Caller, Slow, interceptors=[Tracing(traces.provider)])
    await env.call(Caller.waits)
    await env.settle()
    (call,) = traces.named("call Slow/waits")
    callee = traces.named("Slow/waits")
    assert call.attributes is not None
    assert call.attributes["restate.call.is_whole"] is True
    assert call.context is not None
    assert {each.parent.span_id for each in callee if each.parent is not None} >= {call.context.span_id}
    assert all(call.start_time <= each.start_time for each in callee)  # type: ignore[operator]
    assert call.end_time >= max(each.end_time or 0 for each in callee)  # type: ignore[operator]


async def test_a_call_that_fails_is_an_error(restate_env: Durable, traces: Traces) -> None:
    env = await restate_env(Caller, Slow, interceptors=[Tracing(traces.provider)])
    assert await env.call(Caller.fails) == 402
    (call,) = traces.named("call Slow/fails")
    assert call.attributes is not None
    assert call.attributes["restate.failure.code"] == 402
    assert not call.status.is_ok


async def test_an_answer_in_another_process_is_told_as_such(restate_env: Durable) -> None:
    """Which has not seen when the call was issued."""
    first, second = Traces(), Traces()
    tracing = Switch(Tracing(first.provider))
    settings = RuntimeSettings(force_suspension=True)
    async with TestEnvironment(Caller, Slow, interceptors=[tracing], settings=settings, auto_skip=False) as env:
        await env.send(Caller.waits)
        await env.advance(seconds=1)
        tracing.to = Tracing(second.provider)
        await env.advance(seconds=10)
        await env.advance(seconds=10)
    assert first.named("call ") == []
    (call,) = second.named("call ")
    assert call.attributes is not None
    assert call.attributes["restate.call.is_whole"] is False


class Switch:
    """Another process goes on, as far as tracing is concerned."""

    def __init__(self, to: Tracing) -> None:
        self.to = to

    def attempt(self, event: Any) -> None:
        self.to.attempt(event)

    async def handler(self, ctx: Any, call: Any, proceed: Any) -> Any:
        return await self.to.handler(ctx, call, proceed)

    async def run(self, step: Any, proceed: Any) -> Any:
        return await self.to.run(step, proceed)

    def call(self, ctx: Any, call: Any) -> Any:
        return self.to.call(ctx, call)

    def send(self, ctx: Any, call: Any) -> Any:
        return self.to.send(ctx, call)


async def test_attempts_are_linked_to_those_before(restate_env: Durable, traces: Traces) -> None:
    """As far as this process has had them."""
    settings = RuntimeSettings(force_suspension=True)
    env = await restate_env(Shop, Bank, interceptors=[Tracing(traces.provider)], settings=settings)
    await env.call(Shop.buy, 5)
    attempts = traces.named("Shop/buy")
    assert len(attempts) > 2
    ids = [each.context.span_id for each in attempts if each.context is not None]
    assert len({*ids}) == len(ids)
    assert [[link.context.span_id for link in each.links] for each in attempts] == [[], *([each] for each in ids[:-1])]


@pytest.mark.parametrize("headers", [{}, {"traceparent": GIVEN}], ids=["own", "given"])
async def test_attempts_in_another_process_are_linked_to_the_first(
    restate_env: Durable, traces: Traces, headers: dict[str, str]
) -> None:
    """Which nobody has told it of: its id follows from the invocation's."""
    tracing = Switch(Tracing(traces.provider))
    settings = RuntimeSettings(force_suspension=True)
    env = await restate_env(Shop, Bank, interceptors=[tracing], settings=settings, auto_skip=False)
    sent = await env.send(Shop.buy, 5, headers=headers)
    await env.settle()
    before = len(traces.named("Shop/buy"))
    tracing.to = Tracing(traces.provider)
    await env.advance(60)
    await sent.attach()
    attempts = traces.named("Shop/buy")
    (link,), first = attempts[before].links, attempts[0].context
    assert first is not None
    assert (link.context.trace_id, link.context.span_id) == (first.trace_id, first.span_id)
    assert dict(link.attributes or {}) == {"restate.link": "first attempt"}
    assert [len(each.links) for each in attempts] == [0, *[1] * (len(attempts) - 1)]
    assert len(traces.trace_ids) == 1


@pytest.mark.parametrize("headers", [{}, {"traceparent": GIVEN}], ids=["own", "given"])
async def test_a_call_is_one_trace_on_every_engine(
    restate_env: Durable, traces: Traces, headers: dict[str, str]
) -> None:
    """Also where the server sends a ``traceparent`` of its own with each attempt."""
    env = await restate_env(Shop, Bank, interceptors=[Tracing(traces.provider)])
    assert await env.call(Shop.asks, 5, headers=headers) == "charge of 5"
    assert len(traces.trace_ids) == 1
    if headers:
        assert traces.trace_ids == {0x0AF7651916CD43DD8448EB211C80319C}
    assert sorted(span.name for span in traces.spans) == [
        "Bank/book", "Shop/asks", "call Bank/book", "run book", "run charge",
    ]  # fmt: skip


async def test_what_was_called_with_a_trace_continues_it(durable: Durable) -> None:
    """W3C's header, from whoever calls."""
    traces = Traces()
    env = await durable(Shop, Bank, interceptors=[Tracing(traces.provider)])
    await env.call(Shop.buy, 5, headers={"traceparent": GIVEN})
    await env.settle()
    assert traces.trace_ids == {0x0AF7651916CD43DD8448EB211C80319C}
    assert {span.parent.span_id for span in traces.named("Shop/buy") if span.parent} == {0xB7AD6B7169203331}


async def test_bodies_of_steps_see_their_span(restate_env: Durable, traces: Traces) -> None:
    """On the event loop and in a thread."""
    SEEN.clear()
    env = await restate_env(Shop, Bank, interceptors=[Tracing(traces.provider)])
    seen = await env.call(Shop.weighs)
    (span,) = traces.named("run weigh")
    assert span.context is not None
    assert seen == f"{span.context.span_id:016x}"
    await env.call(Bank.book, 1)
    (span,) = traces.named("run book")
    assert span.context is not None
    assert f"{span.context.span_id:016x}" in SEEN


async def test_tries_and_failures_are_in_it(restate_env: Durable, traces: Traces) -> None:
    """Each try is a span, and an attempt that fails says why."""
    env = await restate_env(Flaky(), Shop, interceptors=[Tracing(traces.provider)], retries=True)
    await env.call(Flaky.work)
    tries = traces.named("run flaky")
    assert [span.attributes["restate.step.attempt"] for span in tries if span.attributes] == [1, 2, 3]
    assert [span.status.is_ok for span in tries] == [False, False, True]
    attempts = traces.named("Flaky/work")
    assert [span.status.description for span in attempts] == [
        "ConnectionError: 1 left", "ConnectionError: 0 left", None,
    ]  # fmt: skip
    with pytest.raises(TerminalError):
        await env.call(Shop.refuses)
    (refused,) = traces.named("Shop/refuses")
    assert refused.attributes is not None
    assert refused.attributes["restate.failure.code"] == 402
    assert not refused.status.is_ok


async def test_log_records_tell_the_span(
    restate_env: Durable, traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(kept := TraceIds())
    try:
        env = await restate_env(Shop, interceptors=[Tracing(traces.provider)])
        await env.call(Shop.logs)
    finally:
        caplog.handler.removeFilter(kept)
    (record,) = [record for record in caplog.records if record.message == "in the handler"]
    (span,) = traces.named("Shop/logs")
    assert span.context is not None
    assert vars(record)["trace_id"] == f"{span.context.trace_id:032x}"
    assert vars(record)["span_id"] == f"{span.context.span_id:016x}"
    assert "Failed to detach context" not in caplog.text


def measured(reader: InMemoryMetricReader) -> dict[tuple[str, str], float]:
    """Values (of a histogram: the count) by name and outcome."""
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[tuple[str, str], float] = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            outcome = str((point.attributes or {}).get("restate.outcome", ""))
            value: float = getattr(point, "count", None) or getattr(point, "value", 0) or 0
            found[metric.name, outcome] = found.get((metric.name, outcome), 0) + value
    return found


async def test_measurements(restate_env: Durable) -> None:
    """Invocations by outcome, attempts, executions and retries of steps; nothing is in progress afterwards."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    env = await restate_env(Flaky(), Shop, interceptors=[Metrics(provider)], retries=True)
    await env.call(Flaky.work)
    with pytest.raises(TerminalError):
        await env.call(Shop.refuses)
    found = measured(reader)
    assert found["restate.invocations", "success"] == 1
    assert found["restate.invocations", "failure"] == 1
    assert found["restate.attempt.duration", "failed"] == 2
    assert found["restate.attempt.duration", "completed"] == 2
    assert found["restate.step.duration", "failure"] == 2
    assert found["restate.step.duration", "success"] == 1
    assert found["restate.step.retries", ""] == 2
    assert found["restate.attempts.active", ""] == 0
    assert found["restate.journal.entries", ""] == 4
    provider.shutdown()


async def test_time_between_attempts_is_measured(restate_env: Durable) -> None:
    """Of invocations that were suspended, where the same process goes on with them."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    settings = RuntimeSettings(force_suspension=True)
    async with TestEnvironment(Shop, Bank, interceptors=[Metrics(provider)], settings=settings) as env:
        await env.call(Shop.buy, 5)
    found = measured(reader)
    assert found["restate.invocation.suspended", ""] == found["restate.attempt.duration", "suspended"] > 1
    provider.shutdown()
