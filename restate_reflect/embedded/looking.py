"""What is stored and what happens, to look at from outside: state, journals, records, attempts; and the time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from restate_reflect.embedded.attempts.executor import Observer
from restate_reflect.embedded.base import RuntimeBase
from restate_reflect.embedded.errors import EmbeddedRuntimeError, InvocationStateError
from restate_reflect.embedded.kernel.journal import JournalEntry
from restate_reflect.embedded.kernel.kernel import EntryHook
from restate_reflect.embedded.kernel.records import Invocation
from restate_reflect.embedded.kernel.store import Promise
from restate_reflect.embedded.travel import settle
from restate_reflect.identifiers import InvocationTarget
from restate_reflect.options import millis

__all__ = ["Looking"]


class Looking(RuntimeBase):
    """Reads the kernel and its store; ``set_state`` alone changes something."""

    def state(self, service: str, key: str) -> dict[str, bytes]:
        """The state of an object or workflow."""
        return {name.decode(): value for name, value in self.kernel.store.state((service, key)).items()}

    def set_state(self, service: str, key: str, values: Mapping[str, bytes | None], *, replace: bool = False) -> None:
        """Writes state from outside; ``None`` clears a key, ``replace`` all others too.

        Raises:
            InvocationStateError: An exclusive invocation holds the key.
        """
        holder = self.kernel.keys.holder((service, key))
        if holder is not None:
            raise InvocationStateError(f"{service}/{key} is in use by {holder}; its state can't be changed meanwhile")
        if replace:
            self.kernel.store.clear_all_state((service, key))
        for name, value in values.items():
            if value is None:
                self.kernel.store.clear_state((service, key), name.encode())
            else:
                self.kernel.store.set_state((service, key), name.encode(), value)
        self._driver.turn()

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

    def promise(self, workflow: str, key: str, name: str) -> Promise | None:
        """A promise as it is stored."""
        return self.kernel.store.promise((workflow, key), name)

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
            EmbeddedRuntimeError: The clock is a real one.
        """
        if self._travel is None:
            raise EmbeddedRuntimeError("only a VirtualClock can be moved; make the Runtime with one")
        await self._travel.advance(millis(duration) or 0)

    def poke(self) -> None:
        """Does what is due, after somebody has moved a virtual clock by hand."""
        self._driver.turn()
