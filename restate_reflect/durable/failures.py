"""Exceptions of handlers and steps -> answers, attempt errors and their texts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from restate_reflect.definitions import HandlerDefinition
from restate_reflect.durable.begun_run import Run
from restate_reflect.durable.futures import PlainFuture
from restate_reflect.durable.results import Results
from restate_reflect.engine.ending import AttemptError
from restate_reflect.engine.machine import Engine
from restate_reflect.errors import (
    CodecError,
    DecodeError,
    EncodeError,
    HandlerBugError,
    InvocationCancelledError,
    RetryableError,
    TerminalError,
)
from restate_reflect.options import ErrorDetails
from restate_reflect.protocol.versions import ProtocolVersion
from restate_reflect.tracebacks import traceback_of

__all__ = [
    "as_terminal",
    "bad_input",
    "bad_output",
    "code_of",
    "deadlock",
    "disclosed",
    "given_up",
    "message_of",
    "missed_cancellation",
    "mistake_of",
    "oversized_input",
    "refuse_endless_signal",
    "run_error",
    "self_cancelled",
    "to_attempt_error",
]

MAX_STACKTRACE: Final = 16_000
"""Characters of a stack trace that are sent; the server stores it with the invocation."""


_BUGS: Final = (HandlerBugError, CodecError)
"""What only a change of the code can mend."""


def self_cancelled() -> HandlerBugError:
    """A handler that cancelled itself counts as failed."""
    return HandlerBugError("the handler ended with asyncio.CancelledError that no cancellation of Restate's caused")


def as_terminal(error: BaseException) -> TerminalError | None:
    """The terminal error in an exception; a group counts if nothing else is in it.

    ``TaskGroup`` wraps what its tasks raise, so a group of terminal errors only is terminal too;
    the first one (in order of raising) answers for all.
    """
    if isinstance(error, TerminalError):
        return error
    if isinstance(error, BaseExceptionGroup):
        leaves = list(_leaves(error))
        if leaves and all(isinstance(leaf, TerminalError) for leaf in leaves):
            return leaves[0]  # type: ignore[return-value]
    return None


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def code_of(error: BaseException) -> int:
    """The status code that the error asks for."""
    retryable = _retryable(error)
    return 500 if retryable is None else retryable.code


def message_of(error: BaseException) -> str:
    """``ValueError: bad thing``; our own errors speak for themselves."""
    said = _said(error)
    if isinstance(error, (RetryableError, HandlerBugError, TerminalError)):
        return said
    if isinstance(error, BaseExceptionGroup):
        said = f"{said}: {'; '.join(message_of(leaf) for leaf in islice(_leaves(error), MAX_LEAVES))}"
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if "attached to a different loop" in said or "bound to a different event loop" in said:
        text += (
            ". Something that belongs to another event loop (a client, a lock, a task made elsewhere) was awaited in"
            ' handler code. Use it in a step: await ctx.run("name", function, …).'
        )
    return text


MAX_LEAVES: Final = 5
"""Errors of a group whose texts are shown."""


def _said(error: BaseException) -> str:
    """Its text; a ``__str__`` of the user's may be broken itself."""
    try:
        return str(error)
    except BaseException as broken:
        return f"(no text: its __str__ raised {type(broken).__name__})"


def to_attempt_error(error: BaseException, engine: Engine) -> AttemptError:
    """A handler's exception that is not terminal."""
    mistake = mistake_of(error)
    return AttemptError(
        code=code_of(error),
        message=mistake or message_of(error),
        stacktrace=_stacktrace(error),
        related=engine.related,
        retry_after=_retry_after(error),
        bug=mistake is not None or isinstance(error, _BUGS),
    )


def mistake_of(error: BaseException) -> str | None:
    """The ordinary mistake behind a handler's exception, in a sentence."""
    from restate_reflect.durable.mistakes import explained  # for those alone who make some

    return explained(error)


def missed_cancellation(error: TerminalError) -> str | None:
    """For a handler that a cancellation has ended although it meant to catch that."""
    if not isinstance(error, InvocationCancelledError):
        return None
    from restate_reflect.durable.mistakes import missed_cancellation as missed

    return missed(error)


def _retry_after(error: BaseException) -> float | None:
    """Seconds that the error itself asks for."""
    retryable = _retryable(error)
    if retryable is None or retryable.retry_after is None:
        return None
    return retryable.retry_after.total_seconds()


def _retryable(error: BaseException) -> RetryableError | None:
    """The error, or the first one in a group: ``TaskGroup`` wraps what its tasks raise."""
    leaves = _leaves(error) if isinstance(error, BaseExceptionGroup) else (error,)
    return next((leaf for leaf in leaves if isinstance(leaf, RetryableError)), None)


def run_error(run: Run, error: BaseException, *, retry_after: float | None = None, pause: bool = False) -> AttemptError:
    """A step's exception that is not terminal. An error's own ``retry_after`` beats the policy's."""
    own = _retry_after(error)
    return AttemptError(
        code=code_of(error),
        message=message_of(error),
        stacktrace=_stacktrace(error),
        related=run.related,
        retry_after=retry_after if own is None else own,
        pause=pause,
        bug=isinstance(error, _BUGS),
    )


def disclosed(error: AttemptError, details: ErrorDetails, invocation: str) -> AttemptError:
    """What of a failed attempt the server gets, which hands it to callers when it gives up."""
    match details:
        case "full":
            return error
        case "message":
            return error._replace(stacktrace="")
        case "reference":
            return error._replace(message=_reference("the attempt", invocation), stacktrace="")


def given_up(run: Run, error: BaseException, details: ErrorDetails, invocation: str) -> TerminalError:
    """The terminal failure of a step that is not tried again."""
    if details != "reference":
        return TerminalError(message_of(error), code_of(error))
    return TerminalError(_reference(f"step {run.name!r}", invocation), code_of(error))


def _reference(what: str, invocation: str) -> str:
    return f"{what} failed; the log of the endpoint has the reason, under {invocation}"


def _stacktrace(error: BaseException) -> str:
    try:
        return "".join(traceback_of(error).format())[-MAX_STACKTRACE:]
    except BaseException as broken:
        return f"(no stack trace: writing it raised {type(broken).__name__})"


def bad_input(handler: HandlerDefinition, error: DecodeError, version: ProtocolVersion) -> TerminalError:
    """The 400 for a body that does not fit; with the list of errors where the protocol can carry it."""
    metadata = {}
    if error.errors and version.has_failure_metadata:
        metadata["errors"] = _within(MAX_ERRORS, error.errors)
    return TerminalError(f"invalid input for {handler.qualified_name}: {error}", 400, metadata=metadata)


def oversized_input(handler: HandlerDefinition, size: int, limit: int) -> TerminalError:
    """The 413 for a body that is not even looked at."""
    return TerminalError(
        f"the input of {handler.qualified_name} has {size:,} bytes; it takes {limit:,} (max_input_bytes)."
        " Raise that option, or send the address of what is so large.",
        413,
    )


MAX_ERRORS: Final = 64_000
"""Characters of an error list: each entry quotes its input, and a body of 1 MB made 27 MB of them. A failure beyond
the server's message limit would be tried for ever instead of being answered."""


def _within(limit: int, errors: Iterable[Mapping[str, Any]]) -> str:
    """The errors as JSON, up to the first that does not fit."""
    entries: list[str] = []
    for error in errors:
        entries.append(json.dumps(error, default=str))
        limit -= len(entries[-1]) + 2
        if limit < 0:
            break
    return f"[{', '.join(entries if limit >= 0 else entries[:-1])}]"


def bad_output(handler: HandlerDefinition, error: EncodeError) -> str:
    return f"the result of {handler.qualified_name} ({handler.source}) does not fit its return annotation: {error}"


def deadlock(place: str, awaited: asyncio.Future[Any] | None) -> str:
    """For a handler that waits for what nothing will complete: ``awaited``, if that is known."""
    if isinstance(awaited, PlainFuture) or type(awaited) is asyncio.Future:
        where = getattr(awaited, "where", None)
        return (
            f"the handler waits at {place} for a future{f' (made at {where})' if where else ''} that nothing will"
            " complete: no task of the handler does. The result of a thread, which a library may have of its own, or of"
            " anything else outside of the handler can't be used in handler code: it would not be replayed. Put it"
            ' into a step: await ctx.run("name", function, …).'
        )
    return (
        f"the handler waits at {place} for something that nothing will complete: no call, timer, step, awakeable,"
        " promise or signal is being awaited. An asyncio.Event or Queue that no other task of this handler serves, or"
        " that a thread would?"
        " (A lock or queue kept on self connects no invocations: each may run in another process.)"
    )


def refuse_endless_signal(results: Results) -> None:
    """A second wait for a named signal can't survive a suspension.

    The server keeps the names that have arrived, so it would wake the invocation at once, again
    and again.

    Raises:
        HandlerBugError: Such a wait is in progress.
    """
    if not results.consumed:
        return
    for id_ in results.awaited():
        if isinstance(id_, str) and id_ in results.consumed:
            raise HandlerBugError(
                f"signal {id_!r} was received before and is awaited again while the invocation suspends; Restate tells"
                " signals apart by name only. Number the names: ctx.signal(f'step-{i}', …)."
            )
