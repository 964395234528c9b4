"""The SQLite store: what is committed survives the process, whatever kills it."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restate_reflect import Context, ObjectContext, TerminalError, WorkflowContext
from restate_reflect.definitions import HandlerKind, ServiceKind
from restate_reflect.embedded import (
    EmbeddedRuntimeError,
    Invocation,
    MemoryStore,
    Runtime,
    RuntimeSettings,
    SqliteStore,
    Status,
    Target,
    VirtualClock,
)
from restate_reflect.embedded.kernel import mutations
from restate_reflect.embedded.kernel.keys import Key
from restate_reflect.embedded.kernel.mutations import Mutation
from restate_reflect.embedded.kernel.records import Failure, Listener
from restate_reflect.embedded.kernel.store import Promise
from restate_reflect.embedded.query.sandbox.sources import Catalog, FileSource
from restate_reflect.embedded.query.shipping import catalog, parts
from restate_reflect.embedded.storage.serialization import dump_invocation, dump_promise, load_invocation, load_promise
from restate_reflect.options import LATEST
from tests.embedded.every_row import COLUMNS, every_row
from tests.embedded.running import asynchronous
from tests.support import ROOT

WORKER = Path(__file__).with_name("worker.py")
N = 6


def start(path: Path, log: Path, most: int) -> subprocess.Popen[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, str(WORKER), str(path), str(log), str(N), str(most)], env=env)


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def wait_for_lines(log: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """The worker's steps write a line each; polled, as nothing else crosses the process."""
    deadline = time.monotonic() + 60
    while len(lines(log)) < count and process.poll() is None:
        assert time.monotonic() < deadline, f"{len(lines(log))} lines after 60 s"
        time.sleep(0.001)


@pytest.mark.parametrize("first", [1, 8])
def test_kill_9_at_any_moment_loses_nothing_and_repeats_at_most_the_step_in_progress(
    first: int, tmp_path: Path
) -> None:
    """The process is killed again and again, each time a few steps further, until all is done."""
    path, log = tmp_path / "data.db", tmp_path / "log"
    kills, target = 0, first
    while True:
        process = start(path, log, target)
        wait_for_lines(log, target, process)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
        target = len(lines(log)) + 9
    assert process.returncode == 0
    assert kills >= 3
    counts: dict[str, int] = {}
    for line in lines(log):
        counts[line] = counts.get(line, 0) + 1
    assert set(counts) == {f"{n}/{step}" for n in range(N) for step in range(5)}
    assert sum(count - 1 for count in counts.values()) <= kills * N
    assert json.loads((tmp_path / "log.result").read_text()) == {"total": N * 5, "results": [5] * N}


@asynchronous
async def test_a_second_process_is_told_that_the_file_is_in_use(tmp_path: Path) -> None:
    async with Runtime(SqliteStore(tmp_path / "data.db")):
        code = f"from restate_reflect.embedded import SqliteStore; SqliteStore({str(tmp_path / 'data.db')!r})"
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, env=env, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"If another process runs on it, stop that one" in errors


def test_files_of_another_kind_or_of_a_newer_version_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, and long enough to be looked at as one" * 20)
    with pytest.raises(EmbeddedRuntimeError, match="can't be opened"):
        SqliteStore(tmp_path / "text")
    with sqlite3.connect(tmp_path / "newer") as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    with pytest.raises(EmbeddedRuntimeError, match="its format is 99"):
        SqliteStore(tmp_path / "newer")


VERSION_1 = """
CREATE TABLE invocation (
    id TEXT PRIMARY KEY, serial INTEGER NOT NULL, completed INTEGER NOT NULL, data TEXT NOT NULL, value BLOB
) WITHOUT ROWID;
CREATE INDEX invocation_serial ON invocation (completed, serial);
CREATE TABLE journal (
    invocation TEXT NOT NULL, position INTEGER NOT NULL, type INTEGER NOT NULL, payload BLOB NOT NULL,
    stored_at INTEGER NOT NULL, PRIMARY KEY (invocation, position)
) WITHOUT ROWID;
CREATE TABLE state (
    service TEXT NOT NULL, key TEXT NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (service, key, name)
) WITHOUT ROWID;
CREATE TABLE promise (
    service TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL, value BLOB,
    PRIMARY KEY (service, key, name)
) WITHOUT ROWID;
CREATE TABLE timer (
    invocation TEXT NOT NULL, kind INTEGER NOT NULL, completion_id INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (invocation, kind, completion_id)
) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO state VALUES ('Keeper', 'k', x'61', x'31'), ('Flow', 'w', x'62', x'32');
INSERT INTO promise VALUES
    ('Flow', 'w', 'done', '{"completed": true, "failure": null, "waiting": []}', x'2278'),
    ('Flow', 'w', 'never', '{"completed": false, "failure": null, "waiting": [["inv_1", 3]]}', NULL);
INSERT INTO meta VALUES ('mutations', '[[7, "Keeper", "k", null, [["Yw==", "Mw=="]]]]');
INSERT INTO invocation VALUES ('inv_1', 1, 1, '{"id":"inv_1","serial":1,"created_at":1,"completion_retention":1,'
    || '"journal_retention":1,"scope":"blue","target":["Sorts","fine",null,"SERVICE",null],"status":"completed",'
    || '"listeners":[]}', NULL);
PRAGMA user_version=1;
"""
"""As files were before scopes had state of their own, with something in each table that is different now."""


def test_files_of_the_first_version_are_taken_over(tmp_path: Path) -> None:
    """State and promises are those of no scope, what waits still does; and they stay so when it is opened again."""
    path = tmp_path / "data.db"
    with sqlite3.connect(path) as database:
        database.executescript(VERSION_1)
    database.close()
    for _ in range(2):
        store = SqliteStore(path)
        assert store.state_owners() == [Key("Flow", "w"), Key("Keeper", "k")]
        assert store.state(Key("Keeper", "k")) == {b"a": b"1"}
        assert store.state(Key("Keeper", "k", "blue")) == {}
        assert store.promise(Key("Flow", "w"), "done") == Promise(True, b'"x')
        assert store.promise(Key("Flow", "w"), "never") == Promise(waiting=[("inv_1", 3)])
        assert mutations.load(store) == {"mut_7": Mutation(7, Key("Keeper", "k"), {b"c": b"3"})}
        (invocation,) = store.invocations(live=False)
        assert invocation.target == Target("Sorts", "fine", None, ServiceKind.SERVICE, None, "blue")
        store.close()


def test_what_waits_in_a_scope_is_stored_with_it(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data.db")
    waiting = {each.id: each for each in (Mutation(1, Key("S", "k", "blue"), {}, "v"), Mutation(2, Key("S", "k"), {}))}
    mutations.save(store, waiting)
    assert mutations.load(store) == waiting
    store.close()


def test_a_rolled_back_transaction_never_happened(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data.db")
    key = Key("S", "k")
    store.set_state(key, b"a", b"1")
    store.commit()
    store.set_state(key, b"a", b"2")
    store.set_state(key, b"b", b"3")
    store.rollback()
    assert store.state(key) == {b"a": b"1"}
    store.close()


texts = st.text(max_size=10)
numbers = st.integers(0, LATEST)
failures = st.builds(Failure, st.integers(0, 999), texts, st.dictionaries(texts, texts, max_size=2))
targets = st.builds(
    Target,
    texts,
    texts,
    st.none() | texts,
    st.sampled_from(ServiceKind),
    st.none() | st.sampled_from(HandlerKind),
    st.none() | texts,
)
invocations = st.builds(
    Invocation,
    id=texts,
    serial=numbers,
    target=targets,
    created_at=numbers,
    completion_retention=numbers,
    journal_retention=numbers,
    status=st.sampled_from(Status),
    parent=st.none() | texts,
    execution_time=st.none() | numbers,
    idempotency_key=st.none() | texts,
    deployment=st.none() | texts,
    protocol=st.none() | st.integers(5, 7),
    length=numbers,
    commands=numbers,
    modified_at=numbers,
    listeners=st.lists(st.builds(Listener, texts, numbers, numbers), max_size=2),
    awaiting=st.none() | st.binary(max_size=10),
    retries=numbers,
    retries_since_entry=numbers,
    retry_at=st.none() | numbers,
    last_failure=st.none() | failures,
    value=st.none() | st.binary(max_size=10),
    failure=st.none() | failures,
    completed_at=st.none() | numbers,
)


@given(invocations)
def test_records_survive_serialization(invocation: Invocation) -> None:
    """Built from every field there is, so a new one can't be forgotten."""
    loaded = load_invocation(dump_invocation(invocation), invocation.value)
    for name in Invocation.__slots__:
        assert getattr(loaded, name) == getattr(invocation, name), name


@given(st.booleans(), st.none() | st.binary(), st.none() | failures, st.lists(st.tuples(texts, numbers), max_size=3))
def test_promises_survive_serialization(
    completed: bool, value: bytes | None, failure: Failure | None, waiting: list[tuple[str, int]]
) -> None:
    promise = Promise(completed, value, failure, waiting)
    assert load_promise(dump_promise(promise), promise.value) == promise


# ---------------------------------------------------------------- queries read the file


class Sorts:
    """Invocations of every sort."""

    async def fine(self, ctx: Context, name: str) -> str:
        await ctx.call(Keeper.keep, name, key=name)
        return name

    async def fails(self, ctx: Context) -> None:
        raise TerminalError("no", 409)

    async def breaks(self, ctx: Context) -> None:
        raise ValueError("broken")

    async def waits(self, ctx: Context) -> str:
        return await ctx.awakeable(str)


class Keeper:
    async def keep(self, ctx: ObjectContext, value: str) -> None:
        ctx.set("value", value)

    async def hold(self, ctx: ObjectContext) -> str:
        return await ctx.awakeable(str)


class Flow:
    async def run(self, ctx: WorkflowContext) -> str:
        await ctx.promise("done", str).resolve("x")
        return await ctx.promise("never", str)


SETTINGS = RuntimeSettings(force_suspension=True, scopes=True, scoped_virtual_objects=True)
PLAIN = RuntimeSettings(scopes=True, scoped_virtual_objects=True)


async def _play(runtime: Runtime) -> str:
    await runtime.deploy(Sorts, Keeper, Flow)
    await runtime.invoke("Sorts", "fine", b'"a"', idempotency_key="i")
    for handler in ("fails", "breaks", "waits"):
        runtime.send("Sorts", handler)
    runtime.send("Sorts", "fine", b'"later"', delay=3600)
    for _ in range(3):
        runtime.send("Keeper", "hold", key="k")
    runtime.send("Flow", "run", key="w")
    runtime.send("Flow", "run", key="w", scope="blue")
    await runtime.invoke("Keeper", "keep", b'"b"', key="a", scope="blue")
    await runtime.settle()
    return next(each.id for each in runtime.invocations() if each.target.handler == "fine")


@asynchronous
async def test_a_query_is_told_the_same_by_a_file_and_by_a_process(tmp_path: Path) -> None:
    """``every_row`` compares them, too; of all invocations, and of one with those it calls."""
    found = []
    for store in (MemoryStore(), SqliteStore(tmp_path / "data.db")):
        async with Runtime(store, VirtualClock(), settings=SETTINGS) as runtime:
            one = await _play(runtime)
            found.append((every_row(runtime), every_row(runtime, [one])))
    assert found[0] == found[1]
    everything, only = found[0]
    assert {row[COLUMNS["sys_invocation"].index("status")] for row in everything["sys_invocation"]} == {
        "completed", "backing-off", "suspended", "scheduled", "pending"
    }  # fmt: skip
    assert len(everything["sys_keyed_service_status"]) == 1
    assert [row[COLUMNS["sys_inbox"].index("sequence_number")] for row in everything["sys_inbox"]] == [0, 1]
    assert len(everything["sys_promise"]) == 4
    for table in ("sys_invocation", "state", "sys_promise"):
        assert {row[COLUMNS[table].index("scope")] for row in everything[table]} == {None, "blue"}, table
    assert [row[COLUMNS["sys_invocation"].index("id")] for row in only["sys_invocation"]] == [one]
    calls = [row for row in only["sys_journal"] if row[COLUMNS["sys_journal"].index("entry_type")] == "Command: Call"]
    assert '"handler_ty":"Exclusive"' in calls[0][COLUMNS["sys_journal"].index("entry_json")]


@asynchronous
async def test_only_what_is_asked_for_is_sent() -> None:
    async with Runtime(MemoryStore(), VirtualClock(), settings=PLAIN) as runtime:
        await _play(runtime)
        ((name, count, columns),) = parts(runtime.kernel, {"sys_invocation": ["status"]}, None)
        assert (name, count, set(columns)) == ("records", len(runtime.invocations()), {"id", "status"})
        assert list(parts(runtime.kernel, {"sys_deployment": ["id"]}, None)) == []


@asynchronous
async def test_a_file_is_read_while_it_is_written(tmp_path: Path) -> None:
    """At one moment; and its writer waits for no reader."""
    async with Runtime(SqliteStore(tmp_path / "data.db"), VirtualClock(), settings=PLAIN) as runtime:
        await _play(runtime)
        assert runtime.kernel.store.file == str(tmp_path / "data.db")
        reader = FileSource(str(tmp_path / "data.db"), None, Catalog(*catalog(runtime.kernel)))
        before = [each.id for each in reader.records()]
        for _ in range(20):
            await runtime.invoke("Sorts", "fine", b'"b"')
        assert [each.id for each in reader.records()] == before
        reader.close()
        later = FileSource(str(tmp_path / "data.db"), None, Catalog(*catalog(runtime.kernel)))
        assert len(list(later.records())) == len(before) + 40
        later.close()


@asynchronous
async def test_without_shared_memory_the_file_is_for_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some network file systems: then what a query needs is sent."""

    class Unshared(sqlite3.Connection):
        shared = True

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            self.shared = self.shared and sql != "PRAGMA locking_mode=EXCLUSIVE"
            if self.shared and "journal_mode=WAL" in sql:
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorname = "SQLITE_IOERR_SHMMAP"
                raise error
            return super().execute(sql, *values)

    monkeypatch.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=Unshared))
    async with Runtime(SqliteStore(tmp_path / "data.db"), VirtualClock(), settings=PLAIN) as runtime:
        await _play(runtime)
        assert runtime.kernel.store.file is None
        assert not (tmp_path / "data.db-shm").exists()
        assert len(every_row(runtime)["sys_invocation"]) == 12
