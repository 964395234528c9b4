"""Requests of the form to the ingress. Only handlers of this endpoint can be called, and only there."""

from __future__ import annotations

import json
import re
import time
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

import aiohttp
from aiohttp import web
from pydantic_core import from_json

from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.errors import CodecError
from restate_reflect.page._bodies import read, show

__all__ = ["forward"]

Json = dict[str, Any]

_HEADERS: Final = "x-restate-reflect-headers"
"""Carries the headers that were asked for, as percent-encoded JSON: a name may be one that a browser won't send."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\x20-\x7e\t]*")
_OURS: Final = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "keep-alive", "te",
     "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
"""Of the connection and of the body, which the form decides."""


async def forward(
    session: aiohttp.ClientSession,
    ingress_url: str,
    service: ServiceDefinition,
    handler: HandlerDefinition,
    request: web.Request,
) -> Json:
    """One call or send: ``status``, ``invocationId``, ``milliseconds``, ``body``.

    The page gives the key, ``send`` and ``delay`` by query, other headers in one of its own, and the body.

    Raises:
        HTTPBadRequest: the key is missing or not wanted, the body is no such message, or a header can't be sent.
        HTTPBadGateway: nobody answers at the ingress.
    """
    url = ingress_url + _path(service, handler, request)
    body, headers = _body(handler, await request.read())
    headers |= _asked(request.headers.get(_HEADERS, ""))
    started = time.perf_counter()
    try:
        # Not even aiohttp's default content type: the server refuses it where no input is wanted.
        async with session.post(url, data=body, headers=headers, skip_auto_headers=("content-type",)) as answer:
            return _answer(handler, answer, await answer.read(), time.perf_counter() - started)
    except aiohttp.ClientError as error:
        text = f"no answer from the ingress at {ingress_url} ({error}). Is restate-server running there?"
        raise web.HTTPBadGateway(text=text) from error


def _path(service: ServiceDefinition, handler: HandlerDefinition, request: web.Request) -> str:
    key = request.query.get("key", "")
    if service.kind.keyed != bool(key):
        raise web.HTTPBadRequest(text=f"{service.name} needs {'a key' if service.kind.keyed else 'no key'}.")
    parts = [service.name, *([key] if key else []), handler.name]
    if "send" not in request.query:
        return "/" + "/".join(quote(part, safe="") for part in parts)
    delay = request.query.get("delay", "")
    query = f"?{urlencode({'delay': delay})}" if delay else ""
    return "/" + "/".join(quote(part, safe="") for part in [*parts, "send"]) + query


def _body(handler: HandlerDefinition, written: bytes) -> tuple[bytes | None, dict[str, str]]:
    try:
        body = read(handler, written)
    except CodecError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
    content_type = handler.input.content_type
    if content_type is None or (not written and not handler.input.required):
        return None, {}
    return body, {"content-type": content_type}


def _asked(encoded: str) -> dict[str, str]:
    try:
        headers = json.loads(unquote(encoded)) if encoded else {}
    except ValueError:
        raise web.HTTPBadRequest(text=f"{_HEADERS} is no percent-encoded JSON.") from None
    if not isinstance(headers, dict):
        raise web.HTTPBadRequest(text=f"{_HEADERS} is no JSON object.")
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise web.HTTPBadRequest(text=f"{name!r} is no header that can be sent: names and values are ASCII.")
        if name.lower() in _OURS:
            raise web.HTTPBadRequest(text=f"the header {name} follows from the body or the connection; leave it out.")
    return headers


def _answer(handler: HandlerDefinition, answer: aiohttp.ClientResponse, body: bytes, seconds: float) -> Json:
    sent = _sent(body) if answer.headers.get("x-restate-id") is None else {}
    succeeded = answer.status == 200 and not sent
    return {
        "status": answer.status,
        "reason": answer.reason or "",
        "invocationId": answer.headers.get("x-restate-id") or sent.get("invocationId"),
        "milliseconds": round(seconds * 1000, 1),
        "body": show(body, handler.output.codec if succeeded else None).as_json(),
    }


def _sent(body: bytes) -> Json:
    """The answer to a send, which names the invocation in its body."""
    try:
        decoded = from_json(body)
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) and "invocationId" in decoded else {}
