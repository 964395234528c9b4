"""``POST /query`` of the admin API: the server's tables, as far as tools need them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from restate_reflect import (
    Context,
    ObjectContext,
    TerminalError,
    WorkflowContext,
    WorkflowRun,
    WorkflowSharedContext,
)
from restate_reflect.ingress import AdminClient
from restate_reflect.page._timeline import timeline
from restate_reflect.server import AdminError
from tests.conftest import ServerMaker
from tests.embedded.served import ServedRuntime
from tests.support import ServedInThread, call, fetch


async def fine() -> dict[str, int]:
    return {"a": 1}


def broken() -> None:
    raise TerminalError("bad", 400)


class Store:
    async def add(self, ctx: ObjectContext, amount: int) -> int:
        total = await ctx.get("total", int, default=0) + amount
        ctx.set("total", total)
        ctx.clear("other")
        await ctx.keys()
        if amount == 99:
            raise TerminalError("no", 409)
        return total


class Run:
    async def run(self, ctx: WorkflowContext, number: int) -> int:
        promise = ctx.promise("p", int)
        await promise.peek()
        return await promise

    async def finish(self, ctx: WorkflowSharedContext, number: int) -> None:
        await ctx.promise("p", int).resolve(number)


class Everything:
    async def run(self, ctx: Context, number: int) -> str:
        await ctx.call(Store.add, number, key="k")
        await ctx.call(Run.finish, 5, key="w")
        ctx.send(Run.run, 1, key="w")
        await ctx.attach(WorkflowRun("Run", "w"), int)
        await ctx.output(WorkflowRun("Run", "w"), int)
        await asyncio.sleep(0.01)
        await ctx.run("fine", fine)
        try:
            await ctx.run("broken", broken)
        except TerminalError:
            pass
        awakeable = ctx.awakeable(str)
        ctx.resolve_awakeable(awakeable.id, "x")
        await awakeable
        try:
            await ctx.call(Store.add, 99, key="k")
        except TerminalError:
            pass
        return "done"


def asked(url: str, work: Callable[[AdminClient], Any]) -> Any:
    async def main() -> Any:
        async with AdminClient(url) as admin:
            return await work(admin)

    return asyncio.run(main())


async def everything(admin: AdminClient) -> dict[str, Any]:
    """What tools see of all invocations, without ids and times."""
    seen: dict[str, Any] = {}
    for info in await admin.invocations(limit=1000):
        steps = timeline(await admin.journal(info.id))
        told = [(step["type"], step["name"], step["state"], _values(step)) for step in steps]
        texts = json.dumps([each for each in told if each[0] != "CompleteAwakeable"])
        words = (info.status, info.success, info.failure, info.kind.value, info.key, info.invoked_by_target)
        seen[f"{info.target} {texts if info.service == 'Store' else ''}"] = (*words, texts, info.journal_size)
    return seen


def _values(step: dict[str, Any]) -> list[Any]:
    return [detail for detail in step["details"] if detail["form"] != "time"]


@pytest.mark.server
def test_tools_see_the_same_on_both_engines(server_with: ServerMaker) -> None:
    """Invocations and journals of a program that uses every command, as the page and ``journal`` show them."""
    with ServedRuntime(Everything, Store, Run) as served:
        assert fetch(f"{served.ingress_url}/Everything/run", 3).json == "done"
        here = asked(served.admin_url, everything)
        state = asked(served.admin_url, lambda admin: admin.state("Store", "k"))
    server = server_with()
    with ServedInThread(Everything, Store, Run) as endpoint:
        server.register(endpoint.url)
        assert call(server, "Everything", "run", 3).json == "done"
        there = asked(server.admin_url, everything)
        assert asked(server.admin_url, lambda admin: admin.state("Store", "k")) == state == {"total": b"102"}
    assert here == there


class Waiting:
    async def wait(self, ctx: Context) -> str:
        return await ctx.awakeable(str)

    async def fail(self, ctx: Context) -> None:
        raise RuntimeError("broken")


def test_what_runs_fails_and_waits_is_told_apart() -> None:
    """Statuses, the last failure with its traceback, and times that can be read."""
    with ServedRuntime(Waiting) as served:
        fetch(f"{served.ingress_url}/Waiting/wait/send")
        fetch(f"{served.ingress_url}/Waiting/wait/send?delay=1h")
        failing = fetch(f"{served.ingress_url}/Waiting/fail/send").invocation_id

        async def until_it_has_failed(admin: AdminClient) -> Any:
            while (info := await admin.invocation(failing)).last_failure is None:
                await asyncio.sleep(0.01)
            return info, await admin.invocations(handler="wait", unfinished=True)

        info, waiting = asked(served.admin_url, until_it_has_failed)
    assert info.last_failure.message.startswith("[500 Internal] RuntimeError: broken\nTraceback")
    assert info.retry_count >= 1
    assert {each.status for each in waiting} == {"running", "scheduled"}
    assert all(isinstance(each.created_at, datetime) for each in waiting)


QUERIES = [
    ("SELECT count(*) AS n FROM sys_invocation WHERE status = 'completed'", [{"n": 0}]),
    ("SELECT 'index' AS word", [{"word": "index"}]),
    ("SELECT index FROM sys_journal ORDER BY index", [{"index": 0}]),
    ("SELECT j.index AS i FROM sys_invocation s JOIN sys_journal j ON s.id = j.id", [{"i": 0}]),
    ("SELECT target FROM sys_invocation WHERE id = 'inv_1' OR status <> 'completed'", [{"target": "Waiting/wait"}]),
]


def test_queries() -> None:
    """Conditions, joins and the server's column named like a keyword."""
    with ServedRuntime(Waiting) as served:
        fetch(f"{served.ingress_url}/Waiting/wait/send?delay=1h")
        for sql, rows in QUERIES:
            answer = fetch(f"{served.admin_url}/query", {"query": sql}, headers={"accept": "application/json"})
            assert (answer.status, answer.json) == (200, {"rows": rows}), sql


def test_invocations_that_are_named_are_found_with_those_that_belong_to_them() -> None:
    """Only those named are read, unless the query may lead to others."""
    with ServedRuntime(Waiting) as served:
        sent = [fetch(f"{served.ingress_url}/Waiting/wait/send?delay=1h").json["invocationId"] for _ in range(3)]
        one, two, _ = sorted(sent)
        for conditions, expected in [
            (f"a.id = '{one}'", [one]),
            (f"a.id IN ('{one}', '{two}', 'inv_1other')", [one, two]),
            (f"a.id IN ('{one}') AND a.id = '{two}'", []),
            (f"a.id NOT IN ('{one}')", sorted(sent)[1:]),
            (f"(a.id = '{one}') = false", sorted(sent)[1:]),
            (f"a.id > (SELECT min(id) FROM sys_invocation WHERE id = '{one}')", sorted(sent)[1:]),
        ]:
            sql = f"SELECT a.id FROM sys_invocation a WHERE {conditions} ORDER BY a.id"
            assert [row["id"] for row in rows_of(served, sql)] == expected, sql
        tables = f"FROM sys_invocation a JOIN sys_invocation b ON b.target = a.target WHERE a.id = '{one}'"
        assert [row["id"] for row in rows_of(served, f"SELECT b.id {tables} ORDER BY b.id")] == sorted(sent)
        assert rows_of(served, f"SELECT sum(CASE WHEN id = '{one}' THEN 1 ELSE 2 END) n FROM sys_invocation") == [
            {"n": 5}
        ]


def rows_of(served: ServedRuntime, sql: str) -> list[dict[str, Any]]:
    answer = fetch(f"{served.admin_url}/query", {"query": sql}, headers={"accept": "application/json"})
    assert answer.status == 200, answer.json
    rows: list[dict[str, Any]] = answer.json["rows"]
    return rows


@pytest.mark.parametrize(
    "sql, said",
    [
        ("SELECT * FROM sys_nothing", "table 'restate.public.sys_nothing' not found"),
        ("DROP TABLE state", "DDL not supported: DropTable"),
        ("ATTACH DATABASE '/tmp/x' AS x", "ParserError"),
        ("SELECT load_extension('x')", "Invalid function 'load_extension'"),
        ("SELECT 1; SELECT 2", "a single SQL statement"),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r", "interrupted"),
        ("nonsense", "Expected: an SQL statement, found: nonsense"),
        ("SELECT nonsense FROM state", "nonsense"),
    ],
)
def test_a_query_that_is_no_select_is_refused(sql: str, said: str) -> None:
    """Nothing is changed, no file is opened, and no query takes the runtime's time for ever."""
    with ServedRuntime(Waiting) as served, pytest.raises(AdminError, match=said) as raised:
        asked(served.admin_url, lambda admin: admin.query(sql))
    if raised.value.status == 501:
        assert "It has SELECTs over state, sys_deployment" in str(raised.value)
        assert str(raised.value).endswith("use restate-server for anything else")
    else:
        assert "Datafusion error: " in str(raised.value)
