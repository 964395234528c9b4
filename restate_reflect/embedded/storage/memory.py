"""A store that lives as long as the object."""

from __future__ import annotations

from collections.abc import Iterable

from restate_reflect.embedded.kernel.journal import Entry
from restate_reflect.embedded.kernel.keys import Key
from restate_reflect.embedded.kernel.packing import pack, unpack
from restate_reflect.embedded.kernel.records import Invocation, Status
from restate_reflect.embedded.kernel.store import Promise, StoredTimer
from restate_reflect.embedded.kernel.timers import TimerKind

__all__ = ["MemoryStore"]


class MemoryStore:
    """Dictionaries. A commit does nothing: nobody survives to read half a transaction."""

    rolls_back = False
    file: str | None = None

    def __init__(self) -> None:
        self._invocations: dict[str, Invocation] = {}
        self._journals: dict[str, bytearray] = {}
        self._state: dict[Key, dict[bytes, bytes]] = {}
        self._promises: dict[Key, dict[str, Promise]] = {}
        self._timers: dict[str, dict[tuple[TimerKind, int], StoredTimer]] = {}
        self._meta: dict[str, bytes] = {}

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...

    # ------------------------------------------------------------ invocations

    def put_invocation(self, invocation: Invocation) -> None:
        self._invocations[invocation.id] = invocation

    def delete_invocation(self, identifier: str) -> None:
        self._invocations.pop(identifier, None)

    def get_invocation(self, identifier: str) -> Invocation | None:
        return self._invocations.get(identifier)

    def invocations(self, *, live: bool) -> Iterable[Invocation]:
        return [each for each in self._invocations.values() if not live or each.status is not Status.COMPLETED]

    # ------------------------------------------------------------ journals

    def append(self, identifier: str, index: int, entry: Entry) -> None:
        self._journals.setdefault(identifier, bytearray()).extend(pack(*entry))

    def journal(self, identifier: str) -> list[Entry]:
        return [Entry(*each) for each in unpack(self.packed_journal(identifier))]

    def packed_journal(self, identifier: str) -> bytes | bytearray:
        return self._journals.get(identifier, b"")

    def delete_journal(self, identifier: str) -> None:
        self._journals.pop(identifier, None)

    # ------------------------------------------------------------ state and promises

    def state(self, key: Key) -> dict[bytes, bytes]:
        return dict(sorted(self._state.get(key, {}).items()))

    def state_owners(self) -> Iterable[Key]:
        return sorted(key for key, state in self._state.items() if state)

    def get_state(self, key: Key, name: bytes) -> bytes | None:
        return self._state.get(key, {}).get(name)

    def set_state(self, key: Key, name: bytes, value: bytes) -> None:
        self._state.setdefault(key, {})[name] = value

    def clear_state(self, key: Key, name: bytes) -> None:
        self._state.get(key, {}).pop(name, None)

    def clear_all_state(self, key: Key) -> None:
        self._state.pop(key, None)

    def promise(self, key: Key, name: str) -> Promise | None:
        return self._promises.get(key, {}).get(name)

    def put_promise(self, key: Key, name: str, promise: Promise) -> None:
        self._promises.setdefault(key, {})[name] = promise

    def clear_promises(self, key: Key) -> None:
        self._promises.pop(key, None)

    def promises(self) -> Iterable[tuple[Key, str, Promise]]:
        return [(key, name, each) for key, named in self._promises.items() for name, each in named.items()]

    # ------------------------------------------------------------ timers and the rest

    def put_timer(self, timer: StoredTimer) -> None:
        self._timers.setdefault(timer.invocation, {})[timer.kind, timer.completion_id] = timer

    def delete_timer(self, kind: TimerKind, identifier: str, completion_id: int) -> None:
        self._timers.get(identifier, {}).pop((kind, completion_id), None)

    def delete_timers(self, identifier: str) -> None:
        self._timers.pop(identifier, None)

    def timers(self) -> Iterable[StoredTimer]:
        return [timer for timers in self._timers.values() for timer in timers.values()]

    def get_meta(self, name: str) -> bytes | None:
        return self._meta.get(name)

    def put_meta(self, name: str, value: bytes) -> None:
        self._meta[name] = value
