"""Turns: where the kernel, the attempts, the clock and the callers meet.

One turn: read what attempts have said, fire what is due, commit, then tell and start attempts
and answer callers. In-process attempts answer within the same turn, so a turn goes round until
nothing is left to say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from restate_reflect.embedded.attempts.executor import Attempts
from restate_reflect.embedded.errors import EmbeddedRuntimeError
from restate_reflect.embedded.kernel import lifecycle
from restate_reflect.embedded.kernel.clock import Clock
from restate_reflect.embedded.kernel.journal import completion
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.records import Invocation, Outcome
from restate_reflect.embedded.kernel.store import Store
from restate_reflect.embedded.kernel.timers import Timer, TimerKind
from restate_reflect.embedded.settings import RuntimeSettings
from restate_reflect.protocol.messages import MessageType

__all__ = ["Driver"]


class Driver:
    """Moves one kernel on; on one event loop."""

    def __init__(self, store: Store, clock: Clock, settings: RuntimeSettings, seed: bytes | None) -> None:
        self.attempts = Attempts(self.turn)
        self.kernel = Kernel(store, clock, settings, self.attempts, seed)
        self.attempts.kernel = self.kernel
        self.waiters: dict[str, list[asyncio.Future[Outcome]]] = {}
        self.is_closed = False
        self.turns = 0
        """How many there were; tells whether anything has happened."""
        self.news = asyncio.Event()
        self.after_turn: Callable[[], None] | None = None
        self._turning = False
        self._again = False
        self.kernel.restore()
        self.turn()

    @property
    def is_idle(self) -> bool:
        """Whether only time or a request can make anything happen."""
        return not self.attempts.is_executing and not self.attempts.has_spoken

    def result_of(self, invocation: Invocation) -> asyncio.Future[Outcome]:
        """Done when the invocation is completed."""
        waiter: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.waiters.setdefault(invocation.id, []).append(waiter)
        waiter.add_done_callback(partial(self._drop, invocation.id))
        return waiter

    def _drop(self, identifier: str, waiter: asyncio.Future[Outcome]) -> None:
        """A caller that has gone away waits for nothing: time must not be skipped for it."""
        waiters = self.waiters.get(identifier)
        if waiters is not None and waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self.waiters[identifier]

    def turn(self) -> None:
        """Does everything that can be done now; see the module's docstring."""
        if self._turning or self.is_closed:
            self._again = True
            return
        self._turning = True
        try:
            self._go_round()
        except BaseException:
            self._break()
            raise
        finally:
            self._turning = False
        self.turns += 1
        self.news.set()
        self.kernel.clock.wake_at(self.kernel.timers.next_at(), self.turn)
        if self.after_turn is not None:
            self.after_turn()

    def _go_round(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            self.attempts.read()
            self._fire()
            self.kernel.commit()
            self.attempts.flush()
            self._answer()

    def _answer(self) -> None:
        for invocation in self.attempts.take_finished():
            for waiter in self.waiters.pop(invocation.id, ()):
                if not waiter.done():
                    waiter.set_result(invocation.outcome(repeated=False))

    # ------------------------------------------------------------ ending

    def close(self) -> None:
        """Drops attempts in progress, interrupts who waits, and closes the store."""
        if self.is_closed:
            return
        self.is_closed = True
        self.attempts.abort_all()
        self.kernel.clock.wake_at(None, self.turn)
        for waiter in self._take_waiters():
            waiter.cancel()
        self.kernel.commit()
        self.kernel.store.close()
        self._let_go()

    def _let_go(self) -> None:
        """Cuts the cycles with kernel and attempts: tests make runtimes by the dozen; reference counts free them."""
        self.after_turn = None
        self.attempts.let_go()
        self.kernel.let_go()

    def _break(self) -> None:
        """A store that fails, or a bug here: memory and store may differ, so nothing goes on.

        What is stored is whole, and a new runtime on it carries on from there.
        """
        self.is_closed = True
        self.kernel.store.rollback()
        self.attempts.abort_all()
        for waiter in self._take_waiters():
            if not waiter.done():
                waiter.set_exception(EmbeddedRuntimeError("the embedded runtime broke down; the log has the reason"))

    def _take_waiters(self) -> list[asyncio.Future[Outcome]]:
        waiting = [waiter for waiters in self.waiters.values() for waiter in waiters]
        self.waiters.clear()
        return waiting

    # ------------------------------------------------------------ timers

    def _fire(self) -> None:
        now = self.kernel.now()
        while (timer := self.kernel.timers.due(now)) is not None:
            if timer.kind.is_durable:
                self.kernel.store.delete_timer(timer.kind, timer.invocation, timer.completion_id)
            self._fired(timer)

    def _fired(self, timer: Timer) -> None:
        kernel, identifier = self.kernel, timer.invocation
        match timer.kind:
            case TimerKind.SLEEP:
                kernel.notify_id(identifier, MessageType.SLEEP_COMPLETION, completion(timer.completion_id, None))
            case TimerKind.INVOKE:
                lifecycle.begin(kernel, kernel.live[identifier])
            case TimerKind.PURGE:
                lifecycle.purge(kernel, identifier)
            case TimerKind.PURGE_JOURNAL:
                lifecycle.purge_journal(kernel, identifier)
            case TimerKind.RETRY:
                kernel.run(kernel.live[identifier])
            case TimerKind.INACTIVITY:
                self.attempts.inactive(identifier)
            case TimerKind.ABORT:
                self.attempts.abandoned(identifier)
