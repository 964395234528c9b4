"""What a server sends first: the start message and the input."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from restate_reflect.errors import ProtocolViolationError
from restate_reflect.protocol import pb, wire
from restate_reflect.protocol.messages import parsed
from restate_reflect.protocol.versions import ProtocolVersion

__all__ = ["Input", "StartInfo", "read_input", "read_start", "read_state"]


class StartInfo(NamedTuple):
    """What the start message said. (A named tuple is made in 0.4 µs, a frozen dataclass in 2 µs.)"""

    id: bytes
    debug_id: str
    key: str
    random_seed: int
    retry_count: int
    """Attempts since the last stored entry; best effort."""
    retry_duration: float
    """Seconds since the last stored entry, 0 for a first attempt; best effort."""
    scope: str | None = None
    limit_key: str | None = None
    idempotency_key: str | None = None
    known_entries: int = 0
    """Of the journal that came with it."""


class Input:
    """The input command."""

    __slots__ = ("body", "headers")

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body


def read_input(payload: bytes) -> Input:
    """An input without headers, as most are, is cut out by hand: 0.6 µs instead of 2."""
    body = wire.read_lone_value(payload)
    if body is not None:
        return Input({}, body)
    read = parsed(pb.InputCommandMessage, payload)
    return Input({header.key: header.value for header in read.headers}, read.value.content)


def read_start(read: pb.StartMessage, version: ProtocolVersion) -> StartInfo:
    scoped = version.has_scopes
    return StartInfo(
        id=read.id,
        debug_id=read.debug_id,
        key=read.key,
        random_seed=read.random_seed if version.has_random_seed else _seed_of(read.id),
        retry_count=read.retry_count_since_last_stored_entry,
        retry_duration=_retry_duration(read),
        scope=_optional(read, "scope") if scoped else None,
        limit_key=_optional(read, "limit_key") if scoped else None,
        idempotency_key=_optional(read, "idempotency_key") if scoped else None,
        known_entries=read.known_entries,
    )


def _optional(read: pb.StartMessage, name: str) -> str | None:
    return getattr(read, name) if read.HasField(name) else None


def _seed_of(invocation_id: bytes) -> int:
    """V5 sends no seed; the invocation id gives one that is the same in every attempt."""
    return int.from_bytes(hashlib.sha256(invocation_id).digest()[:8], "big")


def _retry_duration(read: pb.StartMessage) -> float:
    """For a first attempt the server sends the age of the last entry, which is no retry time."""
    if read.retry_count_since_last_stored_entry == 0:
        return 0.0
    return read.duration_since_last_stored_entry / 1000


def read_state(read: pb.StartMessage) -> dict[str, bytes | None]:
    state_map = read.state_map
    if not state_map:
        return {}
    try:
        return {entry.key.decode(): entry.value for entry in state_map}
    except UnicodeDecodeError as error:
        raise ProtocolViolationError(f"a state key is not UTF-8: {error}") from error
