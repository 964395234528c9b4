"""What is known of an invocation besides its journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.embedded.kernel.bounds import no_later
from restate_reflect.embedded.kernel.keys import Key
from restate_reflect.errors import TerminalError
from restate_reflect.protocol import _pb2 as pb

__all__ = ["CANCELLED", "KILLED", "FailedAttempt", "Failure", "Invocation", "Listener", "Outcome", "Status", "Target"]


class Status(Enum):
    """Where an invocation stands.

    SCHEDULED -> INBOXED -> RUNNING <-> SUSPENDED, BACKING_OFF, PAUSED -> COMPLETED; nothing is
    stored of one that is free again.
    """

    SCHEDULED = "scheduled"
    """Waits for its time."""
    INBOXED = "inboxed"
    """Waits for the object's key."""
    RUNNING = "running"
    SUSPENDED = "suspended"
    BACKING_OFF = "backing-off"
    """Failed; the next attempt has a time."""
    PAUSED = "paused"
    """Waits for an operator."""
    COMPLETED = "completed"

    @property
    def is_in_flight(self) -> bool:
        """Whether the handler has begun and not ended; such an invocation takes journal entries."""
        return self in _IN_FLIGHT


_IN_FLIGHT = frozenset({Status.RUNNING, Status.SUSPENDED, Status.BACKING_OFF, Status.PAUSED})


@dataclass(frozen=True, slots=True)
class Target:
    """What an invocation runs."""

    service: str
    handler: str
    key: str | None
    service_kind: ServiceKind
    handler_kind: HandlerKind | None
    scope: str | None = None

    @property
    def is_exclusive(self) -> bool:
        """Whether it needs the key of a virtual object for itself."""
        return self.handler_kind is HandlerKind.EXCLUSIVE

    @property
    def is_workflow_run(self) -> bool:
        return self.handler_kind is HandlerKind.WORKFLOW

    @property
    def keyed(self) -> Key | None:
        """Whose state and promises it sees, if there is a key."""
        return None if self.key is None else Key(self.service, self.key, self.scope or "")

    @property
    def place(self) -> str | None:
        """What says where it is stored, in a cluster: its scope, else its key."""
        return self.key if self.scope is None else self.scope

    def __str__(self) -> str:
        return "/".join(part for part in (self.service, self.key, self.handler) if part is not None)


@dataclass(frozen=True, slots=True)
class Failure:
    """A terminal failure, or why an attempt failed."""

    code: int
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    stacktrace: str | None = None
    """Of an attempt's error; callers over the ingress see it, handlers don't."""
    command_index: int | None = None
    """Of the command that an attempt's error is about, as are the next two."""
    command_name: str | None = None
    command_type: int | None = None
    """A message type."""
    doc_code: str | None = None
    """Restate's own code of an attempt's error, such as ``RT0018``, where it does not follow from ``code``."""

    @classmethod
    def read(cls, failure: pb.Failure) -> Failure:
        code = failure.code if failure.code < 1 << 16 else 500  # as the server, whose codes have 16 bits
        return cls(code, failure.message, {entry.key: entry.value for entry in failure.metadata})

    def to_message(self) -> pb.Failure:
        message = pb.Failure(code=self.code, message=self.message)
        for key, value in self.metadata.items():
            message.metadata.add(key=key, value=value)
        return message

    def to_error(self) -> TerminalError:
        return TerminalError(self.message, self.code, metadata=self.metadata)


KILLED = Failure(409, "killed")
CANCELLED = Failure(409, "canceled")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended.

    Attributes:
        value: The output, as bytes; ``None`` if it failed.
        failure: Why it failed, as the exception a caller would see; ``None`` if it did not.
        expires_at: When it is forgotten, in milliseconds since the epoch; ``None`` when the answer
            is the first one, as for restate-server.
        stacktrace: Of an attempt that was given up.
    """

    invocation_id: str
    value: bytes | None = None
    failure: TerminalError | None = None
    expires_at: int | None = None
    stacktrace: str | None = None

    def unwrap(self) -> bytes:
        """The output.

        Raises:
            TerminalError: The invocation failed.
        """
        if self.failure is not None:
            raise self.failure
        return self.value or b""


class FailedAttempt(NamedTuple):
    """Why an attempt failed, to be looked at later."""

    at: int
    after: int
    """Index of the last journal entry then."""
    failure: Failure


MAX_FAILED_ATTEMPTS = 50
"""As many are kept of an invocation, the latest: each may bring a traceback along."""


class Listener(NamedTuple):
    """An invocation that waits for another one's result."""

    invocation: str
    completion_id: int
    message_type: int
    """Of the completion it gets."""


@dataclass(slots=True, eq=False)
class Invocation:
    """The record of one invocation; it changes only inside the kernel. Times in milliseconds."""

    id: str
    serial: int
    target: Target
    created_at: int
    completion_retention: int
    journal_retention: int
    status: Status = Status.RUNNING
    parent: str | None = None
    execution_time: int | None = None
    idempotency_key: str | None = None
    limit_key: str | None = None
    deployment: str | None = None
    """Pinned by the first attempt that stored an entry."""
    protocol: int | None = None
    length: int = 0
    """Journal entries."""
    commands: int = 0
    modified_at: int = 0
    """When the last journal entry was stored."""
    listeners: list[Listener] = field(default_factory=list)
    awaiting: bytes | None = None
    """SUSPENDED: the serialized await tree, what has arrived taken out."""
    retries: int = 0
    """Retries since the invocation last started or resumed; the policy counts them."""
    retries_since_entry: int = 0
    """Failed attempts since the last command was stored; goes into the start message."""
    retry_at: int | None = None
    last_failure: Failure | None = None
    value: bytes | None = None
    failure: Failure | None = None
    completed_at: int | None = None
    inboxed_at: int | None = None
    running_at: int | None = None
    """When it first ran."""
    started_at: int | None = None
    """When its latest attempt was started."""
    restarted_from: str | None = None
    """The invocation of which this is a repetition."""
    failed_attempts: list[FailedAttempt] = field(default_factory=list)
    """One for several in a row that failed alike."""

    def note_failed_attempt(self, failure: Failure, now: int) -> None:
        """One that others follow; the last one before the invocation is paused or ends is told by that."""
        if not self.failed_attempts or self.failed_attempts[-1].failure != failure:
            self.failed_attempts.append(FailedAttempt(now, max(self.length - 1, 0), failure))
            del self.failed_attempts[:-MAX_FAILED_ATTEMPTS]

    @property
    def expires_at(self) -> int | None:
        return None if self.completed_at is None else no_later(self.completed_at + self.completion_retention)

    def outcome(self, *, repeated: bool = True) -> Outcome:
        """The result; only valid once completed. The first answer does not tell when it expires."""
        error = self.failure.to_error() if self.failure else None
        stacktrace = self.failure.stacktrace if self.failure else None
        return Outcome(self.id, self.value, error, self.expires_at if repeated else None, stacktrace)
