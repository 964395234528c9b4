"""What has come of sending a request, and what may be done about it.

The one question is whether the server may have accepted it. If it surely has not (no connection, load that is shed, a
service that is not known there),
any address may be asked next; if nobody can know, only with a request that may be sent twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from typing import TypeAlias

import aiohttp

from restate_reflect.ingress._answers import Answer, failure_of
from restate_reflect.ingress._errors import ConnectError, HandlerNotFoundError, TransportError
from restate_reflect.ingress._requests import Request

__all__ = ["Next", "Outcome", "is_trouble", "most_open", "next_of", "surely_not_accepted"]

# Answered before anything was accepted.
_OVERLOADED = 429
# The server (503) or something in front of it could not reach who would have known.
_UNAVAILABLE = frozenset({502, 503, 504})

Outcome: TypeAlias = Answer | TransportError


class Next(Enum):
    """Where the request may go."""

    NOWHERE = auto()
    """This is the outcome."""
    ELSEWHERE = auto()
    """To the other addresses; this one will not mend itself."""
    AGAIN = auto()
    """To the other addresses, and after a while to this one."""


def next_of(outcome: Outcome, request: Request) -> Next:
    """Where the request may go after this."""
    if not is_trouble(outcome):
        return Next.NOWHERE
    if _certificates_differ(outcome) or _knows_no_service(outcome):
        return Next.ELSEWHERE
    return Next.AGAIN if request.repeatable or surely_not_accepted(outcome) else Next.NOWHERE


def is_trouble(outcome: Outcome) -> bool:
    """Whether another address may do better."""
    if isinstance(outcome, TransportError):
        return True
    if "x-restate-id" in outcome.headers:
        return False  # a handler's own words
    return outcome.status == _OVERLOADED or outcome.status in _UNAVAILABLE or _knows_no_service(outcome)


def most_open(outcomes: Iterable[Outcome]) -> Outcome:
    """The last one; but if an earlier one leaves open whether the request was accepted, so must what is told."""
    *earlier, last = outcomes
    if not is_trouble(last) or not surely_not_accepted(last):
        return last
    return next((each for each in reversed(earlier) if not surely_not_accepted(each)), last)


def surely_not_accepted(outcome: Outcome) -> bool:
    """Of an outcome that is trouble: whether nothing was sent, or the server says that it took nothing."""
    if isinstance(outcome, TransportError):
        return isinstance(outcome, ConnectError)
    return outcome.status == _OVERLOADED or _knows_no_service(outcome)


def _knows_no_service(outcome: Outcome) -> bool:
    """Nodes hear of a registration one after the other; another one may know what this one does not."""
    if isinstance(outcome, TransportError) or outcome.status != 404:
        return False
    return isinstance(failure_of(outcome), HandlerNotFoundError)


def _certificates_differ(outcome: Outcome) -> bool:
    cause = outcome.__cause__ if isinstance(outcome, TransportError) else None
    return isinstance(cause, (aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError))
