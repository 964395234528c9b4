"""What is stored of an invocation, as ``storage.serialization`` writes it, without the package's own classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

__all__ = ["CALLEE_TOLD", "RUNS", "DamagedError", "Entry", "Promise", "Record", "Target", "read_record"]

CALLEE_TOLD: Final = 0x800E
"""Message type of the completion that tells a caller whom it has called."""
RUNS: Final = frozenset({"running", "backing-off"})
"""Where an attempt is made, or the next one has a time."""
_OPTIONAL: Final = (
    "parent execution_time idempotency_key limit_key deployment protocol retry_at completed_at inboxed_at"
    " running_at started_at restarted_from failure last_failure"
)
_ABSENT: Final[Mapping[str, Any]] = {
    **dict.fromkeys(_OPTIONAL.split()),
    **dict.fromkeys(("length", "commands", "modified_at", "retries"), 0),
    "failed_attempts": (),
}
"""Of fields that were left out."""


class DamagedError(ValueError):
    """Something that is stored can't be read; the message says what."""


class Target(NamedTuple):
    """What an invocation runs."""

    service: str
    handler: str
    key: str | None
    service_kind: str
    handler_kind: str | None
    scope: str | None

    def __str__(self) -> str:
        return "/".join(part for part in (self.service, self.key, self.handler) if part is not None)


class Record:
    """An invocation: fields of the kernel's record, or those of them that a query needs. Times in milliseconds."""

    id: str
    serial: int
    status: str
    target: Target
    created_at: int
    completion_retention: int
    journal_retention: int
    parent: str | None
    execution_time: int | None
    idempotency_key: str | None
    limit_key: str | None
    deployment: str | None
    protocol: int | None
    retry_at: int | None
    completed_at: int | None
    inboxed_at: int | None
    running_at: int | None
    started_at: int | None
    restarted_from: str | None
    failure: Mapping[str, Any] | None
    last_failure: Mapping[str, Any] | None
    length: int
    commands: int
    modified_at: int
    retries: int
    failed_attempts: list[tuple[int, int, Mapping[str, Any]]]

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.__dict__.update(_ABSENT)
        self.__dict__.update(fields)

    @property
    def runs(self) -> bool:
        """Whether something is known of its latest attempt."""
        return self.status in RUNS


class Entry(NamedTuple):
    """A journal entry."""

    type: int
    payload: bytes
    stored_at: int


class Promise(NamedTuple):
    """A promise of a workflow."""

    service: str
    key: str
    scope: str
    """``""`` for none."""
    name: str
    completed: bool
    value: bytes | None
    failure: Mapping[str, Any] | None


def read_record(identifier: str, text: str) -> Record:
    """From the text of a store.

    Raises:
        DamagedError: It is none.
    """
    try:
        fields = json.loads(text)
        fields["target"] = Target(*[*fields["target"], fields.pop("scope", None)])
        record = Record(fields)
        for required in ("status", "created_at", "serial"):
            getattr(record, required)
        return record
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedError(f"the record of {identifier} can't be read ({error!r})") from None
