"""Every exception of the package.

    Exception
    └── RestateReflectError
        ├── TerminalError                    ends the invocation; never retried
        │   └── InvocationCancelledError     somebody cancelled it (code 409)
        ├── RetryableError                   ends the attempt; the server tries again
        ├── ReflectionError                  start-up: a class can't become a service
        ├── TargetError                      start-up: an import string leads nowhere
        ├── CodecError
        │   ├── UnsupportedTypeError         no codec for this annotation
        │   ├── EncodeError                  a value does not fit its declared type
        │   └── DecodeError                  bytes do not fit the declared type
        ├── PayloadError                     a payload can't be written or read; retryable
        │   ├── PayloadDamagedError          it is not what was written there
        │   └── PayloadUnavailableError      a key, a codec or what is kept elsewhere is missing
        ├── HandlerBugError                  the handler misuses the durable loop; retryable
        ├── AttemptClosedError               a context call after the attempt ended
        └── EngineError                      ends the attempt with a protocol code
            ├── JournalMismatchError         570: the code took another path than the journal
            ├── ProtocolViolationError       571: the peer broke the protocol
            └── UnsupportedFeatureError      573: newer protocol version needed

An exception of any other class, raised by a handler, is treated like RetryableError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

__all__ = [
    "AttemptClosedError",
    "CodecError",
    "DecodeError",
    "EncodeError",
    "EngineError",
    "HandlerBugError",
    "InvocationCancelledError",
    "JournalMismatchError",
    "PayloadDamagedError",
    "PayloadError",
    "PayloadUnavailableError",
    "Problem",
    "ProtocolViolationError",
    "ReflectionError",
    "RelatedCommand",
    "RestateReflectError",
    "RetryableError",
    "TargetError",
    "TerminalError",
    "UnsupportedFeatureError",
    "UnsupportedTypeError",
]


class RestateReflectError(Exception):
    """Base of every exception this package raises on purpose."""


def _told(error: Exception) -> str:
    """The message of an error whose class has a constructor of its own."""
    if type(error).__str__ is not BaseException.__str__ or len(error.args) == 1:
        try:
            return str(error)
        except Exception as broken:
            return f"(no text: its __str__ raised {type(broken).__name__})"
    return repr(error) if is_dataclass(error) else ", ".join([type(error).__name__, *map(str, error.args)])


def _unset(error: Exception, name: str, defaults: Mapping[str, Any]) -> Any:
    if name == "message":
        return _told(error)
    if name in defaults:
        return defaults[name]
    raise AttributeError(f"{type(error).__name__!r} object has no attribute {name!r}")


def _is_code(message: object) -> bool:
    """As in the exceptions of web frameworks, where the status comes first."""
    return isinstance(message, int)


class TerminalError(RestateReflectError):
    """Ends the invocation with a failure that callers see; it is never retried.

    A subclass may have a constructor of its own, or be a dataclass: what it does not set is its text, 500, and nothing.

    Args:
        message: Shown to the caller.
        code: An HTTP status code; the ingress answers with it.
        metadata: Strings that travel with the failure (service protocol V6 and newer).
    """

    def __init__(self, message: str = "", code: int = 500, *, metadata: Mapping[str, str] | None = None) -> None:
        if _is_code(message):
            raise TypeError(f"a TerminalError's text comes first: TerminalError('…', code={message})")
        super().__init__(message)
        self.message = message
        self.code = code
        self.metadata: dict[str, str] = dict(metadata or {})

    if not TYPE_CHECKING:  # to type checkers they are there, and nothing else is

        def __getattr__(self, name: str) -> Any:
            # No attributes of the class: a dataclass would take them for defaults of its fields.
            return _unset(self, name, {"code": 500, "metadata": {}})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((self.message, self.code))

    def _identity(self) -> tuple[str, int, dict[str, str]]:
        return self.message, self.code, self.metadata


class InvocationCancelledError(TerminalError):
    """The invocation was cancelled; raised at the awaits in progress, once.

    Context calls made after it was caught work as usual, so compensation can run.
    """

    def __init__(
        self, message: str = "cancelled", code: int = 409, *, metadata: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, code, metadata=metadata)


class RetryableError(RestateReflectError):
    """Ends this attempt; the server runs the handler again.

    Args:
        message: Shown in the server's log and in ``sys_invocation``.
        retry_after: Delay before the next attempt only (seconds or timedelta); without it
            the retry policy decides.
        code: An HTTP status code for reporting.
    """

    def __init__(self, message: str = "", *, retry_after: timedelta | float | None = None, code: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        if retry_after is not None and not isinstance(retry_after, timedelta):
            retry_after = timedelta(seconds=float(retry_after))
        self.retry_after = retry_after

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return _unset(self, name, {"code": 500, "retry_after": None})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a class from becoming a service."""

    where: str
    """``module.Class.method`` or ``module.Class``."""
    source: str
    """``file:line``."""
    what: str
    fix: str
    code: str
    """Stable identifier such as ``param-unannotated``."""

    def __str__(self) -> str:
        return f"{self.where} ({self.source}): {self.what} {self.fix}  [{self.code}]"


class ReflectionError(RestateReflectError):
    """Collects every problem of every class; raised once, at start-up."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        super().__init__("\n".join([count, *(f"  {problem}" for problem in self.problems)]))


class TargetError(RestateReflectError):
    """An import string such as ``shop:checkout`` does not lead to a service."""


class CodecError(RestateReflectError):
    """Base of what can go wrong between values and bytes."""


class UnsupportedTypeError(CodecError):
    """No codec can carry this annotation.

    Raised at start-up, never at call time.
    """

    def __init__(self, annotation: Any, why: str, fix: str) -> None:
        self.annotation, self.why, self.fix = annotation, why, fix
        super().__init__(f"{annotation!r}: {why} {fix}")


class EncodeError(CodecError):
    """A value does not fit its declared type. A bug, hence retryable: a redeploy mends it."""


class DecodeError(CodecError):
    """Bytes do not fit the declared type.

    Attributes:
        errors: One entry per mistake, as pydantic's ``ValidationError.errors()`` gives them
            (JSON-compatible); empty when the codec knows no details.
    """

    def __init__(self, message: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


class PayloadError(RestateReflectError):
    """A payload can't be encoded or decoded by ``restate_reflect.payloads``. Ends the attempt; it is tried again."""

    def at(self, position: object) -> Self:
        """The same, with where the payload stands."""
        return type(self)(f"the payload of {position} can't be read or written: {self}.")


class PayloadUnavailableError(PayloadError):
    """A key, a codec or a payload that is kept elsewhere is not there. A deployment may bring it."""


class PayloadDamagedError(PayloadError):
    """A payload is not what was written at this place."""

    def __init__(self, message: str, *, is_too_large: bool = False) -> None:
        super().__init__(message)
        self.is_too_large = is_too_large

    def at(self, position: object) -> Self:
        located = super().at(position)
        located.is_too_large = self.is_too_large
        return located


class HandlerBugError(RestateReflectError):
    """The handler did something the durable loop can't replay; the message shows the fix."""


class AttemptClosedError(RestateReflectError):
    """A context was used after its attempt ended, for instance in ``finally`` of a suspended handler."""


@dataclass(frozen=True, slots=True)
class RelatedCommand:
    """The journal command an error speaks of (``ErrorMessage.related_command_*``)."""

    index: int
    type: int
    name: str | None = None


class EngineError(RestateReflectError):
    """Ends the attempt with an ``ErrorMessage`` of this code."""

    code = 500

    def __init__(self, message: str, *, related: RelatedCommand | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.related = related


class JournalMismatchError(EngineError):
    """The code took another path than the one the journal has recorded (code 570)."""

    code = 570


class ProtocolViolationError(EngineError):
    """The peer sent what the protocol does not allow here (code 571)."""

    code = 571


class UnsupportedFeatureError(EngineError):
    """The negotiated service protocol version lacks what the handler asked for (code 573)."""

    code = 573
