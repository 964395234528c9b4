"""Suspension, replay and crashes: whatever is cut off where, the result and the steps are the same."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter as Tally
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restate_reflect import Context, ObjectContext
from restate_reflect.embedded import AttemptEnd, Entry, Invocation, MemoryStore, Runtime, SqliteStore, Status, Store
from restate_reflect.embedded.kernel.records import Failure
from restate_reflect.protocol.messages import MessageType
from restate_reflect.protocol.versions import ProtocolVersion
from tests.embedded.running import asynchronous, decoded, runtime_with
from tests.support import ROOT


class Account:
    async def add(self, ctx: ObjectContext, n: int) -> int:
        balance = (await ctx.get("balance", int) or 0) + n
        ctx.set("balance", balance)
        return balance


class Journey:
    """A bit of everything."""

    def __init__(self) -> None:
        self.done: Tally[str] = Tally()

    async def go(self, ctx: Context, n: int) -> list[Any]:
        first = await ctx.run("first", self.step, "first")
        await asyncio.sleep(10)
        balance = await ctx.call(Account.add, n, key="a")
        both = await asyncio.gather(ctx.run("left", self.step, "left"), ctx.run("right", self.step, "right"))
        raced = await self.race()
        again = await ctx.call(Account.add, n, key="a")
        return [first, balance, *both, raced, again]

    async def step(self, name: str) -> str:
        self.done[name] += 1
        return name

    async def race(self) -> str:
        try:
            async with asyncio.timeout(5):
                await asyncio.sleep(50)
        except TimeoutError:
            return "timeout"
        return "slept"


EXPECTED = ["first", 2, "left", "right", "timeout", 4]


@pytest.mark.parametrize("version", list(ProtocolVersion))
@pytest.mark.parametrize("suspended", [False, True])
@asynchronous
async def test_every_protocol_version_with_and_without_suspension_gives_the_same(
    version: ProtocolVersion, suspended: bool
) -> None:
    journey = Journey()
    async with await runtime_with(
        journey, Account, max_protocol_version=version, force_suspension=suspended
    ) as runtime:
        outcome = await runtime.invoke("Journey", "go", b"2")
        assert decoded(outcome) == EXPECTED
        assert journey.done == {"first": 1, "left": 1, "right": 1}
        assert runtime.invocation(outcome.invocation_id).protocol == version


@pytest.mark.parametrize("store", [MemoryStore, None], ids=["memory", "sqlite"])
@asynchronous
async def test_a_crash_after_any_entry_changes_nothing(store: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Steps whose result is stored run once, whichever entry is the last one before the crash."""

    def make_store(n: int) -> Store:
        return MemoryStore() if store else SqliteStore(tmp_path_factory.mktemp("crash") / f"{n}.db")

    length, plain = await crashed(make_store(0), None)
    for index in range(length):
        assert await crashed(make_store(index + 1), index) == (length, plain), f"crash after entry {index}"


async def crashed(store: Store, at: int | None) -> tuple[int, list[MessageType]]:
    """Runs the journey with a crash after entry ``at``; its journal's length and commands."""
    journey = Journey()
    async with await runtime_with(journey, Account, store=store) as runtime:

        def crash(invocation: Invocation, index: int, entry: Entry) -> bool:
            return invocation.target.service == "Journey" and index == at

        runtime.on_entry = crash
        outcome = await runtime.invoke("Journey", "go", b"2")
        assert decoded(outcome) == EXPECTED
        assert set(journey.done.values()) <= {1, 2}
        journal = runtime.journal(outcome.invocation_id)
        assert runtime.state("Account", "a") == {"balance": b"4"}
        return len(journal), [entry.type for entry in journal if entry.is_command]


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 25)), st.booleans(), st.sampled_from(list(ProtocolVersion)))
def test_any_set_of_crashes_changes_nothing(at: set[int], suspended: bool, version: ProtocolVersion) -> None:
    async def scenario() -> None:
        journey, left = Journey(), set(at)

        def crash(invocation: Invocation, index: int, entry: Entry) -> bool:
            hit = invocation.target.service == "Journey" and index in left
            left.discard(index if hit else -1)
            return hit

        async with await runtime_with(
            journey, Account, force_suspension=suspended, max_protocol_version=version
        ) as runtime:
            runtime.on_entry = crash
            assert decoded(await runtime.invoke("Journey", "go", b"2")) == EXPECTED
            assert runtime.state("Account", "a") == {"balance": b"4"}

    asyncio.run(scenario())


@asynchronous
async def test_a_restart_at_any_moment_of_time_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The runtime is dropped without a word and made anew on the same file."""
    for moment in range(0, 20, 3):
        path = tmp_path_factory.mktemp("restart") / "data.db"
        journey = Journey()
        runtime = await runtime_with(journey, Account, store=SqliteStore(path), auto_skip=False)
        id_ = runtime.send("Journey", "go", b"2").invocation.id
        await runtime.advance(moment)
        now = runtime.clock.now()
        runtime.close()
        later = await runtime_with(journey, Account, store=SqliteStore(path), auto_skip=False)
        later.clock.move_to(now)  # type: ignore[attr-defined]
        await later.advance(100)
        outcome = later.output(id_)
        assert outcome is not None
        assert decoded(outcome) == EXPECTED
        later.close()


@pytest.mark.parametrize("mode", ["suspending", "streaming"])
def test_the_same_scenario_gives_the_same_bytes_in_every_process(mode: str) -> None:
    """Ids, times, order and payloads; sets and addresses decide nothing."""
    script = str(Path(__file__).with_name("digest.py"))
    environments = [{**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed} for seed in ("1", "2", "3")]
    digests = {subprocess.check_output([sys.executable, script, mode], env=environment) for environment in environments}
    assert len(digests) == 1


class Watcher:
    """Counts how attempts end."""

    def __init__(self) -> None:
        self.started: Tally[str] = Tally()
        self.ended: Tally[tuple[str, AttemptEnd]] = Tally()

    def attempt_started(self, invocation: Invocation, version: ProtocolVersion) -> None:
        self.started[invocation.target.service] += 1

    def attempt_ended(self, invocation: Invocation, end: AttemptEnd, failure: Failure | None) -> None:
        self.ended[invocation.target.service, end] += 1


@asynchronous
async def test_every_attempt_is_seen_to_start_and_to_end() -> None:
    watcher = Watcher()
    async with await runtime_with(Journey(), Account, force_suspension=True) as runtime:
        runtime.observer = watcher
        await runtime.invoke("Journey", "go", b"2")
    assert watcher.ended["Journey", AttemptEnd.COMPLETED] == 1
    assert watcher.ended["Journey", AttemptEnd.SUSPENDED] == watcher.started["Journey"] - 1 >= 4
    assert watcher.started["Account"] == watcher.ended["Account", AttemptEnd.COMPLETED] == 2


@asynchronous
async def test_an_attempt_that_does_not_suspend_is_given_up_after_the_abort_timeout() -> None:
    class Stuck:
        def __init__(self) -> None:
            self.released = asyncio.Event()
            self.calls = 0

        async def run(self, ctx: Context) -> int:
            return await ctx.run("stuck", self.wait)

        async def wait(self) -> int:
            self.calls += 1
            if self.calls == 1:
                await self.released.wait()
            return self.calls

    async with await runtime_with(Stuck(), auto_skip=False, inactivity_timeout=10, abort_timeout=20) as runtime:
        id_ = runtime.send("Stuck", "run").invocation.id
        await step(runtime, 10)
        assert runtime.invocation(id_).status is Status.RUNNING
        await step(runtime, 20)
        assert runtime.invocation(id_).status is Status.RUNNING
        await step(runtime, 5)
        invocation = runtime.invocation(id_)
        assert invocation.status is Status.BACKING_OFF
        assert invocation.last_failure is not None
        assert "'abort timeout' (20s) fired" in invocation.last_failure.message
        await runtime.advance(1)
        outcome = runtime.output(id_)
        assert outcome is not None
        assert decoded(outcome) == 2


async def step(runtime: Runtime, seconds: int) -> None:
    """Moves the clock although a step executes: nobody would ever settle."""
    clock = runtime.clock
    await asyncio.sleep(0)
    clock.move_to(clock.now() + seconds * 1000)  # type: ignore[attr-defined]
    runtime.poke()
    await asyncio.sleep(0)
