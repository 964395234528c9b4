"""Counts and durations of invocations, attempts and steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from opentelemetry import metrics

from restate_reflect.interceptors import AttemptEvent, Step
from restate_reflect.telemetry.invocations import Remembered

__all__ = ["Metrics"]


class Metrics:
    """An interceptor that measures: ``endpoint(…, interceptors=[Metrics()])``. What is replayed is not counted again.

    Args:
        provider: A ``MeterProvider``; the process's own if not given.
    """

    def __init__(self, provider: Any = None) -> None:
        meter = metrics.get_meter("restate_reflect", meter_provider=provider)
        self._invocations = meter.create_counter(
            "restate.invocations", "{invocation}", "Invocations that have ended, by outcome"
        )
        self._active = meter.create_up_down_counter("restate.attempts.active", "{attempt}", "Attempts in progress")
        self._attempts = meter.create_histogram("restate.attempt.duration", "s", "Attempts, by outcome")
        self._journal = meter.create_histogram("restate.journal.entries", "{entry}", "Entries that attempts begin with")
        self._steps = meter.create_histogram("restate.step.duration", "s", "Executions of steps, by outcome")
        self._suspended = meter.create_histogram(
            "restate.invocation.suspended", "s", "Time between attempts, of invocations that were suspended here"
        )
        self._since: Remembered[float] = Remembered()
        self._retries = meter.create_counter("restate.step.retries", "{retry}", "Executions of steps after the first")

    def attempt(self, event: AttemptEvent) -> None:
        of = {"rpc.service": event.service, "rpc.method": event.handler}
        if event.kind == "begun":
            self._active.add(1, of)
            self._journal.record(event.replayed, of)
            since = self._since.forget(event.request.id)
            if since is not None:
                self._suspended.record(monotonic() - since, of)
            return
        if event.kind == "suspended":
            self._since.keep(event.request.id, monotonic())
        self._active.add(-1, of)
        self._attempts.record(event.duration, {**of, "restate.outcome": event.kind})
        if event.kind == "completed":
            self._invocations.add(1, {**of, "restate.outcome": "success" if event.failure is None else "failure"})

    async def run(self, step: Step, proceed: Callable[[], Awaitable[Any]]) -> Any:
        of = {"rpc.service": step.service, "rpc.method": step.handler, "restate.step.name": step.name}
        if step.attempt > 1:
            self._retries.add(1, of)
        began, outcome = monotonic(), "failure"
        try:
            result = await proceed()
            outcome = "success"
        finally:
            self._steps.record(monotonic() - began, {**of, "restate.outcome": outcome})
        return result
