"""Ordinary exceptions of handlers: in a test they fail the request that waits, instead of being tried again.

Expected, and left to the engine, are: an exception that asks for it (``RetryableError``), a failure that the test
itself has injected, and a step with a retry policy that ends, as what the handler gets then is a part of its behaviour.
"""

from __future__ import annotations

from typing import Final

from restate_reflect.durable.attempt import Attempt
from restate_reflect.durable.begun_run import Run
from restate_reflect.errors import CodecError, HandlerBugError, RelatedCommand, RetryableError
from restate_reflect.options import RetryPolicy
from restate_reflect.protocol.messages import MessageType

__all__ = ["annotated", "is_bug", "is_expected", "paused", "raisable"]

_BUGS: Final = (HandlerBugError, CodecError)
_ADVICE: Final = (
    "In production it would be tried again. A test that expects that says so where it makes its environment:"
    " TestEnvironment(…, retries=True), await durable(…, retries=True)."
)


def is_expected(error: BaseException, run: Run | None) -> bool:
    """Whether the code under test itself says that it is tried again, and until when."""
    return _asks_for_retry(error) or (run is not None and _ends(run.policy))


def is_bug(error: BaseException) -> bool:
    """Whether it is told elsewhere, as a bug that no retry mends."""
    return isinstance(error, _BUGS)


def raisable(error: BaseException) -> Exception:
    """The exception, or one that tells of it: one that ends processes would end the test run."""
    if isinstance(error, Exception):
        return error
    wrapped = RuntimeError(f"a handler has raised {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


def _asks_for_retry(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(RetryableError) is not None
    return isinstance(error, RetryableError)


def _ends(policy: RetryPolicy) -> bool:
    return policy.max_attempts is not None or policy.max_duration is not None


def annotated(error: BaseException, attempt: Attempt, run: Run | None) -> BaseException:
    """The exception, with a note of where it was raised and what had been done by then."""
    started = attempt.engine.started
    where = _after(attempt.engine.related) if run is None else f"in step {run.name!r}"
    _note(
        error,
        f"{attempt.service.name}/{attempt.handler.name} ({started.debug_id}) raised this in attempt"
        f" {started.retry_count + 1}, {where}. {_ADVICE}",
    )
    return error


def _after(command: RelatedCommand | None) -> str:
    if command is None or command.type == MessageType.INPUT_COMMAND:
        return "before its first command"
    name = f" {command.name!r}" if command.name else ""
    return f"after command {command.index}: {MessageType(command.type).name.removesuffix('_COMMAND').lower()}{name}"


def paused(error: BaseException, shown: str, attempts: int) -> BaseException:
    """The exception of an invocation that is not tried again any more."""
    _note(error, f"{shown} was paused after {attempts} attempts, the last of which raised this.")
    return error


def _note(error: BaseException, note: str) -> None:
    """Once: the same object may be raised again (by a mock, say)."""
    if note not in getattr(error, "__notes__", ()):
        error.add_note(note)
