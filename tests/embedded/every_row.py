"""All rows of all tables of a runtime, made as a query's process makes them, but in this one."""

from __future__ import annotations

from typing import Any

from restate_reflect.embedded import Runtime
from restate_reflect.embedded.query.sandbox.sources import Catalog, FileSource, SentSource
from restate_reflect.embedded.query.sandbox.tables import rows
from restate_reflect.embedded.query.schema import TABLES
from restate_reflect.embedded.query.shipping import catalog, parts

COLUMNS = {table: list(columns) for table, columns in TABLES.items()}


def every_row(runtime: Runtime, ids: list[str] | None = None) -> dict[str, list[Any]]:
    """By table. What a process is sent, and what it reads from a file if there is one, make the same rows."""
    known = Catalog(*catalog(runtime.kernel))
    sent = SentSource(parts(runtime.kernel, COLUMNS, ids), known)
    found = {table: list(rows(table, columns, sent)) for table, columns in COLUMNS.items()}
    runtime.kernel.commit()
    if runtime.kernel.store.file is not None:
        file = FileSource(runtime.kernel.store.file, ids, known)
        read = {table: list(rows(table, columns, file)) for table, columns in COLUMNS.items()}
        file.close()
        assert read == found
    return found
