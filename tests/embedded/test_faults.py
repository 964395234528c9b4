"""What the embedded runtime does when its store fails, and with requests that fail half-way."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from restate_reflect import Context, ObjectContext, ObjectSharedContext
from restate_reflect.embedded import Runtime, RuntimeStoppedError, SqliteStore, StoreError, VirtualClock
from restate_reflect.embedded.kernel import lifecycle
from tests.embedded.running import asynchronous, decoded
from tests.embedded.served import JSON, ServedRuntime
from tests.support import fetch

LARGE = "x" * 50_000


class Echo:
    async def echo(self, ctx: Context, text: str) -> str:
        return text


class Obj:
    async def get(self, ctx: ObjectSharedContext) -> str | None:
        return await ctx.get("old", str)

    async def put(self, ctx: ObjectContext, value: str) -> None:
        ctx.set("old", value)


def fill(store: Any) -> None:
    """As a disk that gets full: SQLite may not add another page."""
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count={pages + 4}")


# ---------------------------------------------------------------- a store that fails


@pytest.mark.parametrize("verb", ["", "/send", "/send?delay=1h"])
def test_nothing_is_acknowledged_that_is_not_stored(verb: str, tmp_path: Path) -> None:
    """Each request is answered, what got a 2xx is there after a restart, and health tells."""
    file = tmp_path / "data.db"
    acknowledged: list[str] = []
    with ServedRuntime(Echo, file=file) as served:
        fill(served.runtime.kernel.store)
        while (answer := fetch(f"{served.ingress_url}/Echo/echo{verb}", LARGE, timeout=30)).status != 503:
            assert answer.status in (200, 202)
            acknowledged.append(answer.invocation_id)
            assert len(acknowledged) < 100
        assert "the embedded runtime has stopped" in answer.json["message"]
        assert "Make room on the disk and start again: what was acknowledged is stored." in answer.json["message"]
        for url in (f"{served.ingress_url}/restate/health", f"{served.admin_url}/health"):
            told = fetch(url, method="GET")
            assert (told.status, "has stopped" in told.json["message"]) == (503, True)
        for path, body in (("/Echo/echo", "x"), ("/Echo/echo/send", "x"), ("/restate/awakeables/prom_1/resolve", "x")):
            assert fetch(served.ingress_url + path, body).status == 503
        assert fetch(f"{served.admin_url}/query", {"query": "SELECT * FROM sys_invocation"}, headers=JSON).status == 503
    with ServedRuntime(Echo, file=file) as later:
        known = fetch(f"{later.admin_url}/query", {"query": "SELECT id FROM sys_invocation"}, headers=JSON).json["rows"]
        if verb:
            assert {row["id"] for row in known} >= set(acknowledged)
        assert fetch(f"{later.ingress_url}/Echo/echo", "again").json == "again"


def _send_for_ever(runtime: Runtime) -> None:
    for _ in range(100):
        runtime.send("Echo", "echo", json.dumps(LARGE).encode(), delay=3600)


@asynchronous
async def test_callers_that_wait_are_told(tmp_path: Path) -> None:
    """Also those that attach to what was stored before."""
    runtime = Runtime(SqliteStore(tmp_path / "data.db"), VirtualClock())
    await runtime.deploy(Echo)
    waits = runtime.send("Echo", "echo", b'"x"', delay=3600).invocation.id
    waiting = asyncio.ensure_future(runtime.attach(waits))
    await asyncio.sleep(0)
    fill(runtime.kernel.store)
    with pytest.raises(RuntimeStoppedError, match=r"data\.db fails \(database or disk is full\)"):
        _send_for_ever(runtime)
    with pytest.raises(RuntimeStoppedError):
        await waiting
    with pytest.raises(RuntimeStoppedError):
        await runtime.attach(waits)
    assert runtime.failure is await runtime.failed()
    await runtime.aclose()
    async with Runtime(SqliteStore(tmp_path / "data.db"), VirtualClock(auto_skip=True)) as later:
        await later.deploy(Echo)
        assert decoded(await later.attach(waits)) == "x"


# ---------------------------------------------------------------- requests that fail half-way

STATE = "/services/Obj/state"
BAD_STATES: list[Any] = [
    {"object_key": "k", "new_state": {"ok": [1], "bad": 5}},
    {"object_key": "k", "new_state": {"ok": [1], "bad": [256]}},
    {"object_key": "k", "new_state": {"ok": [1], "bad": [-1]}},
    {"object_key": "k", "new_state": {"ok": [1], "bad": [1.0]}},
    {"object_key": "k", "new_state": {"ok": [1], "bad": [True]}},
    {"object_key": "k", "new_state": {"ok": [1], "bad": [[1]]}},
    {"object_key": "k", "new_state": {"ok": [1], "bad": {"a": 1}}},
    {"object_key": "k", "new_state": {"ok": [1], "bad": None}},
    {"object_key": "k", "new_state": {"ok": [1], "bad": 10**12}},
    {"object_key": "k", "new_state": {"ok": [1], "\ud800": [1]}},
    {"object_key": "k", "new_state": {"ok": [1], "bad": "\ud800"}},
    {"object_key": "k", "new_state": [1]},
    {"object_key": "k", "new_state": 5},
    {"object_key": "k"},
    {"object_key": 5, "new_state": {"ok": [1]}},
    {"object_key": None, "new_state": {"ok": [1]}},
    {"object_key": "\ud800", "new_state": {"ok": [1]}},
    {"new_state": {"ok": [1]}},
    [],
    5,
    None,
]


@pytest.mark.parametrize("body", BAD_STATES, ids=lambda body: json.dumps(body)[:60])
def test_a_change_of_state_that_is_refused_changes_nothing(body: Any) -> None:
    with ServedRuntime(Obj) as served:
        assert fetch(f"{served.ingress_url}/Obj/k/put", "kept").status == 200
        answer = fetch(served.admin_url + STATE, body)
        assert answer.status in (400, 422), answer.body
        assert fetch(f"{served.ingress_url}/Obj/k/get", method="GET").json == "kept"


@pytest.mark.parametrize("value", [[34, 110, 34], '"n"'])
def test_a_state_is_an_array_of_bytes_or_a_text(value: Any) -> None:
    with ServedRuntime(Obj) as served:
        assert fetch(served.admin_url + STATE, {"object_key": "k", "new_state": {"old": value}}).status == 202
        assert fetch(f"{served.ingress_url}/Obj/k/get", method="GET").json == "n"


Break = Callable[[pytest.MonkeyPatch], None]


def _fails(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize(
    "where, name, path, body",
    [
        (SqliteStore, "set_state", "{admin}/services/Obj/state", {"object_key": "k", "new_state": {"old": [1]}}),
        (lifecycle, "begin", "{ingress}/Obj/k/put", "new"),
        (lifecycle, "begin", "{ingress}/Obj/k/put/send", "new"),
    ],
)
def test_a_bug_in_a_request_undoes_that_request_and_nothing_else(
    where: Any, name: str, path: str, body: Any, tmp_path: Path
) -> None:
    """The runtime goes back to what is stored, and serves on: what was in progress goes on, too."""
    with ServedRuntime(Obj, Echo, file=tmp_path / "data.db") as served:
        assert fetch(f"{served.ingress_url}/Obj/k/put", "kept").status == 200
        later = fetch(f"{served.ingress_url}/Echo/echo/send?delay=2s", "later").invocation_id
        before = len(served.runtime.invocations())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(where, name, _fails)
            answer = fetch(path.format(admin=served.admin_url, ingress=served.ingress_url), body)
        assert answer.status == 500
        assert served.runtime.failure is None
        assert fetch(f"{served.ingress_url}/Obj/k/get", method="GET").json == "kept"
        assert fetch(f"{served.ingress_url}/Obj/k/put", "free").status == 200
        assert fetch(f"{served.ingress_url}/restate/invocation/{later}/attach", method="GET").json == "later"
        known = fetch(f"{served.admin_url}/query", {"query": "SELECT count(*) AS n FROM sys_invocation"}, headers=JSON)
        assert known.json["rows"] == [{"n": before + 2}]  # the two that were asked for since


# ---------------------------------------------------------------- files


def test_files_are_private(tmp_path: Path) -> None:
    """The journal beside the database, too, whatever the umask is."""
    file = tmp_path / "data.db"
    before = os.umask(0)
    try:
        store = SqliteStore(file)
        store.put_meta("name", b"value")
        store.commit()
        assert {each.name for each in tmp_path.iterdir()} == {
            "data.db",
            "data.db-wal",
            "data.db-shm",
            "data.db-lock",
        }
        assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}
        store.close()
    finally:
        os.umask(before)
    file.chmod(0o644)
    SqliteStore(file).close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["data.db", "data.db-wal", "data.db-journal", "data.db-shm", "data.db-lock"])
def test_symbolic_links_are_not_followed(name: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / name).symlink_to(outside)
    with pytest.raises(StoreError, match=f"{name} is a symbolic link, and not followed. Remove it"):
        SqliteStore(folder / "data.db")
    assert outside.read_bytes() == b"precious"


def test_a_link_that_leads_nowhere_makes_no_file_there(tmp_path: Path) -> None:
    (tmp_path / "data.db").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="is a symbolic link"):
        SqliteStore(tmp_path / "data.db")
    assert not (tmp_path / "nowhere").exists()


# ---------------------------------------------------------------- damage


async def _with_data(file: Path) -> str:
    async with Runtime(SqliteStore(file), VirtualClock()) as runtime:
        await runtime.deploy(Echo, Obj)
        return runtime.send("Echo", "echo", b'"x"', delay=3600, idempotency_key="i").invocation.id


DAMAGE = {
    "no json": ("UPDATE invocation SET data = '{'", "the record of inv_"),
    "a blob": ("UPDATE invocation SET data = x'ff00'", "the record of inv_"),
    "null": ("UPDATE invocation SET data = 'null'", "the record of inv_"),
    "missing fields": ("UPDATE invocation SET data = '{}'", "the record of inv_"),
    "another status": ("UPDATE invocation SET data = replace(data, 'scheduled', 'odd')", "the record of inv_"),
    "more fields": ("UPDATE invocation SET data = replace(data, '\"id\"', '\"odd\"')", "the record of inv_"),
    "a timer of another kind": ("UPDATE timer SET kind = 99", "a timer of inv_"),
    "a timer at no time": ("UPDATE timer SET at = 'soon'", "a timer of inv_"),
    "no table": ("DROP TABLE journal", "no such table: journal"),
}


@pytest.mark.parametrize("sql, words", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_told_in_a_sentence(sql: str, words: str, tmp_path: Path) -> None:
    """With the file, what can't be read, and what to do; the file is left as it is."""
    file = tmp_path / "data.db"
    asyncio.run(_with_data(file))
    with sqlite3.connect(file) as database:
        database.execute(sql)
    database.close()

    async def use() -> None:
        async with Runtime(SqliteStore(file), VirtualClock(auto_skip=True)) as runtime:
            await runtime.deploy(Echo, Obj)
            for invocation in runtime.invocations():
                await runtime.attach(invocation.id)

    with pytest.raises((StoreError, RuntimeStoppedError)) as told:
        asyncio.run(use())
    assert words in str(told.value)
    assert str(file) in str(told.value)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_another_file_is_told_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "data.db").write_bytes(content)
    with pytest.raises(StoreError, match="can't be opened"):
        SqliteStore(tmp_path / "data.db")
    assert (tmp_path / "data.db").read_bytes() == content


def test_a_folder_that_is_gone_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be opened: No such file or directory"):
        SqliteStore(tmp_path / "gone" / "data.db")
