"""Spans: one for each attempt, for each execution of a step, and for each outgoing call."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from time import time_ns
from typing import Any, Final

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from restate_reflect.context import BaseContext, Request
from restate_reflect.errors import TerminalError
from restate_reflect.interceptors import AttemptEvent, HandlerCall, OutgoingCall, Step
from restate_reflect.telemetry.invocations import Remembered
from restate_reflect.telemetry.traces import (
    SpanIds,
    TraceParent,
    given_to_attempt,
    given_to_invocation,
    own,
    wanted_ids,
)

__all__ = ["TraceIds", "Tracing"]

_OUTCOMES: Final = {"failed": StatusCode.ERROR, "aborted": StatusCode.ERROR}


class _Invocation:
    """What is known of one between its attempts."""

    def __init__(self) -> None:
        self.previous: SpanContext | None = None
        """Of its last attempt."""
        self.issued: dict[int, int] = {}
        """Calls without an answer, by number: when they were issued (ns since the epoch)."""
        self.answered: set[int] = set()


class _Attempt:
    """One in progress."""

    def __init__(self, request: Request, span: Span, invocation: _Invocation) -> None:
        self.request = request
        self.invocation = invocation
        self.began = time_ns()
        self.span = span
        self.context = trace.set_span_in_context(span, contexts.Context())
        self.calls = 0


class Tracing:
    """An interceptor that traces: ``endpoint(…, interceptors=[Tracing()])``.

    An invocation is one trace, which continues the ``traceparent`` that it came with. It has a span for each attempt,
    and below it one for each step that was executed and one for each call that was issued; what is replayed has none.
    The attempt's span is the current one in handlers, the step's in its body; calls carry ``traceparent``.

    Args:
        provider: A ``TracerProvider``; the process's own if not given.
    """

    def __init__(self, provider: Any = None) -> None:
        self._has_ids = isinstance(getattr(provider or trace.get_tracer_provider(), "id_generator", None), SpanIds)
        self._tracer = trace.get_tracer("restate_reflect", tracer_provider=provider)
        self._attempts: dict[str, _Attempt] = {}
        self._invocations: Remembered[_Invocation] = Remembered()

    # ------------------------------------------------------------ attempts

    def attempt(self, event: AttemptEvent) -> None:
        if event.kind == "begun":
            self._begin(event)
            return
        attempt = self._attempts.get(event.request.id)
        if attempt is None or attempt.request is not event.request:
            return
        del self._attempts[event.request.id]
        if event.kind == "completed":
            self._invocations.forget(event.request.id)
        _end(attempt.span, event)

    def _begin(self, event: AttemptEvent) -> None:
        known = self._invocations.get(event.request.id) or _Invocation()
        attempt = _Attempt(event.request, self._begun(event, known), known)
        known.previous = attempt.span.get_span_context()
        self._attempts[event.request.id] = attempt
        self._invocations.keep(event.request.id, known)

    def _begun(self, event: AttemptEvent, known: _Invocation) -> Span:
        request = event.request
        above = given_to_attempt(request) or given_to_invocation(request)
        name, attributes = f"{event.service}/{event.handler}", _about(event)
        first = own(request) if above is None else own(request)._replace(trace_id=above.trace_id)
        is_first = event.replayed == 1 and request.retry_count == 0 and known.previous is None
        if self._has_ids and is_first:
            context = contexts.Context() if above is None else _below(above)
            with wanted_ids(first):  # where nobody is above the first attempt, the others are below it
                return self._tracer.start_span(name, context, SpanKind.SERVER, attributes)
        links = self._links(known, first)
        return self._tracer.start_span(name, _below(above or first), SpanKind.SERVER, attributes, links)

    def _links(self, known: _Invocation, first: TraceParent) -> list[Link]:
        """To the attempt before; where another process had that, to the first one, whose id every process knows."""
        if known.previous is not None:
            return [Link(known.previous, {"restate.link": "previous attempt"})]
        return [Link(_place(first), {"restate.link": "first attempt"})] if self._has_ids else []

    async def handler(self, ctx: BaseContext, call: HandlerCall, proceed: Callable[..., Awaitable[Any]]) -> Any:
        # Not detached: the handler has context variables of its own, and an attempt may be closed from elsewhere.
        contexts.attach(self._attempts[call.request.id].context)
        return await proceed()

    # ------------------------------------------------------------ steps and calls

    async def run(self, step: Step, proceed: Callable[[], Awaitable[Any]]) -> Any:
        attributes: Mapping[str, str | int] = {"restate.step.name": step.name, "restate.step.attempt": step.attempt}
        above = self._attempts.get(step.request.id)
        context = _below(own(step.request)) if above is None else above.context
        with self._tracer.start_as_current_span(f"run {step.name}", context, attributes=attributes):
            return await proceed()

    def call(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall:
        """Its span begins here, and is written once the result has come: maybe in another attempt."""
        attempt, number, ids = self._next(ctx)
        if not call.is_replayed:
            with ctx.unguarded():  # nothing depends on the time
                attempt.invocation.issued[number] = time_ns()
        told = partial(self._answered, attempt, number, ids, call)
        return call.with_headers({"traceparent": str(ids)}).when_answered(told)

    def send(self, ctx: BaseContext, call: OutgoingCall) -> OutgoingCall:
        attempt, _, ids = self._next(ctx)
        if not call.is_replayed:
            with ctx.unguarded(), wanted_ids(ids):
                name = f"send {call.service}/{call.handler}"
                self._tracer.start_span(name, attempt.context, SpanKind.PRODUCER, _of_call(call)).end()
        return call.with_headers({"traceparent": str(ids)})

    def _next(self, ctx: BaseContext) -> tuple[_Attempt, int, TraceParent]:
        attempt = self._attempts[ctx.request.id]
        attempt.calls += 1
        return attempt, attempt.calls, own(ctx.request, attempt.calls)

    def _answered(
        self,
        attempt: _Attempt,
        number: int,
        ids: TraceParent,
        call: OutgoingCall,
        failure: TerminalError | None,
        is_replayed: bool,
    ) -> None:
        known = attempt.invocation
        if is_replayed or number in known.answered:
            return
        known.answered.add(number)
        began = known.issued.pop(number, None)
        about = _of_call(call) | {"restate.call.is_whole": began is not None}
        name = f"call {call.service}/{call.handler}"
        with wanted_ids(ids):
            span = self._tracer.start_span(
                name, attempt.context, SpanKind.CLIENT, about, start_time=began or attempt.began
            )
        if failure is not None:
            span.set_attribute("restate.failure.code", failure.code)
            span.set_status(Status(StatusCode.ERROR, str(failure)))
        span.end()


def _below(parent: TraceParent) -> contexts.Context:
    return trace.set_span_in_context(NonRecordingSpan(_place(parent)), contexts.Context())


def _place(told: TraceParent) -> SpanContext:
    return SpanContext(told.trace_id, told.span_id, is_remote=True, trace_flags=TraceFlags(told.flags))


def _of_call(call: OutgoingCall) -> dict[str, str | bool]:
    return {"rpc.system": "restate", "rpc.service": call.service, "rpc.method": call.handler}


def _about(event: AttemptEvent) -> Mapping[str, str | int]:
    about: dict[str, str | int] = {
        "rpc.system": "restate",
        "rpc.service": event.service,
        "rpc.method": event.handler,
        "restate.invocation.id": event.request.id,
        "restate.attempt.replayed": event.replayed,
        "restate.attempt.retry_count": event.request.retry_count,
    }
    if event.request.key is not None:
        about["restate.invocation.key"] = event.request.key
    return about


def _end(span: Span, event: AttemptEvent) -> None:
    span.set_attribute("restate.attempt.outcome", event.kind)
    if event.failure is not None:
        span.set_attribute("restate.failure.code", event.failure.code)
        span.set_status(Status(StatusCode.ERROR, str(event.failure)))
    elif event.kind in _OUTCOMES:
        span.add_event("retry" if event.kind == "failed" else "aborted", {"exception.message": event.error or ""})
        span.set_status(Status(_OUTCOMES[event.kind], event.error))
    span.end()


class TraceIds(logging.Filter):
    """Gives log records ``trace_id`` and ``span_id`` (hexadecimal, or empty), for a formatter to show.

    To be added to a *handler* of logging: ``handler.addFilter(TraceIds())``.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        current = trace.get_current_span().get_span_context()
        record.trace_id = f"{current.trace_id:032x}" if current.is_valid else ""
        record.span_id = f"{current.span_id:016x}" if current.is_valid else ""
        return True
