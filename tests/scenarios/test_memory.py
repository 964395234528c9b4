"""Nothing of what has ended is kept by the endpoint: bodies of steps, local variables, whatever the end."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable

from restate_reflect import Context, RetryPolicy, TerminalError, handler
from tests.realserver.waiting import eventually
from tests.scenarios.conftest import Invocation, Site

HOUR = 3600.0
STEPS = 20


class Big:
    """Something that a handler holds."""


class Holding:
    """Each handler holds something and then ends, or waits, in its own way."""

    def __init__(self) -> None:
        self.held: defaultdict[str, list[weakref.ref[Big]]] = defaultdict(list)
        self.began: defaultdict[str, threading.Event] = defaultdict(threading.Event)

    def alive(self, invocation: str) -> int:
        gc.collect()
        return sum(each() is not None for each in self.held[invocation])

    def _hold(self, ctx: Context) -> Big:
        big = Big()
        self.held[ctx.request.id].append(weakref.ref(big))
        return big

    async def succeeds(self, ctx: Context) -> str:
        big = self._hold(ctx)
        return await ctx.run("use", self._using(big))

    async def fails(self, ctx: Context) -> None:
        big = self._hold(ctx)
        await ctx.run("use", self._using(big))
        raise TerminalError("for good")

    @handler(retry_policy=RetryPolicy(initial_interval=HOUR))
    async def retries(self, ctx: Context) -> None:
        big = self._hold(ctx)
        await ctx.run("use", self._using(big))
        raise ConnectionError("again")

    @handler(retry_policy=RetryPolicy(max_attempts=1, on_max_attempts="pause"))
    async def pauses(self, ctx: Context) -> None:
        big = self._hold(ctx)
        await ctx.run("use", self._using(big))
        raise ConnectionError("again")

    @handler(inactivity_timeout=0)
    async def suspends(self, ctx: Context) -> None:
        big = self._hold(ctx)
        await asyncio.gather(ctx.sleep(HOUR), ctx.awakeable(str))
        repr(big)

    async def waits(self, ctx: Context) -> None:
        big = self._hold(ctx)
        self.began[ctx.request.id].set()
        await ctx.sleep(HOUR)
        repr(big)

    async def many_steps(self, ctx: Context) -> None:
        """The invocation goes on when its steps have ended."""
        for number in range(STEPS):
            await ctx.run(f"step {number}", self._using(self._hold(ctx)))
        self.began[ctx.request.id].set()
        await ctx.sleep(HOUR)

    def _using(self, big: Big) -> Callable[[], str]:
        return lambda: type(big).__name__


HOLDING = Holding()
SERVICES = (HOLDING,)
_serial = itertools.count()

ENDS = {
    "succeeds": "completed",
    "fails": "completed",
    "retries": "backing-off",
    "pauses": "paused",
    "suspends": "suspended",
}


def test_an_attempt_takes_along_what_it_held(once: Site) -> None:
    """However it ended: well, for good, to be tried again, paused or suspended."""
    sent = {name: begun(once, name) for name in ENDS}
    for name, status in ENDS.items():
        sent[name].until(status)
    eventually(lambda: not any(HOLDING.alive(each.id) for each in sent.values()))
    assert all(HOLDING.held[each.id] for each in sent.values())


def test_a_killed_one_takes_along_what_it_held(once: Site) -> None:
    """While it waits it holds it."""
    sent = begun(once, "waits")
    assert HOLDING.began[sent.id].wait(30)
    assert HOLDING.alive(sent.id) == 1
    assert sent.operate("kill") == 200
    eventually(lambda: not HOLDING.alive(sent.id))


def test_the_bodies_of_ended_steps_are_gone_while_the_invocation_goes_on(once: Site) -> None:
    """With all that they use."""
    sent = begun(once, "many_steps")
    assert HOLDING.began[sent.id].wait(30)
    assert len(HOLDING.held[sent.id]) == STEPS
    eventually(lambda: not HOLDING.alive(sent.id))
    assert sent.row["status"] == "running"
    assert sent.operate("kill") == 200


def begun(site: Site, handler: str) -> Invocation:
    """Not forgotten when it has ended."""
    return site.send(f"Holding/{handler}", headers={"idempotency-key": f"held {next(_serial)}"})
