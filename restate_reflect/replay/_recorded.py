"""A journal that was recorded: plain data, whatever it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from restate_reflect.protocol.framing import RawMessage, is_command

__all__ = ["LastFailure", "RecordedEntry", "RecordedJournal"]


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """A journal entry: the type and the bytes of its message in the service protocol."""

    type: int
    payload: bytes
    appended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LastFailure:
    """The error of the invocation's last attempt."""

    message: str
    code: str | None = None
    command_index: int | None = None
    """Of the command it is about."""


@dataclass(frozen=True)
class RecordedJournal:
    """An invocation, and all that its journal holds.

    Attributes:
        invocation: Its id.
        protocol: Version of the service protocol that it runs on (5 to 7).
        entries: Oldest first; the first one is the input.
        state: The whole state of its key when the journal was recorded; ``None`` if it is not known, or belongs to
            others by now (of a completed invocation).
        random_seed: Of ``ctx.random``; ``None`` if it is not known. No table of a server has it.
        status: As ``sys_invocation`` has it; empty if it is not known.
    """

    invocation: str
    service: str
    handler: str
    protocol: int
    entries: tuple[RecordedEntry, ...]
    key: str | None = None
    state: Mapping[str, bytes] | None = None
    random_seed: int | None = None
    scope: str | None = None
    limit_key: str | None = None
    idempotency_key: str | None = None
    status: str = ""
    failure: LastFailure | None = None
    deployment: str | None = None
    recorded_at: datetime | None = None
    masked: tuple[str, ...] = field(default=())
    """Paths of what was taken out of it."""

    @property
    def target(self) -> str:
        """``Service/handler`` or ``Service/key/handler``."""
        return "/".join(part for part in (self.service, self.key, self.handler) if part is not None)

    @cached_property
    def commands(self) -> tuple[RawMessage, ...]:
        """What the handler did, without the results; the input is number 0."""
        return tuple(RawMessage(entry.type, entry.payload) for entry in self.entries if is_command(entry.type))
