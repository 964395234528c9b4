"""Timers: ``ctx.sleep``, ``asyncio.sleep``, and what asyncio builds on timers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from restate_reflect import Context
from tests.journals import M, called, done, inv, play

FIRED = [done(M.SLEEP_COMPLETION, id_) for id_ in range(6)]


class Mail:
    async def send(self, ctx: Context) -> str:
        raise AssertionError("not run here")


class Sleeper:
    async def named(self, ctx: Context) -> None:
        await ctx.sleep(timedelta(hours=1), name="nap")

    async def plain(self, ctx: Context) -> str:
        return await asyncio.sleep(3600, "rested")

    async def no_time(self, ctx: Context) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(-1)

    async def deadline(self, ctx: Context) -> str:
        try:
            async with asyncio.timeout(5):
                return await ctx.call(Mail.send)
        except TimeoutError:
            return "late"

    async def waited(self, ctx: Context) -> str:
        try:
            return await asyncio.wait_for(ctx.call(Mail.send), 5)
        except TimeoutError:
            return "late"

    async def rescheduled(self, ctx: Context) -> str:
        try:
            async with asyncio.timeout(None) as deadline:
                deadline.reschedule(asyncio.get_running_loop().time() + 7)
                return await ctx.call(Mail.send)
        except TimeoutError:
            return "late"

    async def clock(self, ctx: Context) -> list[float]:
        loop = asyncio.get_running_loop()
        times = [loop.time()]
        await asyncio.sleep(2)
        times.append(loop.time())
        await asyncio.sleep(0.5)
        return [*times, loop.time()]

    async def race(self, ctx: Context) -> str:
        tasks = [asyncio.create_task(asyncio.sleep(n, str(n))) for n in (3, 1, 2)]
        done_, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return done_.pop().result()

    async def endless(self, ctx: Context) -> None:
        await asyncio.sleep(float("inf"))

    async def later(self, ctx: Context) -> str:
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(3, heard.set_result, "called")
        return await heard


def test_ctx_sleep_has_a_name_and_a_wake_up_time() -> None:
    """The harness's clock stands at 1000 s."""
    played = play(Sleeper, "named")
    sleep = played.one(M.SLEEP_COMMAND)
    assert (sleep.name, sleep.wake_up_time, sleep.result_completion_id) == ("nap", 4_600_000, 1)
    assert played.feed(FIRED[1]).output == b""


def test_asyncio_sleep_is_a_durable_timer() -> None:
    played = play(Sleeper, "plain")
    assert played.types == [M.SLEEP_COMMAND]
    assert played.one(M.SLEEP_COMMAND).wake_up_time == 4_600_000
    assert played.feed(FIRED[1]).output == b'"rested"'


@pytest.mark.parametrize(
    "entries, ends",
    [([], M.SUSPENSION), ([FIRED[1]], M.END)],
)
@pytest.mark.parametrize("handler", ["named", "plain"])
def test_one_handler_three_journals(handler: str, entries: list[bytes], ends: M) -> None:
    """Just started, asleep, and woken; the clock of the recorded command is not compared."""
    from tests.journals import command

    fresh = play(Sleeper, handler, eof=True)
    assert fresh.types == [M.SLEEP_COMMAND, M.SUSPENSION]
    name = {"name": "nap"} if handler == "named" else {}
    recorded = command(M.SLEEP_COMMAND, wake_up_time=5, result_completion_id=1, **name)
    played = play(Sleeper, handler, recorded, *entries, eof=True)
    assert M.SLEEP_COMMAND not in played.types
    assert played.types[-1] == ends


def test_sleeping_no_time_is_no_timer() -> None:
    assert play(Sleeper, "no_time").types == [M.OUTPUT_COMMAND, M.END]


@pytest.mark.parametrize("handler", ["deadline", "waited", "rescheduled"])
def test_a_deadline_is_a_timer_that_may_win(handler: str) -> None:
    played = play(Sleeper, handler)
    timer, call = played.one(M.SLEEP_COMMAND), played.one(M.CALL_COMMAND)
    played.feed(done(M.SLEEP_COMPLETION, timer.result_completion_id))
    assert played.output == b'"late"'
    assert call.handler_name == "send"


@pytest.mark.parametrize("handler", ["deadline", "waited", "rescheduled"])
def test_a_deadline_is_a_timer_that_may_lose(handler: str) -> None:
    played = play(Sleeper, handler)
    call = played.one(M.CALL_COMMAND)
    played.feed(called(call.invocation_id_notification_idx, inv(0)))
    assert played.feed(done(M.CALL_COMPLETION, call.result_completion_id, b'"sent"')).output == b'"sent"'


@pytest.mark.parametrize("handler", ["deadline", "waited", "rescheduled"])
@pytest.mark.parametrize("timer_first", [True, False])
def test_who_came_first_stays_first_on_replay(handler: str, timer_first: bool) -> None:
    """Both results are in the journal; their order in it decides."""
    fresh = play(Sleeper, handler)
    timer, call = fresh.one(M.SLEEP_COMMAND), fresh.one(M.CALL_COMMAND)
    results = [
        done(M.SLEEP_COMPLETION, timer.result_completion_id),
        done(M.CALL_COMPLETION, call.result_completion_id, b'"sent"'),
    ]
    played = fresh.again(*(results if timer_first else reversed(results)))
    assert played.output == (b'"late"' if timer_first else b'"sent"')


def test_the_loops_clock_moves_with_durable_timers_only() -> None:
    assert play(Sleeper, "clock").feed(FIRED[1], FIRED[2]).output == b"[0.0,2.0,2.5]"


def test_a_race_of_timers_is_won_by_the_journal() -> None:
    """Not by the shortest delay: the server says which fired first."""
    played = play(Sleeper, "race")
    assert played.types == [M.SLEEP_COMMAND] * 3
    assert played.feed(FIRED[1]).output == b'"3"'


def test_call_later_is_a_durable_timer() -> None:
    assert play(Sleeper, "later").feed(FIRED[1]).output == b'"called"'


def test_a_delay_without_end_is_refused_with_its_place() -> None:
    played = play(Sleeper, "endless")
    assert played.types == [M.ERROR]
    assert "a delay of inf seconds" in played.error.message
    assert "test_sleep.py:" in played.error.message
