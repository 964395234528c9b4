"""OpenTelemetry for handlers: spans and metrics that are true under replay. Needs the extra ``otel``.

Interceptors go in (``endpoint(…, interceptors=[Tracing(), Metrics()])``), spans and measurements come out, to whatever
providers the process has set up. Start reading at ``tracing``; ``traces`` says which ids they have, and why.
"""

from __future__ import annotations

from restate_reflect.telemetry.metrics import Metrics
from restate_reflect.telemetry.traces import SpanIds
from restate_reflect.telemetry.tracing import TraceIds, Tracing

__all__ = ["Metrics", "SpanIds", "TraceIds", "Tracing"]
