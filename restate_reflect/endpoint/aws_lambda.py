"""An AWS Lambda function over the core: request-response mode, bodies in base64.

    # lambda_function.py
    handler = lambda_handler(Greeter)

The event has the shape Restate's Lambda client sends (API Gateway's proxy format): ``path``,
``httpMethod``, ``headers``, ``body``, ``isBase64Encoded``.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from restate_reflect.endpoint.core import Accepted, Answer, Core, core_of
from restate_reflect.endpoint.lifespan import enter_services
from restate_reflect.endpoint.sinks import QueueSink

__all__ = ["LambdaHandler", "lambda_handler"]


class LambdaHandler:
    """The function that AWS Lambda calls with ``(event, context)``.

    One event loop lives as long as the Lambda's process, and with it what the instances opened.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._entered = False

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        """Answers one event."""
        return self._runner.run(self._respond(event))

    async def _respond(self, event: Mapping[str, Any]) -> dict[str, Any]:
        if not self._entered:
            await enter_services(self._stack, self._core)
            self._entered = True
        return await _handle(self._core, event)

    def close(self) -> None:
        """Leaves the instances and closes the loop; Lambda itself just kills the process."""
        self._runner.run(self._stack.aclose())
        self._runner.close()


def lambda_handler(*services: object, **options: Any) -> LambdaHandler:
    """Makes the function: ``handler = lambda_handler(Greeter)``; services and options as ``endpoint(...)`` takes them.

    Raises:
        ReflectionError: With every problem of every class.
    """
    return LambdaHandler(core_of(services, **options))


async def _handle(core: Core, event: Mapping[str, Any]) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    decision = core.answer(event.get("httpMethod", "POST"), event["path"], headers, "REQUEST_RESPONSE")
    if isinstance(decision, Answer):
        return _response(decision.status, decision.headers, decision.body)
    return await _attempt(core, decision, headers, _body(event))


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


async def _attempt(core: Core, accepted: Accepted, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    sink = QueueSink()
    attempt = core.start(accepted, sink, headers)
    attempt.receive(body)
    attempt.receive_eof()
    chunks: list[bytes] = []
    while (data := await sink.next()) is not None:
        chunks.append(data)
    return _response(200, accepted.headers, b"".join(chunks))


def _response(status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": dict(headers),
        "isBase64Encoded": True,
        "body": base64.b64encode(body).decode(),
    }
