"""What started an invocation, as handlers and interceptors see it."""

from __future__ import annotations

from collections.abc import Mapping

from restate_reflect.context import Request
from restate_reflect.engine.opening import Input, StartInfo

__all__ = ["request_of"]


def request_of(start: StartInfo, given: Input, headers: Mapping[str, str]) -> Request:
    return Request(
        id=start.debug_id,
        headers=given.headers,
        attempt_headers=headers,
        body=given.body,
        key=start.key or None,
        scope=start.scope,
        limit_key=start.limit_key,
        idempotency_key=start.idempotency_key,
        retry_count=start.retry_count,
    )
