"""A store in one SQLite file: survives the process, at whatever point it dies.

Write-ahead log with ``synchronous=NORMAL``: a commit survives the death of the process; the loss
of power may take the last commits, never half of one. One transaction per commit of the kernel.
Queries read the file meanwhile, in processes of their own; a lock on a file beside it keeps other writers out.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from restate_reflect.embedded.errors import DamageError, StoreError
from restate_reflect.embedded.kernel.journal import Entry
from restate_reflect.embedded.kernel.keys import Key
from restate_reflect.embedded.kernel.packing import pack
from restate_reflect.embedded.kernel.records import Invocation, Status
from restate_reflect.embedded.kernel.store import Promise, StoredTimer
from restate_reflect.embedded.kernel.timers import TimerKind
from restate_reflect.embedded.storage.private import keep_private
from restate_reflect.embedded.storage.serialization import (
    dump_invocation,
    dump_promise,
    load_invocation,
    load_promise,
)

__all__ = ["SqliteStore"]

_SCHEMA_VERSION: Final = 2
_KEYED: Final = """
CREATE TABLE state (
    service TEXT NOT NULL, key TEXT NOT NULL, scope TEXT NOT NULL, name BLOB NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (service, key, scope, name)
) WITHOUT ROWID;
CREATE TABLE promise (
    service TEXT NOT NULL, key TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL, value BLOB,
    PRIMARY KEY (service, key, scope, name)
) WITHOUT ROWID;
"""
_SCHEMA: Final = f"""
{_KEYED}
CREATE TABLE invocation (
    id TEXT PRIMARY KEY, serial INTEGER NOT NULL, completed INTEGER NOT NULL, data TEXT NOT NULL, value BLOB
) WITHOUT ROWID;
CREATE INDEX invocation_serial ON invocation (completed, serial);
CREATE TABLE journal (
    invocation TEXT NOT NULL, position INTEGER NOT NULL, type INTEGER NOT NULL, payload BLOB NOT NULL,
    stored_at INTEGER NOT NULL, PRIMARY KEY (invocation, position)
) WITHOUT ROWID;
CREATE TABLE timer (
    invocation TEXT NOT NULL, kind INTEGER NOT NULL, completion_id INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (invocation, kind, completion_id)
) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
_FROM_1: Final = f"""
ALTER TABLE state RENAME TO unscoped_state;
ALTER TABLE promise RENAME TO unscoped_promise;
{_KEYED}
INSERT INTO state SELECT service, key, '', name, value FROM unscoped_state;
INSERT INTO promise SELECT service, key, '', name, data, value FROM unscoped_promise;
DROP TABLE unscoped_state;
DROP TABLE unscoped_promise
"""
"""Version 1 knew no scopes."""
_CHANGES: Final = {0: _SCHEMA, 1: _FROM_1, _SCHEMA_VERSION: ""}
"""What makes today's file of one of that version; 0 is an empty one."""
_OF_KEY: Final = "service = ? AND key = ? AND scope = ?"


_PUT_INVOCATION: Final = """
INSERT INTO invocation VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE
SET serial = excluded.serial, completed = excluded.completed, data = excluded.data, value = excluded.value
"""
"""In place: a replacement would take out and put back what is in the index, too."""


_LOCK: Final = "-lock"
_BESIDE: Final = ("-wal", "-journal", "-shm", _LOCK)
"""Files that are kept beside that one; they get its permissions."""
_OTHERWISE: Final = "What was acknowledged is stored; start again."
_ADVICE: Final = {
    "SQLITE_FULL": "Make room on the disk and start again: what was acknowledged is stored.",
    "SQLITE_IOERR": "Look after the disk and start again: what was acknowledged is stored.",
    "SQLITE_READONLY": "It may not be written: give another --data-dir, or let this user write there.",
    "SQLITE_CANTOPEN": "It, or its folder, is gone or may not be written: give another --data-dir.",
    "SQLITE_CORRUPT": DamageError.ADVICE,
    "SQLITE_NOTADB": DamageError.ADVICE,
}
"""What to do, by how SQLite's name of an error begins."""


_UNREADABLE: Final = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What reading a record raises that this version did not write."""


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _connected(file: str) -> sqlite3.Connection:
    return sqlite3.connect(file, isolation_level=None, timeout=0.5, check_same_thread=False)


class SqliteStore:
    """Keeps everything in the file at ``path``, which nobody else may read; one process at a time.

    Raises:
        StoreError: The file is in use, is no store, was written by a newer version, or can't be written; or it is a
            symbolic link.
    """

    rolls_back = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        try:
            keep_private(self.path, *(f"{self.path}{suffix}" for suffix in _BESIDE))
            keep_private(self.path + _LOCK)
            self._lock = _connected(self.path + _LOCK)
            self._db = _connected(self.path)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{self.path} can't be opened: {_reason(error)}.") from error
        try:
            self._lock.execute("PRAGMA journal_mode=MEMORY")  # nothing is written there
            self._lock.execute("BEGIN EXCLUSIVE")
            self.file = self._open_shared()
            self._make_tables()
        except sqlite3.Error as error:
            self._db.close()
            self._lock.close()
            raise StoreError(
                f"{self.path} can't be opened ({error}). If another process runs on it, stop that one; else give"
                " another --data-dir, or start with --fresh."
            ) from error

    def _open_shared(self) -> str | None:
        """The file, if other processes may read it: where the system can't share memory, this one has it for itself."""
        try:
            self._use_log()
            return os.path.abspath(self.path)
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith(("SQLITE_IOERR", "SQLITE_PROTOCOL")):
                raise
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._use_log()
            return None

    def _use_log(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    def _make_tables(self) -> None:
        execute = self._db.execute
        execute("PRAGMA synchronous=NORMAL")
        execute("PRAGMA cache_size=-4096")
        execute("PRAGMA wal_autocheckpoint=4000")  # pages, 16 MB: the same ones are written again and again
        execute("BEGIN IMMEDIATE")
        (version,) = execute("PRAGMA user_version").fetchone()
        if version not in _CHANGES:
            raise sqlite3.DatabaseError(f"its format is {version}, known here is {_SCHEMA_VERSION}")
        for statement in _CHANGES[version].split(";"):
            execute(statement)
        execute(f"PRAGMA user_version={_SCHEMA_VERSION}")
        execute("COMMIT")

    def _write(self, sql: str, *values: object) -> None:
        try:
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(sql, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _read(self, sql: str, values: Sequence[object] = ()) -> Iterator[Any]:
        try:
            yield from self._db.execute(sql, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _row(self, sql: str, values: Sequence[object]) -> Any:
        """The only row, or ``None``."""
        try:
            return self._db.execute(sql, values).fetchone()
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> StoreError:
        name = getattr(error, "sqlite_errorname", "")
        advice = next((text for prefix, text in _ADVICE.items() if name.startswith(prefix)), _OTHERWISE)
        return StoreError(f"{self.path} fails ({error}). {advice}")

    def _damaged(self, what: str, error: Exception) -> DamageError:
        return DamageError.of(self.path, f"{what} can't be read ({error!r})")

    def commit(self) -> None:
        if self._db.in_transaction:
            try:
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._failure(error) from error

    def rollback(self) -> None:
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error as error:
                raise self._failure(error) from error

    def close(self) -> None:
        try:
            self.rollback()
        except StoreError:
            pass  # what was not committed is gone in any case
        finally:
            self._db.close()
            self._lock.close()

    # ------------------------------------------------------------ invocations

    def put_invocation(self, invocation: Invocation) -> None:
        completed = invocation.status is Status.COMPLETED
        values = (invocation.id, invocation.serial, completed, dump_invocation(invocation), invocation.value)
        self._write(_PUT_INVOCATION, *values)

    def delete_invocation(self, identifier: str) -> None:
        self._write("DELETE FROM invocation WHERE id = ?", identifier)

    def get_invocation(self, identifier: str) -> Invocation | None:
        row = self._row("SELECT data, value FROM invocation WHERE id = ?", (identifier,))
        return None if row is None else self._invocation(identifier, *row)

    def _invocation(self, identifier: str, data: str, value: bytes | None) -> Invocation:
        try:
            return load_invocation(data, value)
        except _UNREADABLE as error:
            raise self._damaged(f"the record of {identifier}", error) from error

    def invocations(self, *, live: bool) -> Iterator[Invocation]:
        where = "WHERE completed = 0" if live else ""
        for row in self._read(f"SELECT id, data, value FROM invocation {where} ORDER BY serial"):
            yield self._invocation(*row)

    # ------------------------------------------------------------ journals

    def append(self, identifier: str, index: int, entry: Entry) -> None:
        self._write("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", identifier, index, *entry)

    def journal(self, identifier: str) -> list[Entry]:
        sql = "SELECT type, payload, stored_at FROM journal WHERE invocation = ? ORDER BY position"
        entries = [Entry(*row) for row in self._read(sql, (identifier,))]
        for entry in entries:
            if not (type(entry.type) is type(entry.stored_at) is int and type(entry.payload) is bytes):
                raise self._damaged(f"the journal of {identifier}", ValueError(entry))
        return entries

    def packed_journal(self, identifier: str) -> bytes:
        return b"".join(pack(*entry) for entry in self.journal(identifier))

    def delete_journal(self, identifier: str) -> None:
        self._write("DELETE FROM journal WHERE invocation = ?", identifier)

    # ------------------------------------------------------------ state and promises

    def state(self, key: Key) -> dict[bytes, bytes]:
        return dict(self._read(f"SELECT name, value FROM state WHERE {_OF_KEY} ORDER BY name", key))

    def state_owners(self) -> Iterable[Key]:
        sql = "SELECT DISTINCT service, key, scope FROM state ORDER BY service, key, scope"
        return [Key(*row) for row in self._read(sql)]

    def get_state(self, key: Key, name: bytes) -> bytes | None:
        row = self._row(f"SELECT value FROM state WHERE {_OF_KEY} AND name = ?", (*key, name))
        return None if row is None else row[0]

    def set_state(self, key: Key, name: bytes, value: bytes) -> None:
        self._write("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)", *key, name, value)

    def clear_state(self, key: Key, name: bytes) -> None:
        self._write(f"DELETE FROM state WHERE {_OF_KEY} AND name = ?", *key, name)

    def clear_all_state(self, key: Key) -> None:
        self._write(f"DELETE FROM state WHERE {_OF_KEY}", *key)

    def promise(self, key: Key, name: str) -> Promise | None:
        row = self._row(f"SELECT data, value FROM promise WHERE {_OF_KEY} AND name = ?", (*key, name))
        try:
            return None if row is None else load_promise(*row)
        except _UNREADABLE as error:
            raise self._damaged(f"the promise {name!r} of {key.service}/{key.key}", error) from error

    def promises(self) -> Iterable[tuple[Key, str, Promise]]:
        sql = "SELECT service, key, scope, name, data, value FROM promise ORDER BY service, key, scope, name"
        try:
            rows = self._db.execute(sql).fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from error
        try:
            return [(Key(*where), name, load_promise(data, value)) for *where, name, data, value in rows]
        except _UNREADABLE as error:
            raise self._damaged("a promise", error) from error

    def put_promise(self, key: Key, name: str, promise: Promise) -> None:
        values = (*key, name, dump_promise(promise), promise.value)
        self._write("INSERT OR REPLACE INTO promise VALUES (?, ?, ?, ?, ?, ?)", *values)

    def clear_promises(self, key: Key) -> None:
        self._write(f"DELETE FROM promise WHERE {_OF_KEY}", *key)

    # ------------------------------------------------------------ timers and the rest

    def put_timer(self, timer: StoredTimer) -> None:
        values = (timer.invocation, int(timer.kind), timer.completion_id, timer.at)
        self._write("INSERT OR REPLACE INTO timer VALUES (?, ?, ?, ?)", *values)

    def delete_timer(self, kind: TimerKind, identifier: str, completion_id: int) -> None:
        sql = "DELETE FROM timer WHERE invocation = ? AND kind = ? AND completion_id = ?"
        self._write(sql, identifier, int(kind), completion_id)

    def delete_timers(self, identifier: str) -> None:
        self._write("DELETE FROM timer WHERE invocation = ?", identifier)

    def timers(self) -> Iterable[StoredTimer]:
        sql = "SELECT at, kind, invocation, completion_id FROM timer ORDER BY at, invocation, completion_id"
        for at, kind, invocation, completion_id in self._read(sql):
            try:
                yield StoredTimer(int(at), TimerKind(kind), invocation, completion_id)
            except _UNREADABLE as error:
                raise self._damaged(f"a timer of {invocation}", error) from error

    def get_meta(self, name: str) -> bytes | None:
        row = self._row("SELECT value FROM meta WHERE name = ?", (name,))
        return None if row is None else row[0]

    def put_meta(self, name: str, value: bytes) -> None:
        self._write("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, value)
