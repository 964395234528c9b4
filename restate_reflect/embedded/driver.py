"""Turns: where the kernel, the attempts, the clock and the callers meet.

One turn: read what attempts have said, fire what is due, commit, then tell and start attempts
and answer callers. In-process attempts answer within the same turn, so a turn goes round until
nothing is left to say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from restate_reflect.embedded.attempts.executor import Attempts
from restate_reflect.embedded.errors import (
    DamageError,
    EmbeddedRuntimeError,
    RuntimeStoppedError,
    StoreError,
    UndoneError,
)
from restate_reflect.embedded.kernel import lifecycle, operating
from restate_reflect.embedded.kernel.clock import Clock
from restate_reflect.embedded.kernel.journal import completion
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.records import Invocation, Outcome
from restate_reflect.embedded.kernel.store import Store
from restate_reflect.embedded.kernel.timers import Timer, TimerKind
from restate_reflect.embedded.settings import RuntimeSettings
from restate_reflect.protocol.messages import MessageType

__all__ = ["Driver"]

_COMMIT_WITHIN: Final = 0.005
"""Seconds after which what has happened is stored, though nobody waits for it."""

logger = logging.getLogger("restate_reflect.embedded")


class Driver:
    """Moves one kernel on; on one event loop."""

    def __init__(self, store: Store, clock: Clock, settings: RuntimeSettings, seed: bytes | None) -> None:
        self.attempts = Attempts(self._turn_soon)
        self.kernel = Kernel(store, clock, settings, self.attempts, seed)
        self.attempts.kernel = self.kernel
        self.waiters: dict[str, list[asyncio.Future[Outcome]]] = {}
        self.is_closed = False
        self.turns = 0
        """How many there were; tells whether anything has happened."""
        self.news = asyncio.Event()
        self.after_turn: Callable[[], None] | None = None
        self.failure: RuntimeStoppedError | None = None
        """Why nothing goes on; set once and for all."""
        self.failed = asyncio.Event()
        self._turning = False
        self._again = False
        self._promising = True
        """Whether somebody is to be told that what has happened is stored."""
        self._late: asyncio.TimerHandle | None = None
        self._scheduled: asyncio.Handle | None = None
        try:
            self.kernel.restore()
            self.turn()
            self.check()
        except BaseException:
            store.close()
            raise

    @property
    def is_idle(self) -> bool:
        """Whether only time or a request can make anything happen."""
        return self._scheduled is None and not self.attempts.is_executing and not self.attempts.has_spoken

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

    def tell_callers(self, identifiers: Iterable[str], error: BaseException) -> bool:
        """Makes all who wait for these invocations raise; whether there was anybody."""
        waiting = [waiter for each in identifiers for waiter in self.waiters.pop(each, ()) if not waiter.done()]
        for waiter in waiting:
            waiter.set_exception(error)
        return bool(waiting)

    def turn(self) -> None:
        """Does everything that can be done now; see the module's docstring."""
        if self._turning or self.is_closed or self.failure is not None:
            self._again = True
            return
        self._turning = True
        try:
            self._go_round()
        except Exception as error:
            # Told to callers, and to whoever waits for ``failed``: those who asked for this turn have nothing to do
            # with it, such as the connection on which an attempt has spoken.
            self._break(error)
            return
        except BaseException as error:
            self._break(error)
            raise
        finally:
            self._turning = False
        self.turns += 1
        self.news.set()
        self.kernel.clock.wake_at(self.kernel.timers.next_at(), self.turn)
        if self.after_turn is not None:
            self.after_turn()

    def _turn_soon(self) -> None:
        """Where a transaction costs something, all that happens within one round of the event loop shares one."""
        if not self.kernel.store.rolls_back:
            self.turn()
        elif self._turning or self._scheduled is not None:
            self._again = True
        elif not self.is_closed:
            self._scheduled = asyncio.get_running_loop().call_soon(self._scheduled_turn)

    def _scheduled_turn(self) -> None:
        self._scheduled = None
        self.turn()

    def _go_round(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            self.attempts.read()
            self._fire()
            if self._promising or self.attempts.will_act:
                self._promising = False
                self.kernel.commit()
            elif self.kernel.is_dirty:
                self._commit_soon()
            self.attempts.flush()
            self._answer()

    def _commit_soon(self) -> None:
        """Nobody is told of what has happened: it may wait for what comes next, and go into one transaction with it."""
        if self._late is None:
            self._late = asyncio.get_running_loop().call_later(_COMMIT_WITHIN, self._commit_late)

    def _commit_late(self) -> None:
        self._late = None
        if self.is_closed or self.failure is not None:
            return
        try:
            self.kernel.commit()
        except Exception as error:
            self._break(error)

    def _answer(self) -> None:
        for invocation in self.attempts.take_finished():
            for waiter in self.waiters.pop(invocation.id, ()):
                if not waiter.done():
                    waiter.set_result(invocation.outcome(repeated=False))

    # ------------------------------------------------------------ requests

    def check(self) -> None:
        """Raises ``RuntimeStoppedError`` if nothing goes on."""
        if self.failure is not None:
            raise self.failure

    @contextmanager
    def request(self, *, together: bool = False) -> Iterator[None]:
        """The changes that one request makes: they are stored as a whole before it ends, or not at all.

        Args:
            together: Whether whoever asks waits for what comes of it (``result_of``), and the changes may be stored
                with those of others, a moment later.

        Raises:
            RuntimeStoppedError: They could not be stored, or nothing goes on.
        """
        self.check()
        try:
            yield
        except DamageError as error:
            self._undo(error)
            raise
        except StoreError as error:
            self._break(error)
            self.check()
        except EmbeddedRuntimeError:
            raise  # refusals, which come before the first change
        except BaseException as error:
            self._undo(error)
            raise
        self._promising = True
        if together:
            self._turn_soon()
            return
        self.turn()
        self.check()

    def _undo(self, error: BaseException) -> None:
        """As if this process had ended before the request, and another one had been started."""
        if self._turning or not self.kernel.store.rolls_back:
            self._break(error)
            return
        try:
            self.attempts.abort_all()
            self.kernel.restart()
        except Exception as second:
            self._break(second)
            return
        undone = [each for each in self.waiters if self.kernel.find(each) is None]
        self.tell_callers(undone, UndoneError("the request was undone with one that has failed; send it again"))
        self.turn()

    # ------------------------------------------------------------ ending

    def close(self) -> None:
        """Drops attempts in progress, interrupts who waits, and closes the store."""
        if self.is_closed:
            return
        self.is_closed = True
        self.kernel.clock.wake_at(None, self.turn)
        for handle in (self._late, self._scheduled):
            if handle is not None:
                handle.cancel()
        try:
            if self.failure is None:
                self.attempts.abort_all()
                for waiter in self._take_waiters():
                    waiter.cancel()
                self.kernel.finish()
        finally:
            self.kernel.store.close()
            self._let_go()

    def _let_go(self) -> None:
        """Cuts the cycles with kernel and attempts: tests make runtimes by the dozen; reference counts free them."""
        self.after_turn = None
        self.attempts.let_go()
        self.kernel.let_go()

    def _break(self, error: BaseException) -> None:
        """A store that fails, or a bug here: memory and store may differ, so nothing goes on.

        What is stored is whole, and a new runtime on it carries on from there.
        """
        self.failure = _why_stopped(error)
        try:
            self.kernel.store.rollback()
        except StoreError:
            pass  # nothing of it was committed anyway
        self.attempts.abort_all()
        for waiter in self._take_waiters():
            if not waiter.done():
                waiter.set_exception(self.failure)
        self.failed.set()

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
                operating.purge(kernel, identifier)
            case TimerKind.PURGE_JOURNAL:
                operating.purge_journal(kernel, identifier)
            case TimerKind.RETRY:
                kernel.run(kernel.live[identifier])
            case TimerKind.INACTIVITY:
                self.attempts.inactive(identifier)
            case TimerKind.ABORT:
                self.attempts.abandoned(identifier)


def _why_stopped(error: BaseException) -> RuntimeStoppedError:
    if isinstance(error, StoreError):
        told = str(error)
    else:
        logger.error("the embedded runtime broke down", exc_info=error)
        told = f"it broke down ({type(error).__name__}: {error}); the log has the reason"
    stopped = RuntimeStoppedError(f"the embedded runtime has stopped: {told}")
    stopped.__cause__ = error
    return stopped
