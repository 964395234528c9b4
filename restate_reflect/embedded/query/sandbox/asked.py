"""What a query's process is told first."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Asked"]


class Asked(NamedTuple):
    """What comes first."""

    sql: str
    form: str
    """``json`` or ``arrow``."""
    tables: dict[str, dict[str, str]]
    """Types of columns by name, by table: every table that there is."""
    filled: list[tuple[str, list[str]]]
    """Names and columns of the tables that come."""
    libraries: list[str]
    """Folders in which sqlglot and arro3 are."""
    is_plain: bool
    """Whether the statement means the same in SQLite, or there is no sqlglot: it is run as it is."""
    file: str | None
    """Of the store, which has what the tables are made of; ``None`` if that comes in parts, and then ``None``."""
    ids: list[str] | None
    """Of the invocations that are asked for; ``None`` for all."""
    catalog: tuple[Any, ...]
    """The fields of ``sources.Catalog``."""
