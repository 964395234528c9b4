"""Where everything durable is kept.

The kernel writes as things happen and commits once per batch; what was not committed never
happened. Stores never wait and know nothing of protocols.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from restate_reflect.embedded.kernel.journal import Entry
from restate_reflect.embedded.kernel.keys import Key
from restate_reflect.embedded.kernel.records import Failure, Invocation
from restate_reflect.embedded.kernel.timers import TimerKind

__all__ = ["Promise", "Store", "StoredTimer"]


@dataclass(slots=True)
class Promise:
    """A durable promise of a workflow: completed, or with invocations that wait for it."""

    completed: bool = False
    value: bytes | None = None
    failure: Failure | None = None
    waiting: list[tuple[str, int]] = field(default_factory=list)
    """Invocation and completion id."""


class StoredTimer(NamedTuple):
    """A durable timer."""

    at: int
    kind: TimerKind
    invocation: str
    completion_id: int


class Store(Protocol):
    """All methods belong to the transaction in progress; ``commit`` ends it.

    Any of them may raise ``StoreError``.
    """

    rolls_back: bool
    """Whether ``rollback`` does what it says."""
    file: str | None
    """An SQLite file that another process may read at any time; ``None`` if there is none."""

    def commit(self) -> None:
        """Makes everything since the last commit durable, or nothing of it."""
        ...

    def rollback(self) -> None:
        """Forgets everything since the last commit. A store that can't may ignore it."""
        ...

    def close(self) -> None: ...

    # ------------------------------------------------------------ invocations

    def put_invocation(self, invocation: Invocation) -> None: ...
    def delete_invocation(self, identifier: str) -> None: ...
    def get_invocation(self, identifier: str) -> Invocation | None: ...

    def invocations(self, *, live: bool) -> Iterable[Invocation]:
        """Oldest first; with ``live`` only those that are not completed."""
        ...

    # ------------------------------------------------------------ journals

    def append(self, identifier: str, index: int, entry: Entry) -> None: ...
    def journal(self, identifier: str) -> list[Entry]: ...
    def packed_journal(self, identifier: str) -> bytes | bytearray:
        """The same in one piece (``packing``)."""
        ...

    def delete_journal(self, identifier: str) -> None: ...

    # ------------------------------------------------------------ state and promises

    def state(self, key: Key) -> dict[bytes, bytes]:
        """A copy, by state key in byte order."""
        ...

    def state_owners(self) -> Iterable[Key]:
        """Every object and workflow that has state."""
        ...

    def get_state(self, key: Key, name: bytes) -> bytes | None: ...
    def set_state(self, key: Key, name: bytes, value: bytes) -> None: ...
    def clear_state(self, key: Key, name: bytes) -> None: ...
    def clear_all_state(self, key: Key) -> None: ...

    def promise(self, key: Key, name: str) -> Promise | None: ...
    def put_promise(self, key: Key, name: str, promise: Promise) -> None: ...
    def clear_promises(self, key: Key) -> None: ...
    def promises(self) -> Iterable[tuple[Key, str, Promise]]:
        """All of them, with workflow and name."""
        ...

    # ------------------------------------------------------------ timers and the rest

    def put_timer(self, timer: StoredTimer) -> None: ...
    def delete_timer(self, kind: TimerKind, identifier: str, completion_id: int) -> None: ...
    def delete_timers(self, identifier: str) -> None: ...
    def timers(self) -> Iterable[StoredTimer]: ...

    def get_meta(self, name: str) -> bytes | None: ...
    def put_meta(self, name: str, value: bytes) -> None: ...
