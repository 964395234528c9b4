"""What can keep a request from its result, and who said so.

    RestateReflectError
    └── IngressError
        ├── ServiceError                      the handler ended with a terminal failure (a TerminalError, too)
        ├── RefusedError                      the server answered, not the handler
        │   ├── BadRequestError               400: path, key, header, content type, body, private service
        │   ├── NotFoundError                 404
        │   │   ├── HandlerNotFoundError      no such service or handler is registered
        │   │   └── InvocationNotFoundError   no such invocation, or its result was dropped
        │   ├── AlreadyInvokedError           409: a second call of a workflow's run handler
        │   ├── OverloadedError               429: nothing was accepted
        │   ├── UnavailableError              5xx: the server could not route the request
        │   └── NotAnIngressError             something else answers at this URL
        └── TransportError                    no answer
            ├── ConnectError                  no connection; nothing was sent
            ├── ConnectionLostError           the connection broke before the answer was complete
            └── RequestTimeoutError           the client's timeout passed (a TimeoutError, too)

A value or an answer that does not fit its declared type raises ``EncodeError`` or ``DecodeError``,
a method that is no handler ``HandlerBugError``.
"""

from __future__ import annotations

from collections.abc import Mapping

from restate_reflect.errors import RestateReflectError, TerminalError

__all__ = [
    "AlreadyInvokedError",
    "BadRequestError",
    "ConnectError",
    "ConnectionLostError",
    "HandlerNotFoundError",
    "IngressError",
    "InvocationNotFoundError",
    "NotAnIngressError",
    "NotFoundError",
    "OverloadedError",
    "RefusedError",
    "RequestTimeoutError",
    "ServiceError",
    "TransportError",
    "UnavailableError",
    "advice_after",
]


class IngressError(RestateReflectError):
    """Base of what keeps a request from its result.

    Attributes:
        accepted: Whether the invocation exists: ``True``, ``False``, or ``None`` if that can't be known.
            With ``False`` the request can be sent again; with ``None`` only if it has an idempotency key.
    """

    accepted: bool | None = None


class ServiceError(IngressError, TerminalError):
    """The handler's own terminal failure; trying again gives the same one.

    Attributes:
        invocation_id: The invocation that failed, if the server named it.
        code, message, metadata: As the handler gave them to ``TerminalError``.
    """

    accepted = True

    def __init__(
        self,
        message: str,
        code: int,
        *,
        metadata: Mapping[str, str] | None = None,
        invocation_id: str | None = None,
    ) -> None:
        super().__init__(message, code, metadata=metadata)
        self.invocation_id = invocation_id


class RefusedError(IngressError):
    """The server answered with an error of its own.

    Attributes:
        status: The HTTP status.
        message: The server's words.
    """

    accepted: bool | None = False

    def __init__(self, message: str, status: int, advice: str = "") -> None:
        super().__init__(f"{message} ({advice})" if advice else message)
        self.message = message
        self.status = status


class BadRequestError(RefusedError):
    """The request can't be processed as it is."""


class NotFoundError(RefusedError):
    """There is no such thing."""


class HandlerNotFoundError(NotFoundError):
    """No service or handler of this name is registered."""


class InvocationNotFoundError(NotFoundError):
    """No such invocation is known: never started, or past its retention."""


class AlreadyInvokedError(RefusedError):
    """A workflow runs once per key, and this one was started before; ``submit`` and ``attach`` take part in it."""


class OverloadedError(RefusedError):
    """The server sheds load; nothing was accepted."""


class UnavailableError(RefusedError):
    """The server could not route the request to the partition that would run it."""

    accepted = None


class NotAnIngressError(RefusedError):
    """The answer is not one of a Restate ingress: another server, a proxy, or the admin API's port."""

    accepted = None


class TransportError(IngressError):
    """There was no answer."""


class ConnectError(TransportError):
    """No connection could be made, hence nothing was sent."""

    accepted = False


class ConnectionLostError(TransportError):
    """The connection broke before the whole answer was there; the request may have been accepted."""


class RequestTimeoutError(TransportError, TimeoutError):
    """The client's timeout passed; an invocation that was accepted goes on running."""


def advice_after(repeatable: bool) -> str:
    """What is known of a request that was sent and had no proper answer, and what may be done."""
    if repeatable:
        return "It may be sent again."
    return "It may have been accepted: give it an idempotency key, and it can be sent again without being done twice."
