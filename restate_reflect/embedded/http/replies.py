"""What ingress and admin API answer: texts and shapes of restate-server 1.7."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

from aiohttp import web

from restate_reflect.embedded.kernel.records import Outcome

__all__ = [
    "AdminError",
    "Bare",
    "IngressError",
    "TooLong",
    "Untyped",
    "failed",
    "json_reply",
    "not_found",
    "plain_headers",
    "rfc3339",
    "send_file",
    "succeeded",
]

BAD_SERVICE_PATH: Final = "bad path, expected either /:service-name/:handler or /:object-name/:object-key/:handler"
BAD_AWAKEABLES_PATH: Final = (
    "bad path, expected either /restate/awakeables/:id/resolve or /restate/awakeables/:id/reject"
)
BAD_INVOCATION_PATH: Final = (
    "bad path, expected either /restate/invocation/:invocation_id/output or /restate/invocation/:invocation_id/attach"
    " or /restate/invocation/:invocation_target/:idempotency_key/output or"
    " /restate/invocation/:invocation_target/:idempotency_key/attach"
)
BAD_WORKFLOW_PATH: Final = (
    "bad path, expected either /restate/workflow/:workflow_name/:workflow_key/output or"
    " /restate/workflow/:workflow_name/:workflow_key/attach"
)
BAD_RESTATE_PATH: Final = (
    "bad path, expected /restate/call/:service/:handler, /restate/send/:service/:handler,"
    " /restate/scope/:scope/call/:service/:handler, /restate/attach/:invocation_id, /restate/output/:invocation_id,"
    " or /restate/lookup"
)


_PART: Final = 1 << 20
"""Bytes that are read at once where the system does not copy."""


class Untyped(web.Response):
    """A response without a content type; aiohttp would make one up."""


class Bare(Untyped):
    """What the server answers in place of an informational status, which would let clients wait for another answer."""


class TooLong(web.Response):
    """Of a body whose length says so: answered before anybody looks whether it comes from a page."""

    def __init__(self) -> None:
        super().__init__(status=413, text="length limit exceeded")


async def plain_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Takes out what aiohttp adds of its own: ``server``, and a content type nobody has set."""
    response.headers.popall("server", None)
    if isinstance(response, Untyped):
        response.headers.popall("content-type", None)


class IngressError(Exception):
    """A request that did not become, or find, an invocation."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def reply(self) -> web.Response:
        body = {"code": self.status, "message": self.message, "source": "ingress"}
        return json_reply(self.status, body, {"x-restate-error-source": "ingress"})


class AdminError(Exception):
    """A refusal of the admin API."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code

    def reply(self) -> web.Response:
        return json_reply(self.status, {"message": self.message, "restate_code": self.code})


def not_found() -> IngressError:
    return IngressError(404, "not found")


def json_reply(status: int, body: Any, headers: dict[str, str] | None = None) -> web.Response:
    """Compact JSON, and a content type without a charset."""
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return web.Response(status=status, body=data, headers={"content-type": "application/json", **(headers or {})})


async def send_file(request: web.Request, file: BinaryIO, headers: dict[str, str]) -> web.StreamResponse:
    """Answers what is left of a file: the system copies it to the socket, as fast as the client takes it."""
    start = file.tell()
    size = os.fstat(file.fileno()).st_size - start
    response = web.StreamResponse(headers={"content-length": str(size), **headers})
    try:
        await response.prepare(request)
        await _copy(file, size, request, response)
    except ConnectionError:  # the client has gone; said again by a handler, aiohttp would log an error
        response.force_close()
    return response


async def _copy(file: BinaryIO, size: int, request: web.Request, response: web.StreamResponse) -> None:
    if request.transport is None:
        raise ConnectionResetError
    try:
        await asyncio.get_running_loop().sendfile(request.transport, file, file.tell(), size)
    except NotImplementedError:  # uvloop
        while part := await asyncio.to_thread(file.read, _PART):
            await response.write(part)


def succeeded(outcome: Outcome, content_type: str | None) -> web.Response:
    """The output of an invocation."""
    headers = _about(outcome)
    if content_type is not None:
        headers["content-type"] = content_type
        return web.Response(body=outcome.value or b"", headers=headers)
    return Untyped(body=outcome.value or b"", headers=headers)


def failed(outcome: Outcome) -> web.Response:
    """The failure of an invocation, with its code as the status."""
    error = outcome.failure
    if error is None:
        raise ValueError("not a failed outcome")
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if outcome.stacktrace is not None:
        body["stacktrace"] = outcome.stacktrace
    if error.metadata:
        body["metadata"] = error.metadata
    if 100 <= error.code < 200:
        return Bare(status=500)
    headers = {"x-restate-error-source": "invocation", **_about(outcome)}
    status = error.code if 200 <= error.code <= 999 else 500
    return json_reply(status, {**body, "source": "invocation"}, headers)


def _about(outcome: Outcome) -> dict[str, str]:
    headers = {"x-restate-id": outcome.invocation_id}
    if outcome.expires_at is not None:
        headers["idempotency-expires"] = _with_offset(outcome.expires_at)
    return headers


def _with_offset(millis: int) -> str:
    moment = datetime.fromtimestamp(millis // 1000, UTC).replace(microsecond=millis % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds" if millis % 1000 else "seconds")


def rfc3339(millis: int) -> str:
    """As Rust's humantime prints it: nanoseconds, if there are any, and ``Z``."""
    seconds, rest = divmod(millis, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:03d}000000Z" if rest else f"{text}Z"
