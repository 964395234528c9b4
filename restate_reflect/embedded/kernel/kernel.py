"""The state machine of all invocations. It never waits, and knows no sockets.

1. Everything that happens is a method call, or a function of ``lifecycle`` or ``commands``, that
   changes records and writes to the store. Nothing is visible outside before ``commit``.
2. What has to happen outside (start an attempt, send it a notification, stop it) is told to the
   ``Executor``, which acts on it only after the commit: an attempt never learns of something
   that a crash could still undo.
3. ``Kernel.append`` and ``Kernel.notify`` are the only ways into a journal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from restate_reflect.embedded.deployments.catalog import Catalog
from restate_reflect.embedded.kernel import awaiting, mutations
from restate_reflect.embedded.kernel.bounds import no_later
from restate_reflect.embedded.kernel.clock import Clock
from restate_reflect.embedded.kernel.journal import CANCEL_SIGNAL, Entry, notification_key
from restate_reflect.embedded.kernel.keys import Key, KeyQueues
from restate_reflect.embedded.kernel.mutations import Mutation
from restate_reflect.embedded.kernel.records import Invocation, Status
from restate_reflect.embedded.kernel.store import Store, StoredTimer
from restate_reflect.embedded.kernel.timers import TimerKind, Timers
from restate_reflect.embedded.settings import RuntimeSettings
from restate_reflect.protocol import _pb2 as pb
from restate_reflect.protocol.framing import is_command
from restate_reflect.protocol.messages import MessageType

__all__ = ["EntryHook", "Executor", "Kernel"]


class Executor(Protocol):
    """Runs attempts. Each of these takes effect after the commit of the transaction in progress."""

    def start(self, invocation: Invocation) -> None: ...
    def stop(self, invocation: Invocation) -> None:
        """Ends the attempt, if there is one; whatever it still says is ignored."""
        ...

    def pause(self, invocation: Invocation) -> bool:
        """Asks the attempt in progress to suspend, and makes the invocation paused when it has ended, however it ends;
        ``False`` if there is none."""
        ...

    def forward(self, invocation: Invocation, entry: Entry) -> None:
        """A notification for an attempt that may wait for it."""
        ...

    def finished(self, invocation: Invocation) -> None:
        """The invocation is completed; callers may be told."""
        ...

    def crash(self, invocation: Invocation) -> None:
        """Drops the attempt where it stands, and starts the next one at once."""
        ...


class _Nobody:
    """The executor of a closed runtime."""

    def start(self, invocation: Invocation) -> None: ...
    def stop(self, invocation: Invocation) -> None: ...
    def pause(self, invocation: Invocation) -> bool:
        return False

    def forward(self, invocation: Invocation, entry: Entry) -> None: ...
    def finished(self, invocation: Invocation) -> None: ...
    def crash(self, invocation: Invocation) -> None: ...


_NOBODY: Final = _Nobody()

EntryHook = Callable[[Invocation, int, Entry], bool]
"""Told of every entry with its index; ``True`` crashes the attempt right after it was stored."""


_SEED: Final = "seed"
_SERIAL: Final = "serial"
_SERIALS_AHEAD: Final = 1000
"""Numbers that are stored as used beforehand: one write in place of a thousand."""


class Kernel:
    """All live invocations, and the tables that are derived from them."""

    def __init__(
        self, store: Store, clock: Clock, settings: RuntimeSettings, executor: Executor, seed: bytes | None
    ) -> None:
        self.store = store
        self.clock = clock
        self.settings = settings
        self.catalog = Catalog(settings)
        self.executor = executor
        self.live: dict[str, Invocation] = {}
        self.keys = KeyQueues()
        self.timers = Timers()
        self.seed = self._load_seed(seed)
        self.on_entry: EntryHook | None = None
        self.on_failure: Callable[[Invocation], bool] | None = None
        """Told of every attempt that failed; ``True`` pauses the invocation, whatever its retry policy says."""
        self.on_pause: Callable[[Invocation], None] | None = None
        """Told of every invocation that is paused after a failure."""
        self._serial = self._stored_serial = self._load_serial()
        self._dirty: dict[str, Invocation] = {}
        self._mutations = mutations.load(store)
        """Changes of state that wait for their keys."""

    def _load_seed(self, seed: bytes | None) -> bytes:
        stored = self.store.get_meta(_SEED)
        if stored is None:
            stored = seed or (b"virtual time" if self.clock.is_virtual else os.urandom(16))
            self.store.put_meta(_SEED, stored)
            self.store.commit()
        return stored

    def _load_serial(self) -> int:
        return int.from_bytes(self.store.get_meta(_SERIAL) or b"", "big")

    # ------------------------------------------------------------ transactions

    def now(self) -> int:
        return self.clock.now()

    def touch(self, invocation: Invocation) -> None:
        """The record has changed, and is written at the next commit."""
        self._dirty[invocation.id] = invocation

    def commit(self) -> None:
        """Ends the transaction."""
        for invocation in self._dirty.values():
            self.store.put_invocation(invocation)
        self._dirty.clear()
        if self._serial > self._stored_serial:
            self._store_serial(self._serial + _SERIALS_AHEAD)
        self.store.commit()

    def _store_serial(self, most: int) -> None:
        """Ids come from serials: one that was used must not come back after a restart."""
        self._stored_serial = most
        self.store.put_meta(_SERIAL, most.to_bytes(8, "big"))

    @property
    def is_dirty(self) -> bool:
        """Whether there is something to commit."""
        return bool(self._dirty)

    def finish(self) -> None:
        """The last transaction: the numbers go on where they are."""
        self._store_serial(self._serial)
        self.commit()

    def forget(self, invocation: Invocation) -> None:
        """Removes everything that is stored of an invocation."""
        self._dirty.pop(invocation.id, None)
        self.live.pop(invocation.id, None)
        self.drop_timers(invocation)
        self.store.delete_journal(invocation.id)
        self.store.delete_invocation(invocation.id)

    def find(self, identifier: str) -> Invocation | None:
        """A live or completed invocation."""
        return self.live.get(identifier) or self._dirty.get(identifier) or self.store.get_invocation(identifier)

    def all(self) -> Iterator[Invocation]:
        """Every invocation that is stored, oldest first. Commits."""
        self.commit()
        for stored in self.store.invocations(live=False):
            yield self.live.get(stored.id, stored)

    def next_serial(self) -> int:
        self._serial += 1
        return self._serial

    # ------------------------------------------------------------ journals

    def append(self, invocation: Invocation, message_type: int, payload: bytes) -> Entry:
        """Adds an entry to the journal."""
        entry = Entry(message_type, payload, self.now())
        self.store.append(invocation.id, invocation.length, entry)
        invocation.length += 1
        invocation.modified_at = entry.stored_at
        if is_command(message_type):
            invocation.commands += 1
            invocation.retries_since_entry = 0
        self.touch(invocation)
        if self.on_entry is not None and self.on_entry(invocation, invocation.length - 1, entry):
            self.executor.crash(invocation)
        return entry

    def notify(self, invocation: Invocation, message_type: MessageType, message: pb.Notification) -> None:
        """Adds a completion or a signal, and wakes the invocation if it waits for it.

        Ignored if the handler has not begun or has ended.
        """
        if not invocation.status.is_in_flight:
            return
        entry = self.append(invocation, message_type, message.SerializeToString())
        match invocation.status:
            case Status.RUNNING:
                self.executor.forward(invocation, entry)
            case Status.SUSPENDED:
                self._wake(invocation, message)
            case Status.PAUSED if notification_key(message) == ("signal", CANCEL_SIGNAL):
                self.run(invocation)
            case _:
                pass

    def notify_id(self, identifier: str, message_type: MessageType, message: pb.Notification) -> None:
        """As ``notify``, for an invocation that may be gone."""
        invocation = self.live.get(identifier)
        if invocation is not None:
            self.notify(invocation, message_type, message)

    def _wake(self, invocation: Invocation, message: pb.Notification) -> None:
        tree = pb.Future.FromString(invocation.awaiting or b"")
        key, success = notification_key(message), awaiting.result_of(message)
        if awaiting.resolve(tree, lambda wanted: success if wanted == key else None):
            self.run(invocation)
        else:
            invocation.awaiting = tree.SerializeToString()

    # ------------------------------------------------------------ running

    def run(self, invocation: Invocation) -> None:
        """Starts the first attempt, or the next one, as soon as the transaction is over."""
        if invocation.status is not Status.BACKING_OFF:
            invocation.retries = 0
        invocation.status = Status.RUNNING
        invocation.started_at = self.now()
        invocation.running_at = invocation.running_at or invocation.started_at
        invocation.awaiting = None
        invocation.retry_at = None
        self.timers.cancel(invocation.id, TimerKind.RETRY)
        self.touch(invocation)
        self.executor.start(invocation)

    # ------------------------------------------------------------ keys

    def mutate(self, mutation: Mutation) -> None:
        """Changes state as soon as its key is free."""
        if self.keys.acquire(mutation.where, mutation.id):
            self._mutate(mutation)
            self.release_key(mutation.where, mutation.id)
        elif mutation.id not in self._mutations:
            self._mutations[mutation.id] = mutation
            mutations.save(self.store, self._mutations)

    def release_key(self, key: Key, identifier: str) -> None:
        """Gives a key up, or leaves its queue: changes of state come to their turn, and then an invocation."""
        following = self.keys.release(key, identifier)
        while following is not None and following in self._mutations:
            self._mutate(self._mutations[following])
            following = self.keys.release(key, following)
        if following is not None:
            self.run(self.live[following])

    def _mutate(self, mutation: Mutation) -> None:
        mutations.apply(self.store, mutation)
        if self._mutations.pop(mutation.id, None) is not None:
            mutations.save(self.store, self._mutations)

    # ------------------------------------------------------------ timers

    def set_timer(self, at: int, kind: TimerKind, identifier: str, completion_id: int = 0) -> None:
        at = no_later(at)
        if kind.is_durable:
            self.store.put_timer(StoredTimer(at, kind, identifier, completion_id))
        self.timers.set(at, kind, identifier, completion_id)

    def drop_timers(self, invocation: Invocation) -> None:
        """Nothing is due for this invocation any more."""
        if self.timers.has_durable(invocation.id):
            self.store.delete_timers(invocation.id)
        for timer in self.timers.of(invocation.id):
            self.timers.cancel(invocation.id, timer.kind, timer.completion_id)

    # ------------------------------------------------------------ before and after a restart

    def let_go(self) -> None:
        """The runtime is closed: nothing is started any more, and nobody told."""
        self.on_entry = self.on_failure = self.on_pause = None
        self.executor = _NOBODY

    def restart(self) -> None:
        """Goes back to what is stored: the transaction in progress never happened."""
        self.store.rollback()
        self.live.clear()
        self._dirty.clear()
        self.keys = KeyQueues()
        self.timers = Timers()
        self._serial = self._stored_serial = self._load_serial()
        self._mutations = mutations.load(self.store)
        self.restore()

    def restore(self) -> None:
        """Reads the store: every invocation goes on where it was. Attempts that were running start anew."""
        for timer in self.store.timers():
            self.timers.set(no_later(timer.at), timer.kind, timer.invocation, timer.completion_id)
        for invocation in self.store.invocations(live=True):
            self.live[invocation.id] = invocation
        inboxed = [each for each in self.live.values() if each.status is Status.INBOXED]
        waiting: list[Invocation | Mutation] = [*inboxed, *self._mutations.values()]
        for invocation in self.live.values():
            if invocation.status is not Status.INBOXED:
                self._restore(invocation)
        for each in sorted(waiting, key=lambda one: one.serial):
            if isinstance(each, Invocation):
                self._restore(each)
            else:
                self.mutate(each)

    def _restore(self, invocation: Invocation) -> None:
        keyed = invocation.target.keyed
        holds = (
            invocation.target.is_exclusive
            and keyed is not None
            and invocation.status is not Status.SCHEDULED
            and self.keys.acquire(keyed, invocation.id)
        )
        if holds and invocation.status is Status.INBOXED:
            invocation.status = Status.RUNNING
        if invocation.status in (Status.RUNNING, Status.BACKING_OFF):
            self.run(invocation)
