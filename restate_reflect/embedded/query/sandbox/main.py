"""Runs one query in a process of its own: ``python -I -S main.py``, started by ``queries`` only.

SQL is a program, and whoever may query may write one that needs all memory, or all time. So it runs where it can hold
nobody: SQLite's own limits, a heap of its own, and the system's limit of CPU time end it; whoever asked kills it when
all of that fails. Of the package only this folder is imported, so that a start takes 20 ms; where sqlglot is installed,
it takes 150 ms more.

On stdin come values of ``marshal``: the query (``asked.Asked``), then what is stored (``sources``), then ``None``. On
stdout goes ``{"status": 200}`` on a line of its own and then the answer, ready to be sent, or
``{"status": 501, "error": "..."}``.
"""

from __future__ import annotations

import json
import marshal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restate_reflect.embedded.query.sandbox.asked import Asked
    from restate_reflect.embedded.query.sandbox.sources import Source

MAX_CPU = 2.0
"""Seconds of CPU time: all entries of 10,000 journals become JSON in half of it, and on a busy machine in all."""
MAX_SECONDS = 10.0
"""The same on a machine that has no time."""
HARD_CPU = 6
"""Seconds after which the system ends the process: filling the tables counts, and what looks at no clock."""
MAX_HEAP = 512 << 20
"""Bytes that SQLite may use for tables and query together; 10,000 invocations take some 20 MiB."""
MAX_ADDRESSES = 2 << 30
"""Bytes of address space, where the system counts them."""
MAX_VALUE = 64 << 20
"""Bytes of one value: as much as a state value's hexadecimal digits may have."""
MAX_ROWS = 100_000
MAX_ANSWER = 32 << 20
"""Characters."""
LOOK_EVERY = 10_000
"""Instructions of SQLite's machine between looks at the time: less than a millisecond."""

READING = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 200_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
TOO_LONG = f"interrupted: it takes more than {MAX_CPU:g} s of the processor"

TOO_MUCH = (
    f"its answer has more than {MAX_ROWS} rows, or {MAX_ANSWER >> 20} million characters. Ask for fewer, by WHERE or"
    " LIMIT"
)

AS_THEY_ARE = frozenset({"text", None})
"""Types of columns whose texts are shown as they are."""

Row = tuple[Any, ...]
Columns = list[tuple[str, str | None]]
"""Names and types; ``None``: that of each value."""


class TooMuchError(Exception):
    """The answer is longer than anybody reads."""


class RefusedQueryError(Exception):
    """It can't be answered; with the status to say so."""

    def __init__(self, message: str, status: int = 501) -> None:
        super().__init__(message)
        self.status = status


def main() -> None:
    bound_this_process()
    leave_the_package_out()
    from restate_reflect.embedded.query.sandbox.records import DamagedError

    try:
        told, answer = b'{"status":200}', answered()
    except RefusedQueryError as error:
        told, answer = failure(str(error), error.status), b""
    except DamagedError as error:
        told, answer = failure(str(error), "damaged"), b""
    except MemoryError:
        told, answer = failure("it needs too much memory"), b""
    except sqlite3.OperationalError as error:
        told, answer = failure(TOO_LONG if str(error) == "interrupted" else str(error)), b""
    except Exception as error:
        told, answer = failure(str(error) or type(error).__name__), b""
    sys.stdout.buffer.write(told + b"\n" + answer)


def failure(why: str, status: int | str = 501) -> bytes:
    return json.dumps({"status": status, "error": why}).encode()


def bound_this_process() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, bound in ((resource.RLIMIT_CPU, HARD_CPU), (resource.RLIMIT_AS, MAX_ADDRESSES)):
        try:
            resource.setrlimit(what, (bound, bound))
        except (OSError, ValueError):
            pass  # there is a lower one already


def leave_the_package_out() -> None:
    """Its folders become packages without their ``__init__``: those import everything, which takes 300 ms."""
    folder = Path(__file__).parent
    for name in (
        "restate_reflect.embedded.query.sandbox",
        "restate_reflect.embedded.query",
        "restate_reflect.embedded",
    ):
        empty = ModuleType(name)
        empty.__path__ = [str(folder)]
        sys.modules[name] = empty
        folder = folder.parent
    root = ModuleType("restate_reflect")
    root.__path__ = [str(folder)]
    sys.modules["restate_reflect"] = root


def answered() -> bytes:
    """Everything from stdin to the answer."""
    from restate_reflect.embedded.query.sandbox.asked import Asked

    asked = Asked(*marshal.load(sys.stdin.buffer))
    sys.path += asked.libraries
    database = sqlite3.connect(":memory:")
    database.text_factory = lambda text: text.decode(errors="replace")
    database.execute(f"PRAGMA hard_heap_limit={MAX_HEAP}")
    database.execute("PRAGMA temp_store=MEMORY")
    database.execute("PRAGMA case_sensitive_like=1")
    sql, columns = understood(asked)
    fill(database, asked)
    is_over = deadline()
    close_doors(database)
    database.set_progress_handler(is_over, LOOK_EVERY)
    cursor = database.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    found = bounded(cursor, is_over)
    if len(columns) == len(names):
        names, kinds = [name for name, _ in columns], [kind for _, kind in columns]
    else:
        kinds = by_name(asked, names)
    return as_arrow(names, kinds, found) if asked.form == "arrow" else as_json(names, kinds, found)


def understood(asked: Asked) -> tuple[str, Columns]:
    """The statement in SQLite's dialect, with what is known of its columns."""
    if asked.is_plain:
        return asked.sql, []
    from restate_reflect.embedded.query.sandbox.dialect import translate
    from restate_reflect.embedded.query.sandbox.mistakes import RefusedError

    try:
        return translate(asked.sql, asked.tables)
    except RefusedError as error:
        raise RefusedQueryError(str(error), error.status) from None
    except RecursionError:
        raise RefusedQueryError("it is nested too deeply") from None


def by_name(asked: Asked, names: list[str]) -> list[str | None]:
    """The types of the columns of the tables, wherever they are."""
    known = {name: kind for table, _ in asked.filled for name, kind in asked.tables[table].items()}
    return [known.get(name) for name in names]


def fill(database: sqlite3.Connection, asked: Asked) -> None:
    """Makes the tables that come in, and those about them."""
    from restate_reflect.embedded.query.sandbox.functions import add_functions
    from restate_reflect.embedded.query.sandbox.information import add_information

    add_functions(database)
    add_information(database, asked.tables)
    if asked.filled:
        fill_tables(database, asked)
    database.commit()


def fill_tables(database: sqlite3.Connection, asked: Asked) -> None:
    from restate_reflect.embedded.query.sandbox.tables import rows
    from restate_reflect.embedded.query.sandbox.values import stores

    source = found_in(asked)
    for name, columns in asked.filled:
        database.execute(f"CREATE TABLE {name} ({', '.join(map(quoted, columns))})")
        storing = stores(asked.tables[name][column] for column in columns)
        given = map(storing, rows(name, columns, source))
        database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", given)
    source.close()


def found_in(asked: Asked) -> Source:
    """What is stored: in the store's file, or on stdin."""
    from restate_reflect.embedded.query.sandbox.sources import Catalog, FileSource, SentSource

    parts = iter(lambda: marshal.load(sys.stdin.buffer), None)
    known = Catalog(*asked.catalog)
    return SentSource(parts, known) if asked.file is None else FileSource(asked.file, asked.ids, known)


def quoted(name: str) -> str:
    return f'"{name}"'


def deadline() -> Callable[[], bool]:
    """Tells whether the time that begins now is over."""
    cpu, wall = time.process_time() + MAX_CPU, time.monotonic() + MAX_SECONDS
    return lambda: time.process_time() > cpu or time.monotonic() > wall


def close_doors(database: sqlite3.Connection) -> None:
    """From here on somebody else's words are executed."""
    for what, bound in LIMITS.items():
        database.setlimit(what, bound)
    database.execute("PRAGMA query_only=1")
    database.execute("PRAGMA trusted_schema=0")
    database.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY)


def bounded(cursor: sqlite3.Cursor, is_over: Callable[[], bool]) -> Iterator[Row]:
    """Rows, as long as there is time, and not too many."""
    for number, row in enumerate(cursor):
        if is_over():
            raise TooMuchError(TOO_LONG)
        if number >= MAX_ROWS:
            raise TooMuchError(TOO_MUCH)
        yield row


def as_json(names: list[str], kinds: list[str | None], found: Iterator[Row]) -> bytes:
    """``{"rows":[...]}``; columns that are null are left out of a row, as restate-server does."""
    from restate_reflect.embedded.query.sandbox.values import shown

    columns = list(zip(names, kinds, strict=True))
    encode = json.JSONEncoder(separators=(",", ":")).encode
    left, written = MAX_ANSWER, []
    for row in found:
        values = {
            name: value if type(value) is str and kind in AS_THEY_ARE else shown(kind, value)
            for (name, kind), value in zip(columns, row, strict=True)
            if value is not None
        }
        written.append(encode(values))
        left -= len(written[-1])
        if left < 0:
            raise TooMuchError(TOO_MUCH)
    return ('{"rows":[' + ",".join(written) + "]}").encode()


def as_arrow(names: list[str], kinds: list[str | None], found: Iterator[Row]) -> bytes:
    from restate_reflect.embedded.query.sandbox.arrow import to_arrow

    left, kept = MAX_ANSWER, []
    for row in found:
        kept.append(row)
        left -= sum(len(value) if isinstance(value, (str, bytes)) else 8 for value in row)
        if left < 0:
            raise TooMuchError(TOO_MUCH)
    return to_arrow(names, kinds, kept)


if __name__ == "__main__":
    main()
