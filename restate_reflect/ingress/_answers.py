"""Answers of the ingress: a body, or an error that tells whether service or server speaks.

Since 1.7 the header ``x-restate-error-source`` (and ``source`` in the body) says ``invocation`` for the handler's
terminal failure and ``ingress`` for the server's own errors. Older servers only name the invocation
(``x-restate-id``) in what handlers answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from restate_reflect.ingress._errors import (
    AlreadyInvokedError,
    BadRequestError,
    HandlerNotFoundError,
    IngressError,
    InvocationNotFoundError,
    NotAnIngressError,
    NotFoundError,
    OverloadedError,
    RefusedError,
    ServiceError,
    UnavailableError,
    advice_after,
)

__all__ = ["NOT_READY", "NO_INVOCATION", "SECOND_RUN", "Answer", "Claimed", "check", "failure_of"]

NOT_READY = 470
"""Status of ``output`` while there is none."""
_SOURCE = "x-restate-error-source"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response, read to its end."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


Claimed: TypeAlias = Mapping[tuple[int, str], type[RefusedError]]
"""Failures that the server claims to be an invocation's: by code and message."""

# Of both the server (1.7.12) says "invocation", in the place of a handler that did not run. A stored failure of the
# same words differs in having an expiry time; one that was waited for does not.
NO_INVOCATION: Claimed = {(404, "not found"): InvocationNotFoundError}
SECOND_RUN: Claimed = {(409, "the workflow method was already invoked"): AlreadyInvokedError}


def check(answer: Answer, claimed: Claimed = MappingProxyType({}), *, repeatable: bool = True) -> Answer:
    """The answer, if it is a success.

    Args:
        claimed: What the server may say in the place of the handler, after this request.
        repeatable: Whether the request may be sent twice; if not, an error says when it may have been accepted.

    Raises:
        ServiceError: the handler failed terminally.
        RefusedError: the server refused or failed.
    """
    if error := failure_of(answer, claimed, repeatable=repeatable):
        raise error
    return answer


def failure_of(
    answer: Answer, claimed: Claimed = MappingProxyType({}), *, repeatable: bool = True
) -> IngressError | None:
    """The error that an answer stands for."""
    # A handler may fail with any code, 200 included: the header counts, not the status.
    if answer.status < 300 and _SOURCE not in answer.headers:
        return None
    error = _error_body(answer.body)
    source = answer.headers.get(_SOURCE) or error.get("source")
    if source is None:
        source = "invocation" if "x-restate-id" in answer.headers else "ingress"
    message = str(error.get("message", "")) or f"status {answer.status} without a message"
    if source == "invocation":
        return _of_invocation(answer, error, message, claimed)
    advice = "" if repeatable or answer.status < 500 else advice_after(repeatable)
    return _of_server(answer.status, message, advice, is_restate="message" in error)


def _of_invocation(answer: Answer, error: Mapping[str, Any], message: str, claimed: Claimed) -> IngressError:
    code = int(error.get("code", answer.status))
    metadata = {str(name): str(value) for name, value in (error.get("metadata") or {}).items()}
    made = claimed.get((code, message))
    if made is not None and not metadata and "idempotency-expires" not in answer.headers:
        return made(message, answer.status)
    return ServiceError(message, code, metadata=metadata, invocation_id=answer.headers.get("x-restate-id"))


def _of_server(status: int, message: str, advice: str, *, is_restate: bool) -> RefusedError:
    if not is_restate:
        return NotAnIngressError(
            f"an answer with status {status} that is none of a Restate ingress: check URL and port (8080 by default).",
            status,
            advice,
        )
    if status == 404:
        return _not_found(message)
    by_status = {429: OverloadedError, 400: BadRequestError, 405: BadRequestError, 413: BadRequestError}
    return by_status.get(status, UnavailableError if status >= 500 else BadRequestError)(message, status, advice)


def _not_found(message: str) -> NotFoundError:
    """By the server's words, as it has one status and no further code for them."""
    if message == "invocation not found":
        return InvocationNotFoundError(message, 404)
    if message.startswith(("service '", "the service '")):
        return HandlerNotFoundError(message, 404)
    return NotFoundError(message, 404)


def _error_body(body: bytes) -> Mapping[str, Any]:
    try:
        error = json.loads(body)
    except ValueError:
        return {}
    return error if isinstance(error, dict) else {}
