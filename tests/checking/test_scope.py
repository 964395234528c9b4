"""What a check looks at: invocations that have not started, services that the code has not, gates that nobody met."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from pydantic import Field

from restate_reflect import Context, ObjectContext, reflect, service
from restate_reflect.checking import Kind, Report, check
from restate_reflect.checking._gates import written
from restate_reflect.ingress import AdminClient
from restate_reflect.server import RestateServer
from restate_reflect.versions import Gate
from tests.conformance.driver import eventually
from tests.conftest import Serve, ServerMaker
from tests.support import call


def checked(server: RestateServer, *services: Any, **options: Any) -> Report:
    async def go() -> Report:
        async with AdminClient(server.admin_url) as admin:
            return await check([reflect(each) for each in services], admin, **options)

    return asyncio.run(go())


def started(server: RestateServer, invocation: str, entries: int) -> None:
    counted = f"SELECT count(*) AS n FROM sys_journal WHERE id = '{invocation}'"
    eventually(lambda: server.query(counted)[0]["n"] == entries)


# ---------------------------------------------------------------- not started


class CheckedQueue:
    """The first of a key holds it."""

    async def take(self, ctx: ObjectContext, number: int) -> int:
        return await ctx.awakeable(int)


@service(name="CheckedQueue")
class Smaller:
    """Takes small numbers only."""

    async def take(self, ctx: ObjectContext, number: Annotated[int, Field(lt=3)]) -> int:
        return await ctx.awakeable(int)


def test_inputs_of_what_has_not_started_are_read(any_server: RestateServer, serve: Serve) -> None:
    """Those that wait for their key, and those that are scheduled."""
    serve(any_server, CheckedQueue)
    holding = call(any_server, "CheckedQueue", "take", 1, key="a", send=True).invocation_id
    started(any_server, holding, 1)
    pending, fitting = (call(any_server, "CheckedQueue", "take", n, key="a", send=True).invocation_id for n in (5, 2))
    scheduled = call(any_server, "CheckedQueue", "take", 7, key="b", send=True, delay="1h").invocation_id
    for each in (pending, fitting, scheduled):
        started(any_server, each, 1)
    assert checked(any_server, CheckedQueue).findings == []
    report = checked(any_server, Smaller)
    refused = [each for each in report.findings if each.kind is Kind.INPUT and each.count]
    assert [sorted(each.examples) for each in refused] == [sorted([pending, scheduled])]
    row = report.rows["CheckedQueue/take"]
    assert (row.in_flight, row.replayed, row.differs, row.undecided) == (4, 2, 2, 0)


# ---------------------------------------------------------------- services that the code has not


class Kept:
    async def hold(self, ctx: Context) -> int:
        return await ctx.awakeable(int)


@service(name="Kept")
class Again(Kept):
    """The same, in new code."""


class Beside(Kept):
    """Served by the same deployment."""


class Elsewhere(Kept):
    """Served by another one."""


@pytest.mark.both_engines
def test_a_service_counts_as_removed_if_its_deployment_is_replaced(server_with: ServerMaker, serve: Serve) -> None:
    """Others are named with what is in flight, and are removed if the code is to be everything."""
    server = server_with()
    serve(server, Kept, Beside)
    serve(server, Elsewhere)
    for name in ("Beside", "Elsewhere", "Elsewhere"):
        started(server, call(server, name, "hold", send=True).invocation_id, 1)
    report = checked(server, Again)
    assert {(each.kind, each.where.partition("/")[0]) for each in report.findings} == {(Kind.SERVICE_REMOVED, "Beside")}
    assert report.others == {"Elsewhere": 2}
    assert report.as_data()["others"] == {"Elsewhere": 2}
    whole = checked(server, Again, everything=True)
    assert {each.where.partition("/")[0] for each in whole.findings} == {"Beside", "Elsewhere"}
    assert whole.others == {}


@pytest.mark.both_engines
def test_code_that_the_server_knows_nothing_of_is_told_what_there_is(server_with: ServerMaker, serve: Serve) -> None:
    """A target whose only service was renamed replaces nothing that can be seen."""
    server = server_with()
    serve(server, Kept)
    started(server, call(server, "Kept", "hold", send=True).invocation_id, 1)
    report = checked(server, Beside)
    assert (report.findings, report.others) == ([], {"Kept": 1})
    told = [each.text for each in checked(server, Beside, everything=True).findings]
    assert any("Beside is like it: was it renamed?" in text for text in told)


# ---------------------------------------------------------------- gates


class Gated:
    """Three gates, one in a helper, and what is none."""

    async def go(self, ctx: Context) -> None:
        if await ctx.version("one", since=2):
            await self._more(ctx)

    async def _more(self, ctx: Context) -> None:
        await ctx.version("two", since=3)
        self.version("one", "two")

    def version(self, *names: str) -> None: ...


@service(name="Gated")
class Bare:
    """Before there were gates: it stands where they will be."""

    async def go(self, ctx: Context) -> None:
        await ctx.awakeable(str)


def test_gates_are_found_in_the_source_of_a_service() -> None:
    """With the handler, where they stand in one."""
    assert [*written(reflect(Gated))] == [("Gated/go", Gate("one", 2)), ("Gated", Gate("two", 3))]
    local = type("Made", (), {"go": Gated.go, "__annotations__": {}})
    assert [*written(reflect(local))] == []


def test_a_gate_can_go_only_if_everything_was_seen(embedded_server: RestateServer, serve: Serve) -> None:
    """An invocation that the code can't go on with may lie behind one."""
    serve(embedded_server, Bare)
    started(embedded_server, call(embedded_server, "Gated", "go", send=True).invocation_id, 1)

    @service(name="Gated")
    class Broken(Gated):
        async def go(self, ctx: Context) -> None:
            raise ValueError

    gates = checked(embedded_server, Broken).gates
    unseen = "none of those that could be replayed has passed it, and 1 could not be."
    assert [use.text for use in gates.values()] == [
        f'gate "one" since=2 in Gated/go: {unseen}',
        f'gate "two" since=3 in Gated: {unseen}',
    ]
