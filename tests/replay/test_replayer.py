"""A handler with a recorded journal goes as far as the invocation has come, and does nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext, TerminalError
from restate_reflect.replay import Outcome, RecordedJournal, Replayer, UnknownHandlerError
from tests.journals import V5, V6, V7, M, command, definition, done, given_input, play
from tests.replay.recorded import journal_of, recorded, replayed

EXECUTED: list[str] = []


class Shop:
    async def buy(self, ctx: ObjectContext, sku: str) -> str:
        stock = await ctx.get("stock", int) or 0
        ctx.set("stock", stock - 1)
        reserved = await ctx.run("reserve", self.act, f"reserve {sku}")
        await asyncio.sleep(60)
        charged = await ctx.run("charge", self.act, f"charge {sku}")
        return f"{reserved}, {charged}"

    def act(self, what: str) -> str:
        EXECUTED.append(what)
        return what


ENTRIES = [
    given_input(b'"tea"'),
    command(M.GET_LAZY_STATE_COMMAND, key=b"stock", result_completion_id=1),
    done(M.GET_LAZY_STATE_COMPLETION, 1, b"5"),
    command(M.SET_STATE_COMMAND, key=b"stock", value={"content": b"4"}),
    command(M.RUN_COMMAND, name="reserve", result_completion_id=2),
    done(M.RUN_COMPLETION, 2, b'"r"'),
    command(M.SLEEP_COMMAND, wake_up_time=5, result_completion_id=3),
    done(M.SLEEP_COMPLETION, 3),
    command(M.RUN_COMMAND, name="charge", result_completion_id=4),
    done(M.RUN_COMPLETION, 4, b'"c"'),
    command(M.OUTPUT_COMMAND, value={"content": b'"r, c"'}),
]

STANDS = [
    (1, Outcome.GOES_ON, ["get state 'stock'"], ["state 'stock'"]),
    (2, Outcome.WAITS, [], ["state 'stock'"]),
    (3, Outcome.GOES_ON, ["set state 'stock'", "run 'reserve'"], ["run 'reserve'"]),
    (4, Outcome.GOES_ON, ["run 'reserve'"], ["run 'reserve'"]),
    (5, Outcome.WAITS, [], ["run 'reserve'"]),
    (6, Outcome.GOES_ON, ["sleep"], ["sleep"]),
    (7, Outcome.WAITS, [], ["sleep"]),
    (8, Outcome.GOES_ON, ["run 'charge'"], ["run 'charge'"]),
    (9, Outcome.WAITS, [], ["run 'charge'"]),
    (10, Outcome.RETURNS, ["output"], []),
    (11, Outcome.COMPLETED, [], []),
]


def shop(entries: int, **known: Any) -> RecordedJournal:
    return recorded(*ENTRIES[:entries], key="a", **known)


@pytest.mark.parametrize("entries, outcome, new, awaited", STANDS)
@pytest.mark.parametrize("protocol", [V5, V6, V7])
def test_each_prefix_of_a_journal_stands_where_it_ends(
    entries: int, outcome: Outcome, new: list[str], awaited: list[str], protocol: int
) -> None:
    """What has a result is repeated, what has none is waited for, and no step is executed."""
    EXECUTED.clear()
    found = replayed(shop(entries, protocol=int(protocol)), Shop)
    assert (found.outcome, [each.title for each in found.new_steps]) == (outcome, new)
    assert [each.label for each in found.awaited] == awaited
    assert found.fits
    assert EXECUTED == []


def test_state_that_is_known_is_read_at_once() -> None:
    """The start message of a server has it, too."""
    found = replayed(shop(1, state={"stock": b"7"}), Shop)
    shown = [each.current for each in found.new_steps]
    assert shown == ["get state 'stock'  value=7", "set state 'stock'  value=6", "run 'reserve'"]


def test_each_step_has_its_place_and_both_values() -> None:
    found = replayed(shop(11), Shop)
    step = found.steps[3]
    assert (step.title, step.recorded, step.current, step.result) == (
        "run 'reserve'",
        "run 'reserve'",
        "run 'reserve'",
        '"r"',
    )
    assert "test_replayer.py:" in str(step.place)
    assert "in Shop.buy" in str(step.place)
    assert found.steps[0].title == "input"
    assert found.steps[0].current == 'input  value="tea"'
    assert found.result == '"r, c"'


def test_the_waiting_frames_have_their_variables() -> None:
    (frame,) = replayed(shop(7), Shop).frames
    assert "Shop.buy" in str(frame.place)
    assert {name: frame.variables[name] for name in ("sku", "stock", "reserved")} == {
        "sku": "'tea'",
        "stock": "5",
        "reserved": "'r'",
    }


def test_every_task_that_waits_is_shown() -> None:
    class Fan:
        async def go(self, ctx: Context) -> list[str]:
            return list(await asyncio.gather(self.wait(ctx, "a"), self.wait(ctx, "b")))

        async def wait(self, ctx: Context, name: str) -> str:
            found: str = await ctx.signal(name, str)
            return found

    found = replayed(recorded(given_input(), service="Fan", handler="go"), Fan)
    assert [each.id for each in found.awaited] == ["signal 'a'", "signal 'b'"]
    waiting = [frame.variables["name"] for frame in found.frames if "Fan.wait" in str(frame.place)]
    assert waiting == ["'a'", "'b'"]


def test_a_step_that_is_named_is_executed() -> None:
    """Its result goes on as if a server had stored it; the next one is not executed."""
    EXECUTED.clear()
    found = replayed(shop(9), Shop, execute=["charge"])
    assert EXECUTED == ["charge tea"]
    assert (found.outcome, found.result) == (Outcome.RETURNS, '"r, charge tea"')


@pytest.mark.parametrize("protocol", [5, 6, 7])
def test_steps_are_executed_one_after_the_other(protocol: int) -> None:
    class Two:
        async def go(self, ctx: Context) -> list[str]:
            first = await ctx.run("one", self.act, "1")
            second, third = await asyncio.gather(ctx.run("two", self.act, first + "2"), ctx.run("two", self.plain, "3"))
            return [first, second, third, await ctx.run("three", self.act, "4")]

        async def act(self, what: str) -> str:
            await asyncio.sleep(0)
            return what

        def plain(self, what: str) -> str:
            return what

    journal = recorded(given_input(), service="Two", handler="go", protocol=protocol)
    found = replayed(journal, Two, execute=["one", "two"])
    assert found.outcome is Outcome.GOES_ON
    assert [each.label for each in found.awaited] == ["run 'three'"]
    (frame,) = found.frames
    assert (frame.variables["second"], frame.variables["third"]) == ("'12'", "'3'")


def test_steps_are_executed_beside_a_running_loop() -> None:
    """In an ``async def`` test, say."""

    async def test() -> None:
        assert replayed(shop(9), Shop, execute=["charge"]).outcome is Outcome.RETURNS

    asyncio.run(test())


def test_a_step_that_loses_a_race_is_not_waited_for() -> None:
    """Its body is cancelled with it, and proposes nothing."""

    class Race:
        async def go(self, ctx: Context) -> str:
            return await ctx.first_success(ctx.run("fast", self.fast), ctx.run("slow", self.slow))

        async def fast(self) -> str:
            await asyncio.sleep(0)
            return "fast"

        async def slow(self) -> str:
            await asyncio.Event().wait()
            return "slow"

    found = replayed(recorded(given_input(), service="Race", handler="go"), Race, execute=["fast", "slow"])
    assert (found.outcome, found.result) == (Outcome.RETURNS, '"fast"')


def test_a_step_that_is_executed_and_fails_ends_the_replay() -> None:
    class Failing(Shop):
        def act(self, what: str) -> str:
            raise ValueError(f"no {what}")

    found = Replayer([definition(Failing)], execute=["charge"]).replay(
        recorded(*ENTRIES[:9], service="Failing", key="a")
    )
    assert found.outcome is Outcome.FAILS
    assert found.error == "ValueError: no charge tea"
    assert found.frames[-1].variables["what"] == "'charge tea'"
    assert isinstance(found.exception, ValueError)


def test_an_exception_of_the_handler_is_kept_with_its_frames() -> None:
    class Broken:
        async def go(self, ctx: Context, number: int) -> int:
            return 1 // number

    found = replayed(recorded(given_input(b"0"), service="Broken", handler="go"), Broken)
    assert found.outcome is Outcome.FAILS
    assert isinstance(found.exception, ZeroDivisionError)
    assert found.frames[-1].variables["number"] == "0"
    assert "Broken.go" in found.place


def test_a_terminal_error_is_a_result() -> None:
    class Ending:
        async def go(self, ctx: Context) -> None:
            raise TerminalError("sold out", code=409)

    found = replayed(recorded(given_input(), service="Ending", handler="go"), Ending)
    assert (found.outcome, found.result) == (Outcome.RETURNS, "[409] sold out")


def test_other_code_mismatches_with_both_sides() -> None:
    class New:
        async def buy(self, ctx: ObjectContext, sku: str) -> str:
            stock = await ctx.get("stock", int) or 0
            ctx.set("stock", stock - 2)
            return ""

    found = replayed(recorded(*ENTRIES, service="New", key="a"), New)
    assert found.outcome is Outcome.MISMATCH
    assert not found.fits
    assert found.mismatch is not None
    assert found.mismatch.number == 2
    last = found.steps[-1]
    assert (last.recorded, last.current) == ("set state 'stock'  value=4", "set state 'stock'  value=3")
    assert found.frames[-1].variables["stock"] == "5"
    with pytest.raises(Exception, match=r"journal mismatch at command 2"):
        found.check()


def test_an_await_that_was_moved_is_a_mismatch_where_it_waits() -> None:
    class New:
        async def buy(self, ctx: ObjectContext, sku: str) -> str:
            await ctx.signal("approved")
            return ""

    found = replayed(recorded(*ENTRIES, service="New", key="a"), New)
    assert found.outcome is Outcome.MISMATCH
    assert found.frames[-1].variables["sku"] == "'tea'"
    assert "New.buy" in found.place


def test_handlers_that_are_gone_are_named() -> None:
    class Other:
        async def buy(self, ctx: Context) -> None: ...

    with pytest.raises(UnknownHandlerError, match=r"no service 'Shop' in the code; it has Other"):
        replayed(shop(3), Other)
    with pytest.raises(UnknownHandlerError, match=r"no handler 'sell' any more; it has buy"):
        replayed(recorded(given_input(), handler="sell"), Shop)


def test_io_in_a_handler_is_refused() -> None:
    """A replay has no side effects, as far as that can be seen."""

    class Reading:
        async def go(self, ctx: Context) -> str:
            with open(__file__, encoding="utf-8") as file:
                return file.read()

    found = replayed(recorded(given_input(), service="Reading", handler="go"), Reading)
    assert found.outcome is Outcome.FAILS
    assert "opens a file" in str(found.error)


def test_nothing_of_a_replay_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def go(self, ctx: Context) -> None:
            raise ValueError

    replayed(recorded(given_input(), service="Broken", handler="go"), Broken)
    assert caplog.records == []


def test_random_numbers_that_were_asked_for_are_told() -> None:
    class Dice:
        async def go(self, ctx: Context) -> int:
            return ctx.random.randrange(6)

    journal = recorded(given_input(), service="Dice", handler="go", random_seed=7)
    assert replayed(journal, Dice).used_random
    assert not replayed(shop(3), Shop).used_random


def test_the_server_is_told_the_same_await() -> None:
    """What an attempt of the old kind suspends on is what the replay waits for."""

    class Waiting:
        async def go(self, ctx: Context) -> Any:
            waited: list[asyncio.Future[Any]] = [ctx.sleep(5), ctx.awakeable(str), ctx.signal("late")]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)

    played = play(Waiting, "go", eof=True)
    found = replayed(journal_of(played), Waiting)
    ids = {1: "completion 1", "#17": "signal 17", "late": "signal 'late'"}
    assert [each.id for each in found.awaited] == [ids[each] for each in played.suspended_on if each != "#1"]
