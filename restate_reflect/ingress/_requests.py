"""Requests of the ingress API as plain data: paths, headers, bodies, and whether they may be sent twice."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json

from restate_reflect.definitions import HandlerKind
from restate_reflect.identifiers import IdempotentRequest, InvocationTarget, WorkflowRun
from restate_reflect.options import LATEST, Duration, millis
from restate_reflect.reflection import CallTarget

__all__ = [
    "CallOptions",
    "Request",
    "call_request",
    "completion_request",
    "given_headers",
    "lookup_request",
    "raw_request",
    "result_request",
]

_JSON = "application/json"
# Header values as HTTP has them without encodings; the server refuses everything else.
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]+")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# These pass a path unchanged. The server decodes keys in paths, but not idempotency keys.
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+")


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How to call: everything but handler and arguments."""

    key: str | None = None
    idempotency_key: str | None = None
    headers: Mapping[str, str] | None = None
    delay: Duration | None = None
    scope: str | None = None
    limit_key: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    """With its query, percent-encoded."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    repeatable: bool = False
    """Whether sending it twice has the effect of sending it once."""


def call_request(
    target: CallTarget, args: tuple[Any, ...], kwargs: Mapping[str, Any], options: CallOptions, *, send: bool
) -> Request:
    """A call, or with ``send`` a one-way call.

    Raises:
        TypeError: arguments that the handler does not take, or a key too few or too many.
        ValueError: an idempotency key that no header can carry.
        EncodeError: an argument does not fit its type.
    """
    shown = f"{target.service}/{target.handler}"
    _check_key(shown, target.kind.keyed, options.key)
    is_run = target.handler_kind is HandlerKind.WORKFLOW
    if is_run and options.idempotency_key is not None:
        raise ValueError(f"{shown} runs once per key already; leave out idempotency_key.")
    body = target.input.encode(args, kwargs)
    content_type = target.input.content_type
    if not body and content_type == _JSON:
        content_type = None  # all parameters have defaults; the server then wants no content type, either
    # A second send of a run handler is answered with the first one's id.
    return _invoke(target.service, target.handler, body, content_type, options, send, repeatable=is_run and send)


def raw_request(
    service: str, handler: str, body: bytes, content_type: str | None, options: CallOptions, *, send: bool
) -> Request:
    """A call by names; a key makes it a call of a virtual object or workflow."""
    return _invoke(service, handler, body, content_type if body else None, options, send, repeatable=False)


def result_request(target: InvocationTarget, verb: str) -> Request:
    """``attach`` waits for a result, ``output`` looks whether there is one."""
    match target:
        case str():
            return _get(["restate", "invocation", target, verb])
        case WorkflowRun(workflow, key, None):
            return _get(["restate", "workflow", workflow, key, verb])
        case IdempotentRequest(service, handler, idempotency_key, key, None) if _PLAIN.fullmatch(idempotency_key):
            return _get(["restate", "invocation", service, *_keyed(key), handler, idempotency_key, verb])
        case _:  # scopes, and idempotency keys that a path can't carry; restate-server 1.7
            return _post_target(f"/restate/{verb}", target)


def lookup_request(target: WorkflowRun | IdempotentRequest) -> Request:
    """The id of the invocation, which is computed and need not exist; restate-server 1.7."""
    return _post_target("/restate/lookup", target)


def completion_request(awakeable: str, verb: str, body: bytes, content_type: str) -> Request:
    """``resolve`` or ``reject`` of an awakeable; the server warns that a repetition may count twice."""
    return Request("POST", _path(["restate", "awakeables", awakeable, verb]), {"content-type": content_type}, body)


def _invoke(
    service: str,
    handler: str,
    body: bytes,
    content_type: str | None,
    options: CallOptions,
    send: bool,
    *,
    repeatable: bool,
) -> Request:
    if options.delay is not None and not send:
        raise TypeError("a call has no delay, as it would wait for the result; use send(...) and attach().")
    place = [service, *_keyed(options.key), handler]
    if options.scope is None:
        path = _path([*place, "send"] if send else place)
    else:
        path = _path(["restate", "scope", options.scope, "send" if send else "call", *place])
    if delay := _delay(options.delay):
        path += f"?delay={delay}ms"
    headers = given_headers(options)
    if content_type:
        headers.setdefault("content-type", content_type)
    headers |= _own_headers(options)
    return Request("POST", path, headers, body, repeatable or "idempotency-key" in headers)


def _delay(delay: Duration | None) -> int | None:
    """In milliseconds. Servers take longer ones, and then have dates that nobody can read."""
    try:
        wanted = millis(delay)
    except (OverflowError, ValueError):  # infinite, or no number
        wanted = -1
    if wanted is not None and not 0 <= wanted <= LATEST - time.time() * 1000:
        raise ValueError(f"a delay of {delay} is none: it must not be negative, nor end after the year 9999.")
    return wanted


def given_headers(options: CallOptions) -> dict[str, str]:
    """The caller's own, names in lower case.

    Raises:
        TypeError, ValueError: No HTTP request can have such a header, or restate-server refuses it.
    """
    headers: dict[str, str] = {}
    for name, value in (options.headers or {}).items():
        if not (isinstance(name, str) and isinstance(value, str)):
            raise TypeError(f"header {name!r}: {value!r}: names and values are texts (str).")
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header: letters, digits and some signs, and no blanks.")
        if value and not _HEADER_VALUE.fullmatch(value):
            raise ValueError(
                f"header {name!r} can't have the value {value!r}: restate-server takes visible ASCII alone."
            )
        headers[name.lower()] = value.strip(" \t")  # blanks around it belong to the line, not to the value
    return headers


def _own_headers(options: CallOptions) -> dict[str, str]:
    named = {"idempotency-key": options.idempotency_key, "x-restate-limit-key": options.limit_key}
    headers = {name: value for name, value in named.items() if value is not None}
    for name, value in headers.items():
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"{name} {value!r} can't travel in a header; use visible ASCII, such as a UUID.")
    return headers


def _check_key(shown: str, keyed: bool, key: str | None) -> None:
    if keyed and key is None:
        raise TypeError(f"{shown} belongs to one key; give it by key='...'.")
    if not keyed and key is not None:
        raise TypeError(f"{shown} is a plain service's handler; leave out key={key!r}.")
    if key == "":
        raise ValueError(f"{shown}: the ingress has no path for an empty key; give one of at least one character.")


def _keyed(key: str | None) -> list[str]:
    if key is not None and not isinstance(key, str):
        raise TypeError(f"{key!r} is no key: keys are texts (str).")
    return [] if key is None else [key]


def _path(segments: list[str]) -> str:
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


def _get(segments: list[str]) -> Request:
    return Request("GET", _path(segments), repeatable=True)


def _post_target(path: str, target: InvocationTarget) -> Request:
    match target:
        case WorkflowRun(workflow, key, scope):
            named = {"target": "workflow", "workflowName": workflow, "workflowKey": key, "scope": scope}
        case IdempotentRequest(service, handler, idempotency_key, key, scope):
            named = {"target": "idempotentInvocation", "service": service, "handler": handler}
            named |= {"idempotencyKey": idempotency_key, "key": key, "scope": scope}
        case _:
            named = {"target": "invocation", "invocationId": target}
    body = to_json({name: value for name, value in named.items() if value is not None})
    return Request("POST", path, {"content-type": _JSON}, body, repeatable=True)
