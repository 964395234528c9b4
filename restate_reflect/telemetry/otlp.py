"""Spans to a collector by OTLP over HTTP, for ``dev --otlp``. Needs the extra ``otlp``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from restate_reflect.telemetry.traces import SpanIds
from restate_reflect.telemetry.tracing import Tracing

__all__ = ["traces_url", "tracing_to"]

_DELAY: Final = 500
"""Milliseconds until a span is sent: whoever looks on should not wait for the usual five seconds."""


def traces_url(endpoint: str) -> str:
    """``http://localhost:4318`` with the path that collectors have for traces, unless it has one."""
    return endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"


@contextmanager
def tracing_to(endpoint: str, name: str) -> Iterator[Tracing]:
    """The process's tracer provider, with an interceptor for it; what is left is sent at the end.

    Args:
        name: Of the service, unless OTEL_SERVICE_NAME says it.
    """
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ids: Any = SpanIds()
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", name)})
    provider = TracerProvider(id_generator=ids, resource=resource)
    exporter = OTLPSpanExporter(traces_url(endpoint))
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_DELAY))
    trace.set_tracer_provider(provider)
    try:
        yield Tracing(provider)
    finally:
        provider.shutdown()
