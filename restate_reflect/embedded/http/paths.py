"""Which request a path of the ingress means (restate-server 1.7, ``path_parsing``).

``/{service}/{handler}``, ``/{object}/{key}/{handler}`` with ``/send`` after them, and everything
under ``/restate/``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote_to_bytes

from restate_reflect.embedded.http.replies import (
    BAD_AWAKEABLES_PATH,
    BAD_INVOCATION_PATH,
    BAD_RESTATE_PATH,
    BAD_SERVICE_PATH,
    BAD_WORKFLOW_PATH,
    IngressError,
    not_found,
)
from restate_reflect.identifiers import IdempotentRequest, InvocationTarget, WorkflowRun

__all__ = [
    "AwakeableRoute",
    "ByBodyRoute",
    "CallRoute",
    "HealthRoute",
    "ResultRoute",
    "Route",
    "parse_path",
    "split_target",
]

Verb = Literal["attach", "output"]


@dataclass(frozen=True, slots=True)
class CallRoute:
    """Run a handler."""

    service: str
    handler: str
    key: str | None
    send: bool
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class ResultRoute:
    """Wait for a result, or look at it."""

    target: InvocationTarget
    verb: Verb


@dataclass(frozen=True, slots=True)
class ByBodyRoute:
    """As ``ResultRoute``, or ask for the id; the body says of which invocation."""

    verb: Verb | Literal["lookup"]


@dataclass(frozen=True, slots=True)
class AwakeableRoute:
    """Complete an awakeable."""

    awakeable_id: str
    resolve: bool


@dataclass(frozen=True, slots=True)
class HealthRoute:
    """Is it there?"""


Route: TypeAlias = CallRoute | ResultRoute | ByBodyRoute | AwakeableRoute | HealthRoute

IsKeyed = Callable[[str], bool | None]
"""Whether a service has keys; ``None`` if there is no such service."""


_ORIGIN: Final = re.compile(r"^https?://[^/?]*", re.IGNORECASE)
_NOT_IN_PATHS: Final = re.compile("[<>`]")
_NOT_IN_QUERIES: Final = re.compile('["<>]')


def split_target(target: str) -> tuple[str, str, str]:
    """Path and query of a request's target, and both together: without a fragment, and without the origin that targets
    of requests through proxies begin with.

    Raises:
        ValueError: A character can't be there, as the server's library has it (``http::uri``).
    """
    told = target.partition("#")[0]
    if origin := _ORIGIN.match(told):
        told = told[origin.end() :] or "/"
    path, _, query = told.partition("?")
    if _NOT_IN_PATHS.search(path) or _NOT_IN_QUERIES.search(query):
        raise ValueError("an invalid character in a URI")
    return path, query, told


def parse_path(path: str, is_keyed: IsKeyed) -> Route:
    """The route of a raw (percent-encoded) path.

    Raises:
        IngressError: There is none.
    """
    # As the server does: any number of slashes before and after stands for one and none.
    path = f"/{path.strip('/')}"
    if not 2 <= path.count("/") <= 7:
        raise IngressError(400, f"bad path: {path}")
    segments = iter(path.split("/")[1:])
    first = next(segments)
    if first == "restate":
        return _under_restate(segments, is_keyed)
    if first == "openapi":
        raise not_found()
    return _old_call(first, segments, is_keyed)


def _old_call(service: str, segments: Iterator[str], is_keyed: IsKeyed) -> CallRoute:
    key, handler = _key_and_handler(service, segments, is_keyed, BAD_SERVICE_PATH)
    last = next(segments, None)
    if last not in (None, "send") or next(segments, None) is not None:
        raise IngressError(400, BAD_SERVICE_PATH)
    return CallRoute(service, handler, key, send=last == "send")


def _key_and_handler(
    service: str, segments: Iterator[str], is_keyed: IsKeyed, complaint: str
) -> tuple[str | None, str]:
    keyed = _require_service(service, is_keyed)
    key = _decoded(_next(segments, complaint)) if keyed else None
    return key, _next(segments, complaint)


def _require_service(service: str, is_keyed: IsKeyed) -> bool:
    keyed = is_keyed(service)
    if keyed is None:
        message = f"service '{service}' not found, make sure to register the service before calling it."
        raise IngressError(404, message)
    return keyed


def _next(segments: Iterator[str], complaint: str) -> str:
    segment = next(segments, None)
    if segment is None:
        raise IngressError(400, complaint)
    return segment


def _decoded(segment: str) -> str:
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as error:
        raise IngressError(400, f"bad path, cannot decode key: {_as_rust(error)}") from None


def _as_rust(error: UnicodeDecodeError) -> str:
    octets = list(error.object)
    cut_off = error.reason == "unexpected end of data"
    length = "None" if cut_off else f"Some({error.end - error.start})"
    told = f"Utf8Error {{ valid_up_to: {error.start}, error_len: {length} }}"
    return f"FromUtf8Error {{ bytes: {octets}, error: {told} }}"


def _under_restate(segments: Iterator[str], is_keyed: IsKeyed) -> Route:
    verb = next(segments)
    match verb:
        case "health":
            return HealthRoute()
        case "awakeables" | "a":
            return _awakeable(segments)
        case "invocation":
            return _invocation(segments, is_keyed)
        case "workflow":
            return _workflow(segments)
        case "call" | "send":
            return _new_call(verb, segments, is_keyed)
        case "attach" | "output":
            return _by_id(verb, segments)
        case "lookup":
            _refuse_rest(segments)
            return ByBodyRoute("lookup")
        case "scope":
            return _scoped_call(segments, is_keyed)
        case _:
            raise not_found()


def _awakeable(segments: Iterator[str]) -> AwakeableRoute:
    identifier, verb = _next(segments, BAD_AWAKEABLES_PATH), _next(segments, BAD_AWAKEABLES_PATH)
    if verb not in ("resolve", "reject"):
        raise not_found()
    return AwakeableRoute(identifier, resolve=verb == "resolve")


def _invocation(segments: Iterator[str], is_keyed: IsKeyed) -> ResultRoute:
    first, second = _next(segments, BAD_INVOCATION_PATH), _next(segments, BAD_INVOCATION_PATH)
    third = next(segments, None)
    if third is None:
        return ResultRoute(first, _verb(second))
    target: InvocationTarget
    if _require_service(first, is_keyed):
        handler, idempotency_key = third, _next(segments, BAD_INVOCATION_PATH)
        target = IdempotentRequest(first, handler, idempotency_key, _decoded(second))
    else:
        target = IdempotentRequest(first, second, third)
    return ResultRoute(target, _verb(_next(segments, BAD_INVOCATION_PATH)))


def _workflow(segments: Iterator[str]) -> ResultRoute:
    name, key = _next(segments, BAD_WORKFLOW_PATH), _decoded(_next(segments, BAD_WORKFLOW_PATH))
    return ResultRoute(WorkflowRun(name, key), _verb(_next(segments, BAD_WORKFLOW_PATH)))


def _new_call(verb: str, segments: Iterator[str], is_keyed: IsKeyed) -> CallRoute:
    service = _next(segments, BAD_RESTATE_PATH)
    key, handler = _key_and_handler(service, segments, is_keyed, BAD_RESTATE_PATH)
    _refuse_rest(segments)
    return CallRoute(service, handler, key, send=verb == "send")


def _scoped_call(segments: Iterator[str], is_keyed: IsKeyed) -> CallRoute:
    scope, verb = _decoded(_next(segments, BAD_RESTATE_PATH)), _next(segments, BAD_RESTATE_PATH)
    if verb not in ("call", "send"):
        raise IngressError(400, BAD_RESTATE_PATH)
    return dataclasses.replace(_new_call(verb, segments, is_keyed), scope=scope)


def _by_id(verb: Verb, segments: Iterator[str]) -> ResultRoute | ByBodyRoute:
    identifier = next(segments, None)
    _refuse_rest(segments)
    return ByBodyRoute(verb) if identifier is None else ResultRoute(identifier, verb)


def _refuse_rest(segments: Iterator[str]) -> None:
    if next(segments, None) is not None:
        raise IngressError(400, BAD_RESTATE_PATH)


def _verb(text: str) -> Verb:
    match text:
        case "attach":
            return "attach"
        case "output":
            return "output"
        case _:
            raise not_found()
