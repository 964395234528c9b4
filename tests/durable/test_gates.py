"""Version gates: an invocation takes the side of the code that wrote its journal, in every attempt."""

from __future__ import annotations

import asyncio
from typing import Any, assert_type

import pytest

from restate_reflect import Context
from restate_reflect.testing import Durable, FakeContext
from restate_reflect.versions import Gate, gate_of
from tests.journals import V5, V6, V7, M, Played, command, done, play, signal


def ran(number: int, name: str, value: bytes = b'"x"') -> list[bytes]:
    return [command(M.RUN_COMMAND, name=name, result_completion_id=number), done(M.RUN_COMPLETION, number, value)]


GATE = "version fraud since=2"


class Shop:
    """``pay`` is what the code always had; ``check`` came with version 2."""

    async def buy(self, ctx: Context) -> list[str]:
        taken = [await ctx.run("reserve", step, "reserve")]
        if await ctx.version("fraud", since=2):
            taken.append(await ctx.run("check", step, "check"))
        taken.append(await ctx.run("pay", step, "pay"))
        return taken


async def step(what: str) -> str:
    return what


def names(played: Played) -> list[str]:
    return [each.name for each in played.all(M.RUN_COMMAND)]


def to_the_end(played: Played) -> Played:
    while played.waits:
        played.finish_runs().echo()
    return played


@pytest.mark.parametrize("version", [V5, V6, V7])
def test_a_new_invocation_takes_the_new_side(version: Any) -> None:
    """The gate is an ordinary step of its journal, which is replayed as such."""
    played = to_the_end(play(Shop, "buy", version=version))
    assert names(played) == ["reserve", GATE, "check", "pay"]
    assert played.output == b'["reserve","check","pay"]'
    again = played.again()
    assert again.types == [M.END]


def test_an_old_journal_takes_the_old_side() -> None:
    played = play(Shop, "buy", *ran(1, "reserve"), command(M.RUN_COMMAND, name="pay", result_completion_id=2))
    to_the_end(played)
    assert names(played) == []
    assert played.output == b'["x","pay"]'


def test_a_finished_old_journal_fits() -> None:
    entries = [*ran(1, "reserve"), *ran(2, "pay"), command(M.OUTPUT_COMMAND, value={"content": b'["x","x"]'})]
    assert play(Shop, "buy", *entries).types == [M.END]


def test_a_gate_behind_the_end_of_the_replay_is_open() -> None:
    """The old code had not come so far, so nothing of it contradicts the new side."""
    played = to_the_end(play(Shop, "buy", *ran(1, "reserve")))
    assert names(played) == [GATE, "check", "pay"]


def test_a_gate_whose_result_was_lost_is_open_in_the_next_attempt() -> None:
    """The command alone tells: the process may die before its result is stored."""
    played = play(Shop, "buy", *ran(1, "reserve"), command(M.RUN_COMMAND, name=GATE, result_completion_id=2))
    assert names(to_the_end(played)) == ["check", "pay"]


class Loop:
    async def go(self, ctx: Context) -> list[bool]:
        seen = []
        for number in range(4):
            seen.append(await ctx.version("fraud", since=2))
            await ctx.signal(f"next-{number}")
            await ctx.run("work", step, "work")
        return seen


def test_an_answer_holds_for_the_attempt_and_for_those_behind_it() -> None:
    """Asked again beyond the end of the replay, an old invocation gets the old side: its loop is in it."""
    entries = [signal("next-0", b"0"), *ran(1, "work")]
    played = play(Loop, "go", *entries)
    for number in range(1, 4):
        played.feed(signal(f"next-{number}", b"0")).finish_runs().echo()
    assert names(played) == ["work"] * 3
    assert played.output == b"[false,false,false,false]"
    assert played.again().types == [M.END]


def test_a_gate_is_one_step_however_often_it_is_asked() -> None:
    played = play(Loop, "go").finish_runs().echo()
    for number in range(4):
        played.feed(signal(f"next-{number}", b"0")).finish_runs().echo()
    assert names(played) == [GATE, *["work"] * 4]
    assert played.output == b"[true,true,true,true]"


class Thrice:
    """The third version of one change, and another change."""

    async def go(self, ctx: Context) -> list[Any]:
        if await ctx.version("fraud", since=3):
            which = 3
        elif await ctx.version("fraud", since=2):
            which = 2
        else:
            which = 1
        await ctx.run("work", step, "work")
        return [which, await ctx.version("mail", since=1)]


@pytest.mark.parametrize(
    "entries, output",
    [
        ([], b"[3,true]"),
        (ran(1, "version fraud since=3", b"true"), b"[3,true]"),
        (ran(1, "version fraud since=2", b"true"), b"[2,true]"),
        (ran(1, "work"), b"[1,true]"),
        ([*ran(1, "work"), command(M.OUTPUT_COMMAND, value={"content": b"[1,false]"})], b"[1,false]"),
    ],
)
def test_several_gates_are_decided_each_at_its_place(entries: list[bytes], output: bytes) -> None:
    played = to_the_end(play(Thrice, "go", *entries))
    if played.types == [M.END]:
        assert output == b"[1,false]"
    else:
        assert played.output == output


class Branches:
    """Two tasks side by side; the gate is in one of them."""

    async def go(self, ctx: Context) -> list[list[str]]:
        return list(await asyncio.gather(self.left(ctx), self.right(ctx)))

    async def left(self, ctx: Context) -> list[str]:
        taken = [await ctx.run("l1", step, "l1")]
        if await ctx.version("fraud", since=2):
            taken.append(await ctx.run("check", step, "check"))
        return [*taken, await ctx.run("l2", step, "l2")]

    async def right(self, ctx: Context) -> list[str]:
        return [await ctx.run(f"r{number}", step, "r") for number in range(3)]


class OldBranches(Branches):
    async def left(self, ctx: Context) -> list[str]:
        return [await ctx.run("l1", step, "l1"), await ctx.run("l2", step, "l2")]


def test_concurrent_branches_of_an_old_journal_stay_as_they_were() -> None:
    """Every prefix of what the old code wrote: a gate that is shut costs no turn, so the order of tasks is the same."""
    old = to_the_end(play(OldBranches, "go"))
    old.echo()
    for length in range(1, len(old.stored) + 1):
        again = Played(Branches, "go", V6, [], old._setup[4]).begin(old.stored[:length])
        to_the_end(again)
        assert not again.all(M.ERROR), (length, again.messages)


def test_new_branches_replay_from_every_prefix() -> None:
    new = to_the_end(play(Branches, "go"))
    new.echo()
    for length in range(1, len(new.stored) + 1):
        again = to_the_end(Played(Branches, "go", V6, [], new._setup[4]).begin(new.stored[:length]))
        assert not again.all(M.ERROR), (length, again.messages)


def test_a_gate_that_was_removed_is_named_by_the_mismatch() -> None:
    class Without:
        async def buy(self, ctx: Context) -> str:
            await ctx.run("reserve", step, "reserve")
            return await ctx.run("check", step, "check")

    played = play(Without, "buy", *ran(1, "reserve"), *ran(2, GATE, b"true"), *ran(3, "check"))
    assert played.error.code == 570
    assert "the version gate 'fraud' since=2 was removed or moved" in played.error.message
    assert "keep the gate's call" in played.error.message


@pytest.mark.parametrize("name, since", [("", 1), (None, 1), ("x", 0), ("x", "2"), ("x", True)])
def test_what_can_be_no_gate_is_refused(name: Any, since: Any) -> None:
    class Wrong:
        async def go(self, ctx: Context) -> bool:
            return await ctx.version(name, since=since)

    error = play(Wrong, "go").error
    assert "version gate" in error.message
    assert "test_gates.py" in error.message


def test_names_of_gates_are_read_back() -> None:
    for gate in (Gate("fraud", 2), Gate("a since=1", 3), Gate("line\nbreak", 1)):
        assert gate_of(gate.step) == gate
    assert gate_of("version of the day") is None


async def test_gates_survive_the_crash_matrix(durable: Durable) -> None:
    env = await durable(Shop)
    assert await env.call(Shop.buy) == ["reserve", "check", "pay"]


def test_a_fake_context_takes_the_new_side_unless_told() -> None:
    async def both() -> list[list[str]]:
        return [await Shop().buy(FakeContext()), await Shop().buy(FakeContext(versions={"fraud": 1}))]

    assert asyncio.run(both()) == [["reserve", "check", "pay"], ["reserve", "pay"]]


async def typed(ctx: Context) -> None:
    assert_type(await ctx.version("fraud", since=2), bool)


@pytest.mark.parametrize("entries", [[], ran(1, "work")])
def test_a_gate_that_is_not_awaited_decides_nothing(entries: list[bytes]) -> None:
    """A future is true in Python; a shut gate must not be."""

    class Forgetful:
        async def go(self, ctx: Context) -> str:
            is_new: Any = ctx.version("fraud", since=2)  # mypy tells it otherwise
            return "new" if is_new else await ctx.run("work", step, "old")

    assert "await" in play(Forgetful, "go", *entries).error.message


def test_a_gate_is_asked_like_any_step() -> None:
    """Forgotten ``await``s are found as those of steps are: a future is no answer."""

    class Forgetful:
        async def go(self, ctx: Context) -> str:
            ctx.version("fraud", since=2)
            return ""

    played = play(Forgetful, "go")
    assert "was never awaited" in played.error.message
