"""Time travel: a virtual clock moved by hand, or by itself while somebody waits."""

from __future__ import annotations

import asyncio
from typing import Final

from restate_reflect.embedded.driver import Driver
from restate_reflect.embedded.kernel.clock import VirtualClock

__all__ = ["TimeTravel", "settle"]

_QUIET_ROUNDS: Final = 3
"""Rounds of the event loop without news after which time may be skipped: a test's own tasks get
to speak first."""
_STEP_POLL: Final = 0.005
"""Seconds. A step that is cancelled ends without a word, so news alone would not do."""


async def settle(driver: Driver) -> None:
    """Waits until everything that can happen now has happened: no step executes any more."""
    await asyncio.sleep(0)
    while not driver.is_idle:
        driver.news.clear()
        try:
            async with asyncio.timeout(_STEP_POLL):
                await driver.news.wait()
        except TimeoutError:
            pass


class TimeTravel:
    """Moves a virtual clock of a driver.

    While steps execute, nothing is skipped; but a step takes its time: a timer that would be due before the step's end,
    on a clock that everybody has, is due before it here (``asyncio.timeout(2)`` around a step of 20 s). Steps that end
    before any timer move nothing, so that times in tests stay exact.
    """

    def __init__(self, driver: Driver, clock: VirtualClock) -> None:
        self._driver, self._clock = driver, clock
        self._considering = False
        self._polling: asyncio.TimerHandle | None = None
        self._executing_since: tuple[float, int] | None = None
        """By the event loop's clock in seconds, and by the virtual one; None while no step executes."""
        if clock.auto_skip:
            driver.after_turn = self.consider

    async def advance(self, millis: int) -> None:
        """Timer by timer, letting everything settle in between."""
        target = self._clock.now() + millis
        await settle(self._driver)
        while (at := self._driver.kernel.timers.next_at()) is not None and at <= target:
            self._clock.move_to(at)
            self._driver.turn()
            await settle(self._driver)
        self._clock.move_to(target)
        self._driver.turn()

    def consider(self) -> None:
        """Skips to the next timer soon, if callers wait and nothing else can happen."""
        if self._polling is not None and not self._driver.attempts.is_executing:
            self._polling.cancel()
            self._polling, self._considering = None, False
            self._executing_since = None
        if self._clock.auto_skip and self._driver.waiters and not self._considering:
            self._considering = True
            self._soon(self._driver.turns, _QUIET_ROUNDS)

    def _soon(self, turns: int, rounds: int) -> None:
        asyncio.get_running_loop().call_soon(self._look, turns, rounds)

    def _look(self, turns: int, rounds: int) -> None:
        driver, self._polling = self._driver, None
        if driver.is_closed or not driver.waiters:
            self._considering = False
        elif driver.attempts.is_executing:
            self._let_pass()
            self._polling = asyncio.get_running_loop().call_later(_STEP_POLL, self._look, -1, _QUIET_ROUNDS)
        elif turns != driver.turns:
            self._soon(driver.turns, _QUIET_ROUNDS)
        elif rounds:
            self._soon(turns, rounds - 1)
        else:
            self._considering = False
            self._skip()

    def _let_pass(self) -> None:
        """Fires the next timer if the steps that execute have taken that long."""
        now = asyncio.get_running_loop().time()
        if self._executing_since is None:
            self._executing_since = now, self._clock.now()
        began, virtual = self._executing_since
        at = self._driver.kernel.timers.next_at(housekeeping=False)
        if at is not None and at <= virtual + (now - began) * 1000:
            self._clock.move_to(at)
            self._driver.turn()

    def _skip(self) -> None:
        at = self._driver.kernel.timers.next_at(housekeeping=False)
        if at is not None:
            self._clock.move_to(at)
            self._driver.turn()
