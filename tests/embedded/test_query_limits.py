"""Queries that would need all memory, all time, or a file: they end, and hold nobody meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from restate_reflect import Context, ObjectContext
from restate_reflect.embedded.query import sql as queries
from restate_reflect.embedded.query.sandbox import main as sandbox
from tests.embedded.served import ServedRuntime
from tests.support import Answer, fetch

pytestmark = pytest.mark.slow


class Greeter:
    async def greet(self, ctx: Context, name: str) -> str:
        return name


class Keeper:
    async def keep(self, ctx: ObjectContext, value: str) -> None:
        ctx.set("value", value)


@pytest.fixture(scope="module")
def served() -> Iterator[ServedRuntime]:
    with ServedRuntime(Greeter, Keeper) as runtime:
        for number in range(20):
            assert fetch(f"{runtime.ingress_url}/Greeter/greet", str(number)).status == 200
        yield runtime


def ask(served: ServedRuntime, sql: str) -> Answer:
    accept = {"accept": "application/json"}
    return fetch(f"{served.admin_url}/query", {"query": sql}, headers=accept, timeout=120)


NUMBERS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
GREEDY = {
    "a text": "select length(repeat('x', 2000000000))",
    "many texts": f"{NUMBERS} select x, repeat('x', 60000000) from n limit 1000",
    "texts beside each other": "select " + ", ".join(f"repeat('x', 60000000) as c{n}" for n in range(100)),
    "sorting": f"{NUMBERS}, m as (select x from n limit 100000000) select x from m order by -x",
    "recursion": f"{NUMBERS} select count(*) from n",
    "a growing text": "WITH RECURSIVE t(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM t) select max(length(x)) from t",
    "cross joins": "select count(*) from " + ", ".join(f"sys_invocation i{n}" for n in range(12)),
    "string_agg": f"{NUMBERS} select string_agg(repeat('x', 100000), '') from (select x from n limit 100000)",
    "replace": "select length(replace(repeat('x', 1000000), 'x', repeat('y', 1000000)))",
    "many rows": f"{NUMBERS} select x from n limit 10000000",
    "long rows": f"{NUMBERS} select repeat('x', 2000000) from n limit 1000",
    "many columns": "select " + ", ".join(f"1 as c{n}" for n in range(1900)),
    "a long query": "select '" + "x" * 200_000 + "'",
    "a deep query": "select " + "(" * 5000 + "1" + ")" * 5000,
    "many unions": " union all ".join(["select 1"] * 400),
}


@pytest.mark.parametrize("sql", GREEDY.values(), ids=GREEDY)
def test_a_greedy_query_ends(served: ServedRuntime, sql: str) -> None:
    """With an error that says what it may not."""
    answer = ask(served, sql)
    assert answer.status == 501, answer.body[:200]
    assert answer.json["message"].startswith("the embedded runtime can't answer this query: ")


GREEDY_FOR_SQLITE = {
    "a blob": "select length(hex(zeroblob(400000000)))",
    "many blobs": f"{NUMBERS} select x, hex(zeroblob(30000000)) from n limit 1000",
    "sorted blobs": f"{NUMBERS} select hex(randomblob(8000000)) as b from n limit 1000000 order by b",
    "blobs beside each other": "select " + ", ".join(f"hex(zeroblob(30000000)) as c{n}" for n in range(100)),
    "group_concat": f"{NUMBERS} select group_concat(hex(zeroblob(100000))) from (select x from n limit 100000)",
    "printf": "select printf('%.*c', 2000000000, 'x')",
    "replace": "select length(replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000000))))",
    "long rows": f"{NUMBERS} select hex(zeroblob(1000000)) from n limit 1000",
}


@pytest.mark.parametrize("sql", GREEDY_FOR_SQLITE.values(), ids=GREEDY_FOR_SQLITE)
def test_a_query_that_nobody_translates_ends(served: ServedRuntime, sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sqlglot all of SQLite's functions can be called."""
    monkeypatch.setattr(queries, "_folder", lambda module: None)
    answer = ask(served, sql)
    assert answer.status == 501, answer.body[:200]
    assert answer.json["message"].startswith("the embedded runtime can't answer this query: ")


FORBIDDEN = {
    "attach": "ATTACH 'x.db' AS x",
    "vacuum into": "VACUUM INTO 'x.db'",
    "pragma": "PRAGMA writable_schema=1",
    "journal mode": "PRAGMA journal_mode=WAL",
    "heap": "PRAGMA hard_heap_limit=0",
    "table": "CREATE TABLE x (a)",
    "temporary table": "CREATE TEMP TABLE x (a)",
    "insert": "INSERT INTO sys_invocation (id) VALUES ('x')",
    "delete": "DELETE FROM sys_invocation",
    "update": "UPDATE sys_invocation SET id = 1",
    "drop": "DROP TABLE sys_invocation",
    "schema": "UPDATE sqlite_master SET sql = ''",
    "transaction": "BEGIN",
    "extension": "SELECT load_extension('x')",
    "file": "SELECT readfile('/etc/passwd')",
    "two": "SELECT 1; SELECT 2",
    "two of which one changes": "SELECT 1; DROP TABLE sys_invocation",
    "nothing": "",
    "a comment": "-- nothing",
    "explain": "EXPLAIN DROP TABLE sys_invocation",
    "returning": "DELETE FROM sys_invocation RETURNING id",
    "a null character": "SELECT '\x00'",
    "half a pair": "SELECT '\ud800'",
}


@pytest.mark.parametrize("sql", FORBIDDEN.values(), ids=FORBIDDEN)
def test_only_one_select_is_answered(served: ServedRuntime, sql: str) -> None:
    answer = ask(served, sql)
    assert answer.status in (400, 500, 501) or answer.json == {"rows": []}, answer.body
    assert ask(served, "SELECT count(*) AS n FROM sys_invocation").json["rows"] == [{"n": 20}]


def test_no_function_opens_a_door_where_nobody_translates(
    served: ServedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_folder", lambda module: None)
    answer = ask(served, FORBIDDEN["extension"])
    assert answer.status == 501
    assert "not authorized" in answer.json["message"]


def test_a_query_holds_nobody(served: ServedRuntime) -> None:
    """Calls are answered while the greediest one runs, and so is another query."""
    greedy = threading.Thread(target=ask, args=(served, GREEDY["recursion"]))
    greedy.start()
    answered = 0
    slowest = 0.0
    while greedy.is_alive():
        began = time.monotonic()
        assert fetch(f"{served.ingress_url}/Greeter/greet", "x").json == "x"
        slowest = max(slowest, time.monotonic() - began)
        answered += 1
    greedy.join()
    assert answered > 3
    assert slowest < sandbox.MAX_SECONDS / 2, f"{slowest} s"


def test_many_queries_at_once_are_answered_in_turn(served: ServedRuntime) -> None:
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(served, "SELECT 1 AS one").status)) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 20


@pytest.mark.parametrize(
    "sql, rows",
    [
        ("SELECT 1 AS a, NULL AS b", [{"a": 1}]),
        ("SELECT x'00ff' AS a, 'é\"' AS b, 1.5 AS c", [{"a": "00ff", "b": 'é"', "c": 1.5}]),
        ("SELECT 1e999 AS a, cast(x'ff41' AS text) AS b", [{"a": None, "b": "\ufffdA"}]),
        ("SELECT 1 WHERE 0", []),
        (
            "SELECT count(*) AS n FROM (SELECT id FROM sys_invocation LIMIT 20) a JOIN sys_invocation b ON a.id = b.id",
            [{"n": 20}],
        ),
        ("SELECT 1 AS one;", [{"one": 1}]),
    ],
)
def test_values_of_every_kind(served: ServedRuntime, sql: str, rows: list[object]) -> None:
    assert ask(served, sql).json == {"rows": rows}


def test_large_values_are_answered(served: ServedRuntime) -> None:
    text = "x" * 2_000_000
    assert fetch(f"{served.ingress_url}/Keeper/k/keep", text).status == 200
    (row,) = ask(served, "SELECT value_utf8 FROM state").json["rows"]
    assert row == {"value_utf8": f'"{text}"'}
