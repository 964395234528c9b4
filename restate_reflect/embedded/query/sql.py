"""``POST /query``: SQL over the runtime's tables.

SQLite runs it, over copies of the tables that a query names. The server's dialect is another (DataFusion); plain
SELECTs with conditions, ordering, grouping and joins are the same in both.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection
from typing import Any, Final

from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.query.tables import COLUMNS, TABLES

__all__ = ["QueryError", "run_query"]

_QUOTED: Final = re.compile(r"('(?:[^']|'')*'|\"[^\"]*\")")
_ONE_ID: Final = re.compile(r"\bid\s*=\s*'(\w+)'", re.IGNORECASE)
_WIDENS: Final = re.compile(r"\b(or|union|not)\b", re.IGNORECASE)

_READING: Final = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)

_MAX_STEPS: Final = 50_000_000
"""Instructions of SQLite's machine, about a second: the runtime serves nobody else meanwhile."""


class QueryError(ValueError):
    """The query can't be run here; the message says why, and that restate-server may be able to."""


def run_query(kernel: Kernel, sql: str) -> list[dict[str, Any]]:
    """The rows of one SELECT; columns that are null are left out of a row, as restate-server does.

    Raises:
        QueryError: It is no SELECT, names a table that is not here, or takes too long.
    """
    named = [table for table in TABLES if re.search(rf"\b{table}\b", _QUOTED.sub(_kept_names, sql), re.IGNORECASE)]
    database = sqlite3.connect(":memory:")
    try:
        for table in named:
            _fill(database, table, kernel, _ids(sql))
        return _rows(database, sql)
    except sqlite3.Error as error:
        tables = ", ".join(TABLES)
        raise QueryError(
            f"the embedded runtime can't answer this query: {error}. It has SELECTs over {tables}, in SQLite's SQL; "
            "use restate-server for anything else"
        ) from None
    finally:
        database.close()


def _kept_names(quoted: re.Match[str]) -> str:
    """Takes strings out, and keeps quoted names."""
    return quoted[0] if quoted[0].startswith('"') else "''"


def _ids(sql: str) -> Collection[str] | None:
    """The invocations that a query asks for by id; ``None`` for all. Saves reading every journal for one of them."""
    found = _ONE_ID.findall(sql)
    return None if not found or _WIDENS.search(_QUOTED.sub("''", sql)) else set(found)


def _fill(database: sqlite3.Connection, table: str, kernel: Kernel, ids: Collection[str] | None) -> None:
    names = COLUMNS[table].split()
    database.execute(f"CREATE TABLE {table} ({', '.join(map(_quote, names))})")
    marks = ", ".join("?" * len(names))
    rows = ([row.get(name) for name in names] for row in TABLES[table](kernel, ids))
    database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _rows(database: sqlite3.Connection, sql: str) -> list[dict[str, Any]]:
    database.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY)
    database.set_progress_handler(lambda: 1, _MAX_STEPS)
    cursor = database.execute(_quote_index(sql))
    names = [column[0] for column in cursor.description or ()]
    return [{name: value for name, value in zip(names, row, strict=True) if value is not None} for row in cursor]


def _quote_index(sql: str) -> str:
    """``index`` is a column of ``sys_journal``, and a keyword of SQLite's."""
    parts = _QUOTED.split(sql)
    parts[::2] = [re.sub(r"\bindex\b", '"index"', part, flags=re.IGNORECASE) for part in parts[::2]]
    return "".join(parts)


def _quote(name: str) -> str:
    return f'"{name}"'
