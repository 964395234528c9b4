"""Journals that a server has stored, replayed here: to the await at which the server's own attempt stood."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from restate_reflect import ObjectContext
from restate_reflect.durable.attempt import Attempt
from restate_reflect.endpoint.core import Core, core_of
from restate_reflect.engine.notifications import SignalIndex
from restate_reflect.ingress import AdminClient
from restate_reflect.replay import Outcome, RecordedJournal, Replay, journal_of, load, save
from restate_reflect.server import RestateServer
from tests.conformance.driver import eventually, fresh_key
from tests.conftest import Serve
from tests.replay.recorded import replayed
from tests.support import call

pytestmark = pytest.mark.server


class ReplayedShop:
    """Waits at the places that tests choose."""

    executed: list[str] = []

    async def stock(self, ctx: ObjectContext, number: int) -> int:
        ctx.set("stock", number)
        return number

    async def buy(self, ctx: ObjectContext, how: str) -> str:
        stock = await ctx.get("stock", int) or 0
        ctx.set("stock", stock - 1)
        token = str(ctx.uuid())
        reserved = await ctx.run("reserve", self.act, f"reserve {token}")
        if how == "awakeable":
            return await ctx.awakeable(str)
        if how == "fan":
            raced: list[asyncio.Future[Any]] = [ctx.signal("first", str), ctx.sleep(3600, name="long")]
            await asyncio.wait(raced, return_when=asyncio.FIRST_COMPLETED)
        if how == "step":
            await ctx.run("stuck", self.stuck)
        async with asyncio.timeout(3600):
            await ctx.signal("go", str)
        return reserved

    async def act(self, what: str) -> str:
        self.executed.append(what)
        return what

    async def stuck(self) -> None:
        self.executed.append("stuck")
        await asyncio.Event().wait()


class Stood(NamedTuple):
    """Where an attempt stands."""

    place: str
    awaited: list[str]


def stood(core: Core, invocation: str) -> Stood | None:
    """Of a served handler's attempt, looked at from another thread; it waits."""
    attempts: list[Attempt] = list(core._environment.attempts) if core._environment is not None else []
    found = [each for each in attempts if each.engine.started.debug_id == invocation and not each.engine.is_replaying]
    if not found:
        return None
    names: dict[type, str] = {SignalIndex: "signal", int: "completion"}
    awaited = [
        f"{names[type(id_)]} {int(id_)}" if type(id_) in names else f"signal {id_!r}"
        for id_ in found[0].results.awaited()
    ]
    return Stood(found[0].locate(), awaited)


def fetched(server: RestateServer, invocation: str) -> RecordedJournal:
    async def work() -> RecordedJournal:
        async with AdminClient(server.admin_url) as admin:
            return await journal_of(admin, invocation)

    return asyncio.run(work())


def begun(server: RestateServer, how: str, length: int) -> str:
    """The id of an invocation whose journal has so many entries."""
    key = fresh_key()
    call(server, "ReplayedShop", "stock", 5, key=key)
    answer = call(server, "ReplayedShop", "buy", how, key=key, send=True)
    invocation: str = answer.json["invocationId"]
    eventually(
        lambda: server.query(f"SELECT count(*) AS n FROM sys_journal WHERE id = '{invocation}'")[0]["n"] >= length
    )
    return invocation


def there(found: Replay) -> Stood:
    return Stood(found.place, [each.id for each in found.awaited])


@pytest.mark.parametrize("how, length", [("awakeable", 5), ("fan", 6), ("step", 6), ("deadline", 6)])
def test_a_killed_invocation_is_replayed_to_the_same_await(
    any_server: RestateServer, serve: Serve, how: str, length: int, tmp_path: Path
) -> None:
    """The place, and what is waited for; also by way of a file. No step is executed for it."""
    core = core_of([ReplayedShop])
    serve(any_server, core)
    invocation = begun(any_server, how, length)
    before = eventually(lambda: stood(core, invocation), lambda found: found is not None)
    running = fetched(any_server, invocation)
    any_server.admin.request("PATCH", f"/invocations/{invocation}/kill")
    killed = eventually(lambda: fetched(any_server, invocation), lambda found: found.status == "completed")
    ReplayedShop.executed.clear()
    save(killed, tmp_path / "journal.json")
    for journal in (running, killed, load(tmp_path / "journal.json")):
        found = replayed(journal, ReplayedShop)
        assert found.outcome is Outcome.WAITS
        assert there(found) == before
    assert ReplayedShop.executed == []
