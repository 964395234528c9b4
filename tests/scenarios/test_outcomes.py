"""How often what is executed, and what callers get: failures in passing, failures for good, compensations, state."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext, ObjectSharedContext, RetryPolicy, TerminalError, service
from tests.scenarios.conftest import Site

_serial = itertools.count()
COUNTS: Counter[str] = Counter()
"""What was executed, by a key that a test has made."""


@pytest.fixture
def fresh() -> str:
    return f"key-{next(_serial)}"


@service(retry_policy=RetryPolicy(initial_interval=0.01))
class Outcomes:
    """Everything counts itself."""

    async def terminal_step(self, ctx: Context, key: str) -> str:
        return await ctx.run("step", self._ends, key)

    async def terminal(self, ctx: Context, key: str) -> str:
        return self._ends(key)

    async def step_in_passing(self, ctx: Context, key: str) -> str:
        policy = RetryPolicy(initial_interval=0.01, max_attempts=5)
        return await ctx.options(retry=policy).run("flaky", self._third_time, key)

    async def in_passing(self, ctx: Context, key: str) -> str:
        attempt = self._third_time(key)
        return await ctx.run("after", lambda: attempt)

    async def step_that_gives_up(self, ctx: Context, key: str) -> str:
        policy = RetryPolicy(initial_interval=0.01, max_attempts=2)
        return await ctx.options(retry=policy).run("doomed", self._never, key)

    async def order(self, ctx: Context, key: str, fails_at: str | None = None) -> str:
        """A reservation that is released if what follows fails for good."""
        reserved = await ctx.run("reserve", self._made, key, "reserve", fails_at)
        try:
            charged = await ctx.run("charge", self._made, key, "charge", fails_at)
            return await ctx.run("create", self._made, f"{reserved} {charged}", "create", fails_at)
        except TerminalError:
            await ctx.run("release", self._release, key)
            raise

    def _ends(self, key: str) -> str:
        COUNTS[key] += 1
        raise TerminalError("for good")

    def _third_time(self, key: str) -> str:
        COUNTS[key] += 1
        if COUNTS[key] < 3:
            raise ConnectionError(f"attempt {COUNTS[key]}")
        return "the third time"

    def _never(self, key: str) -> str:
        COUNTS[key] += 1
        raise ConnectionError("doomed")

    def _made(self, key: str, step: str, fails_at: str | None) -> str:
        if step == fails_at:
            raise TerminalError(f"{step} failed")
        return f"{step} {key}"

    def _release(self, key: str) -> None:
        COUNTS[f"released {key}"] += 1


class Tally:
    """State of an object."""

    async def add(self, ctx: ObjectContext, number: int) -> int:
        total = await ctx.get("total", int, default=0) + number
        ctx.set("total", total)
        return total

    async def total(self, ctx: ObjectSharedContext) -> int:
        return await ctx.get("total", int, default=0)

    async def note(self, ctx: ObjectContext, text: str) -> list[Any]:
        ctx.set("note", text)
        return [await ctx.get("total", int), await ctx.get("note", str)]

    async def keys(self, ctx: ObjectSharedContext) -> list[str]:
        return sorted(await ctx.keys())

    async def forget(self, ctx: ObjectContext, everything: bool) -> None:
        if everything:
            ctx.clear_all()
        else:
            ctx.clear("note")


SERVICES = (Outcomes(), Tally())


@pytest.mark.parametrize(
    "handler, answer, count",
    [
        ("terminal_step", "500 for good", 1),
        ("terminal", "500 for good", 1),
        ("step_in_passing", "the third time", 3),
        ("step_that_gives_up", "500 ConnectionError: doomed", 2),
    ],
)
def test_what_ends_is_executed_no_more(site: Site, fresh: str, handler: str, answer: str, count: int) -> None:
    assert site.call(f"Outcomes/{handler}", fresh) == answer
    assert COUNTS[fresh] == count


def test_a_handler_that_fails_in_passing_runs_again(site: Site, fresh: str) -> None:
    """As often as it takes, and once more for each await that suspends it."""
    assert site.call("Outcomes/in_passing", fresh) == "the third time"
    assert COUNTS[fresh] == (4 if site.replays else 3)


@pytest.mark.parametrize(
    "fails_at, released, answer",
    [
        (None, 0, "create reserve {key} charge {key}"),
        ("reserve", 0, "500 reserve failed"),
        ("charge", 1, "500 charge failed"),
        ("create", 1, "500 create failed"),
    ],
)
def test_what_was_done_is_undone_once(site: Site, fresh: str, fails_at: str | None, released: int, answer: str) -> None:
    assert site.call("Outcomes/order", {"key": fresh, "fails_at": fails_at}) == answer.format(key=fresh)
    assert COUNTS[f"released {fresh}"] == released


def test_state_is_kept_by_key_and_forgotten_when_asked(site: Site, fresh: str) -> None:
    other = f"{fresh} too"
    assert [site.call("Tally/add", number, key=fresh) for number in (1, 2, 7)] == [1, 3, 10]
    assert site.call("Tally/add", 5, key=other) == 5
    assert site.call("Tally/note", "hello", key=fresh) == [10, "hello"]
    assert site.call("Tally/keys", key=fresh) == ["note", "total"]
    assert site.call("Tally/forget", False, key=fresh) is None
    assert site.call("Tally/keys", key=fresh) == ["total"]
    assert site.call("Tally/forget", True, key=fresh) is None
    assert [site.call("Tally/keys", key=fresh), site.call("Tally/total", key=fresh)] == [[], 0]
    assert site.call("Tally/total", key=other) == 5
