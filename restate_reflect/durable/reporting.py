"""What is told of an attempt that fails: to the server, to the log, and to whoever watches the endpoint.

The server hands on to callers what it is told, so it gets what ``error_details`` allow; the log gets all of it. Who
watches (``Environment.on_exception``, ``on_mismatch``, ``on_failure``) gets the objects themselves, before that.
"""

from __future__ import annotations

import logging
from typing import Any, Protocol

from restate_reflect.definitions import HandlerDefinition, ServiceDefinition
from restate_reflect.durable import failures
from restate_reflect.durable.begun_run import Run
from restate_reflect.durable.environment import Environment
from restate_reflect.engine.ending import AttemptError
from restate_reflect.engine.journal import Mismatch
from restate_reflect.engine.machine import Engine
from restate_reflect.engine.notifications import wire_text
from restate_reflect.errors import TerminalError
from restate_reflect.options import ErrorDetails

__all__ = ["disclosed", "explained", "give_up_step", "handler_failed", "step_failed", "tell_failure"]

logger = logging.getLogger("restate_reflect")


class Failing(Protocol):
    """The attempt, as far as it is told of."""

    engine: Engine
    environment: Environment[Any]
    service: ServiceDefinition
    handler: HandlerDefinition
    hides_payloads: bool


# ------------------------------------------------------------ exceptions


def handler_failed(attempt: Failing, error: BaseException) -> AttemptError:
    """What a handler's exception that is not terminal makes of its attempt. Whoever watches is told, but of no bug that
    is known as one."""
    failure = failures.to_attempt_error(error, attempt.engine)
    if attempt.environment.on_exception is not None and not failure.bug:
        attempt.environment.on_exception(attempt, error, None)
    return failure


def step_failed(
    attempt: Failing, run: Run, error: BaseException, *, retry_after: float | None = None, pause: bool = False
) -> AttemptError:
    """The same for an exception of a step; whoever watches is told. ``retry_after``: the policy's, in seconds."""
    if attempt.environment.on_exception is not None:
        attempt.environment.on_exception(attempt, error, run)
    return failures.run_error(run, error, retry_after=retry_after, pause=pause)


def give_up_step(attempt: Failing, run: Run, error: BaseException) -> TerminalError:
    """What the journal keeps of a step that is not tried again. Where that is a reference, the log has what it refers
    to."""
    details = _error_details(attempt)
    if details == "reference":
        logger.warning("%s: step %r failed for good", _name(attempt), run.name, exc_info=error)
    return failures.given_up(run, error, details, _invocation(attempt))


# ------------------------------------------------------------ to the server


def disclosed(attempt: Failing, error: AttemptError) -> AttemptError:
    """What of a failure leaves the process."""
    return failures.disclosed(error, _error_details(attempt), _invocation(attempt))


def explained(attempt: Failing, mismatch: Mismatch) -> str:
    """The text of error 570; whoever watches gets the mismatch itself."""
    from restate_reflect.durable.mismatches import report  # for those alone who meet one
    from restate_reflect.durable.shown import Codecs

    if attempt.environment.on_mismatch is not None:
        attempt.environment.on_mismatch(attempt, mismatch)
    if attempt.hides_payloads:
        from restate_reflect.durable.payload_slots import hidden

        mismatch = hidden(mismatch)
    codecs = Codecs(attempt.service, attempt.handler, attempt.environment.routes.directory)
    return report(mismatch, codecs, _invocation(attempt))


# ------------------------------------------------------------ to the log


def tell_failure(attempt: Failing) -> None:
    """Logs why the attempt has ended, and tells whoever watches."""
    failure, environment = attempt.engine.failure, attempt.environment
    if failure is None:
        return
    if environment.logs_failures:
        _log(attempt, failure)
    if environment.on_failure is not None:
        environment.on_failure(attempt, failure)


def _log(attempt: Failing, failure: AttemptError) -> None:
    text, engine = failure.message, attempt.engine
    if failure.stacktrace and engine.has_started and engine.started.retry_count == 0:
        # Once, not again at every retry: whoever runs this in a terminal has nothing else to look at.
        text = f"{text}\n{failure.stacktrace.rstrip()}"
    whose = {
        "service": attempt.service.name,
        "handler": attempt.handler.name,
        "invocation_id": _invocation(attempt),
    }
    logger.warning("%s: attempt failed (%s): %s", _name(attempt), failure.code, wire_text(text), extra=whose)


def _name(attempt: Failing) -> str:
    return f"{attempt.service.name}/{attempt.handler.name} {_invocation(attempt)}"


def _invocation(attempt: Failing) -> str:
    """Its id, as it is shown; unknown before the start message."""
    return attempt.engine.started.debug_id if attempt.engine.has_started else "?"


def _error_details(attempt: Failing) -> ErrorDetails:
    """The handler's own, else the endpoint's."""
    return attempt.service.error_details(attempt.handler) or attempt.environment.error_details
