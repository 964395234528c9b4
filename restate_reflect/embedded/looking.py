"""What is stored and what happens, to look at from outside: state, journals, records, attempts; and the time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from restate_reflect.embedded.attempts.executor import Observer
from restate_reflect.embedded.base import RuntimeBase
from restate_reflect.embedded.errors import EmbeddedRuntimeError, InvocationStateError, RuntimeStoppedError
from restate_reflect.embedded.kernel.bounds import check_texts, moment_after
from restate_reflect.embedded.kernel.journal import JournalEntry
from restate_reflect.embedded.kernel.kernel import EntryHook
from restate_reflect.embedded.kernel.keys import Key
from restate_reflect.embedded.kernel.records import Invocation
from restate_reflect.embedded.kernel.store import Promise
from restate_reflect.embedded.travel import settle
from restate_reflect.identifiers import InvocationTarget

__all__ = ["Looking"]


class Looking(RuntimeBase):
    """Reads the kernel and its store; ``set_state`` alone changes something."""

    def state(self, service: str, key: str, scope: str | None = None) -> dict[str, bytes]:
        """The state of an object or workflow."""
        found = self.kernel.store.state(Key(service, key, scope or ""))
        return {name.decode(): value for name, value in found.items()}

    def set_state(
        self,
        service: str,
        key: str,
        values: Mapping[str, bytes | None],
        scope: str | None = None,
        *,
        replace: bool = False,
    ) -> None:
        """Writes state from outside; ``None`` clears a key, ``replace`` all others too.

        Raises:
            InvocationStateError: An exclusive invocation holds the key.
            RequestError: A name is no Unicode text.
        """
        where = Key(service, key, scope or "")
        holder = self.kernel.keys.holder(where)
        if holder is not None:
            raise InvocationStateError(f"{service}/{key} is in use by {holder}; its state can't be changed meanwhile")
        check_texts(*where, *values)
        with self._driver.request():
            self._write_state(where, {name.encode(): value for name, value in values.items()}, replace)

    def _write_state(self, where: Key, values: Mapping[bytes, bytes | None], replace: bool) -> None:
        store = self.kernel.store
        if replace:
            store.clear_all_state(where)
        for name, value in values.items():
            if value is None:
                store.clear_state(where, name)
            else:
                store.set_state(where, name, value)

    def journal(self, target: InvocationTarget) -> list[JournalEntry]:
        """The journal of an invocation.

        Raises:
            InvocationNotFoundError: It is not known.
        """
        entries = self.kernel.store.journal(self._get(target).id)
        return [JournalEntry.read(index, entry) for index, entry in enumerate(entries)]

    def invocation(self, target: InvocationTarget) -> Invocation:
        """The record of an invocation; not to be changed.

        Raises:
            InvocationNotFoundError: It is not known.
        """
        return self._get(target)

    def invocations(self) -> list[Invocation]:
        """Every invocation that is stored, oldest first."""
        return list(self.kernel.all())

    @property
    def on_entry(self) -> EntryHook | None:
        """Called as ``hook(invocation, index, entry)`` for each journal entry, within the transaction
        that stores it. If it returns ``True``, the attempt is cut off right there, as by a crash of
        its process, and the next one starts at once."""
        return self.kernel.on_entry

    @on_entry.setter
    def on_entry(self, hook: EntryHook | None) -> None:
        self.kernel.on_entry = hook

    @property
    def observer(self) -> Observer | None:
        """Watches attempts come and go."""
        return self._driver.attempts.observer

    @observer.setter
    def observer(self, observer: Observer | None) -> None:
        self._driver.attempts.observer = observer

    def wait_for_attempts(self, is_patient: Callable[[], bool]) -> None:
        """No attempt is timed out while that says so: somebody debugs one."""
        self._driver.attempts.is_patient = is_patient

    def promise(self, workflow: str, key: str, name: str, scope: str | None = None) -> Promise | None:
        """A promise as it is stored."""
        return self.kernel.store.promise(Key(workflow, key, scope or ""), name)

    # ------------------------------------------------------------ how it is

    @property
    def failure(self) -> RuntimeStoppedError | None:
        """Why the runtime has stopped by itself: its store failed, or it broke down. Requests raise it from then on."""
        return self._driver.failure

    async def failed(self) -> RuntimeStoppedError:
        """Waits until the runtime stops by itself."""
        await self._driver.failed.wait()
        assert self._driver.failure is not None
        return self._driver.failure

    # ------------------------------------------------------------ time

    def time(self) -> float:
        """The clock's time in seconds since the epoch."""
        return self.clock.now() / 1000

    def next_timer(self) -> int | None:
        """When the next thing happens that a handler can notice, in milliseconds since the epoch."""
        return self.kernel.timers.next_at(housekeeping=False)

    @property
    def is_idle(self) -> bool:
        """Whether only time or a request can make anything happen."""
        return self._driver.is_idle

    async def settle(self) -> None:
        """Waits until everything that can happen now has happened: no step executes any more."""
        await settle(self._driver)

    async def advance(self, duration: timedelta | float) -> None:
        """Moves a virtual clock, timer by timer, letting everything settle in between.

        Raises:
            EmbeddedRuntimeError: The clock is a real one, or time would end after the year 9999.
        """
        if self._travel is None:
            raise EmbeddedRuntimeError("only a VirtualClock can be moved; make the Runtime with one")
        now = self.clock.now()
        await self._travel.advance(moment_after(now, duration) - now)

    def poke(self) -> None:
        """Does what is due, after somebody has moved a virtual clock by hand."""
        self._driver.turn()
