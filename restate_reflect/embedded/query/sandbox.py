"""Runs one query in a process of its own: ``python -I -S sandbox.py``, started by ``queries`` only.

SQL is a program, and whoever may query may write one that needs all memory, or all time. So it runs where it can hold
nobody: SQLite's own limits, a heap of its own, and the system's limit of CPU time end it; whoever asked kills it when
all of that fails. Nothing of the package is imported, so that a start takes 20 ms.

On stdin come values of ``marshal``: the query with names and columns of its tables, then rows of a table (its index
first), then ``None``. On stdout goes the answer, ready to be sent: ``{"rows":[...]}``, or ``{"error":"..."}``.
"""

from __future__ import annotations

import json
import marshal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

MAX_CPU = 1.0
"""Seconds of CPU time, with which a query over a million joined rows gets by."""
MAX_SECONDS = 10.0
"""The same on a machine that has no time."""
HARD_CPU = 4
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
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


TOO_LONG = f"interrupted: it takes more than {MAX_CPU:g} s of the processor"


class TooMuchError(Exception):
    """The answer is longer than anybody reads."""


def main() -> None:
    bound_this_process()
    try:
        answer = '{"rows":[' + ",".join(rows()) + "]}"
    except MemoryError:
        answer = failure("it needs too much memory")
    except sqlite3.OperationalError as error:
        answer = failure(TOO_LONG if str(error) == "interrupted" else str(error))
    except Exception as error:
        answer = failure(str(error))
    sys.stdout.buffer.write(answer.encode())


def failure(why: str) -> str:
    return json.dumps({"error": why})


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


def rows() -> Iterator[str]:
    """Each as a JSON object; columns that are null are left out, as restate-server does."""
    database = sqlite3.connect(":memory:")
    database.text_factory = lambda text: text.decode(errors="replace")
    database.execute(f"PRAGMA hard_heap_limit={MAX_HEAP}")
    database.execute("PRAGMA temp_store=MEMORY")
    sql = filled(database)
    is_over = deadline()
    close_doors(database)
    database.set_progress_handler(is_over, LOOK_EVERY)
    left = MAX_ANSWER
    cursor = database.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    for number, row in enumerate(cursor):
        shown = json.dumps(
            {n: plain(v) for n, v in zip(names, row, strict=True) if v is not None}, separators=(",", ":")
        )
        left -= len(shown)
        if is_over():
            raise TooMuchError(TOO_LONG)
        if left < 0 or number >= MAX_ROWS:
            raise TooMuchError(
                f"its answer has more than {MAX_ROWS} rows, or {MAX_ANSWER >> 20} million characters. Ask for fewer, by"
                " WHERE or LIMIT"
            )
        yield shown


def deadline() -> Callable[[], bool]:
    """Tells whether the time that begins now is over."""
    cpu, wall = time.process_time() + MAX_CPU, time.monotonic() + MAX_SECONDS
    return lambda: time.process_time() > cpu or time.monotonic() > wall


def filled(database: sqlite3.Connection) -> str:
    """Makes the tables that come in; the query."""
    sql, tables = marshal.load(sys.stdin.buffer)
    for name, columns in tables:
        database.execute(f"CREATE TABLE {name} ({', '.join(map(quoted, columns))})")
    while (chunk := marshal.load(sys.stdin.buffer)) is not None:
        index, content = chunk
        name, columns = tables[index]
        database.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", content)
    database.commit()
    return str(sql)


def quoted(name: str) -> str:
    return f'"{name}"'


def close_doors(database: sqlite3.Connection) -> None:
    """From here on somebody else's words are executed."""
    for what, bound in LIMITS.items():
        database.setlimit(what, bound)
    database.execute("PRAGMA query_only=1")
    database.execute("PRAGMA trusted_schema=0")
    database.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY)


def plain(value: Any) -> Any:
    """What JSON has: bytes as hexadecimal digits, as in the tables, and no infinity."""
    if isinstance(value, bytes):
        return value.hex()
    return None if isinstance(value, float) and value - value != 0 else value


if __name__ == "__main__":
    main()
