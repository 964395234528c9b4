"""``information_schema``: the tables that there are, and their columns."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from restate_reflect.embedded.query.sandbox.values import ARROW_NAMES

__all__ = ["add_information"]

_PUBLIC = ("restate", "public")


def add_information(database: sqlite3.Connection, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Under names of this database, which has no schemas; ``dialect`` knows them."""
    database.execute(
        "CREATE TABLE information_schema_columns (table_catalog, table_schema, table_name, column_name,"
        " ordinal_position, is_nullable, data_type)"
    )
    database.execute("CREATE TABLE information_schema_tables (table_catalog, table_schema, table_name, table_type)")
    database.executemany(
        "INSERT INTO information_schema_columns VALUES (?, ?, ?, ?, ?, 'YES', ?)",
        (
            (*_PUBLIC, table, column, position, ARROW_NAMES[kind])
            for table, columns in tables.items()
            for position, (column, kind) in enumerate(columns.items())
        ),
    )
    database.executemany(
        "INSERT INTO information_schema_tables VALUES (?, ?, ?, 'BASE TABLE')", ((*_PUBLIC, table) for table in tables)
    )
