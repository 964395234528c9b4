"""Where rows come from: the file of the runtime's store, or what its process has sent.

A file is read as it was at one moment, beside the process that writes to it, which this holds up by nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from restate_reflect.embedded.kernel.packing import unpack
from restate_reflect.embedded.query.sandbox.records import DamagedError, Entry, Promise, Record, Target, read_record

__all__ = ["Catalog", "FileSource", "SentSource", "Source"]

StateRow = tuple[str, str, str, bytes, bytes]
"""Service, key, scope (``""`` for none), name and value."""


class Catalog(NamedTuple):
    """What is registered, as rows of its tables."""

    deployments: list[dict[str, Any]]
    services: list[dict[str, Any]]
    sdks: dict[str, str | None]
    """SDKs by id of deployment."""
    latest: dict[str, str]
    """Deployments by name of service."""

    def attempted_on(self, record: Record) -> tuple[str, str | None] | None:
        """The pinned deployment; if it is gone, or there is none, the latest with that service."""
        pinned = record.deployment
        found = pinned if pinned in self.sdks else self.latest.get(record.target.service)
        return None if found is None else (found, self.sdks[found])


class Source(Protocol):
    """Everything that is stored, or that part of it which a query asks for."""

    catalog: Catalog

    def records(self, *, live: bool = False) -> Iterable[Record]:
        """Oldest first; with ``live`` those that are not completed, and perhaps others."""
        ...

    def target_of(self, identifier: str) -> Target | None:
        """What an invocation runs."""
        ...

    def journals(self) -> Iterable[tuple[str, list[Entry]]]:
        """By the ids of their invocations."""
        ...

    def state(self) -> Iterable[StateRow]: ...
    def promises(self) -> Iterable[Promise]: ...
    def close(self) -> None:
        """Nothing more is read."""
        ...


class FileSource:
    """A store's SQLite file.

    Args:
        ids: Of the invocations that are asked for; ``None`` for all.

    Raises:
        DamagedError: From any method: what is stored can't be read.
    """

    def __init__(self, file: str, ids: list[str] | None, catalog: Catalog) -> None:
        self.catalog = catalog
        self._ids = ids
        self._database = sqlite3.connect(f"{Path(file).as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5)
        self._database.execute("BEGIN")
        self.target_of = lru_cache(maxsize=10_000)(self._find)

    def close(self) -> None:
        self._database.close()

    def records(self, *, live: bool = False) -> Iterator[Record]:
        conditions = ["completed = 0"] if live else []
        if self._ids is not None:
            conditions.append(_in("id", self._ids))
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        for row in self._read(f"SELECT id, data FROM invocation {where} ORDER BY serial", self._ids):
            yield read_record(*row)

    def _find(self, identifier: str) -> Target | None:
        for row in self._read("SELECT id, data FROM invocation WHERE id = ?", [identifier]):
            return read_record(*row).target
        return None

    def journals(self) -> Iterator[tuple[str, list[Entry]]]:
        where = "" if self._ids is None else f"WHERE {_in('id', self._ids)}"
        found = self._read(f"SELECT id FROM invocation {where} ORDER BY serial", self._ids)
        for (identifier,) in list(found):
            rows = self._read(
                "SELECT type, payload, stored_at FROM journal WHERE invocation = ? ORDER BY position", [identifier]
            )
            entries = [Entry(*row) for row in rows]
            if not all(map(_is_whole, entries)):
                raise DamagedError(f"the journal of {identifier} can't be read")
            yield identifier, entries

    def state(self) -> Iterator[StateRow]:
        yield from self._read("SELECT service, key, scope, name, value FROM state ORDER BY service, key, scope, name")

    def promises(self) -> Iterator[Promise]:
        for service, key, scope, name, data, value in self._read(
            "SELECT service, key, scope, name, data, value FROM promise ORDER BY service, key, scope, name"
        ):
            try:
                stored = json.loads(data)
                yield Promise(service, key, scope, name, stored["completed"], value, stored["failure"])
            except (ValueError, TypeError, KeyError) as error:
                raise DamagedError(f"the promise {name!r} of {service}/{key} can't be read ({error!r})") from None

    def _read(self, sql: str, values: list[str] | None = None) -> Iterator[Any]:
        try:
            yield from self._database.execute(sql, values or ())
        except sqlite3.Error as error:
            raise DamagedError(f"it can't be read ({error})") from None


def _in(column: str, values: list[str]) -> str:
    return f"{column} IN ({', '.join('?' * len(values))})"


def _is_whole(entry: Entry) -> bool:
    return type(entry.type) is type(entry.stored_at) is int and type(entry.payload) is bytes


class SentSource:
    """What the runtime's process has sent: parts, each with its name first (``shipping``)."""

    def __init__(self, parts: Iterator[tuple[Any, ...]], catalog: Catalog) -> None:
        self.catalog = catalog
        self._records: list[Record] = []
        self._targets: dict[str, Target] = {}
        self._journals: list[tuple[str, list[Entry]]] = []
        self._state: list[StateRow] = []
        self._promises: list[Promise] = []
        for name, *content in parts:
            getattr(self, _TAKES[name])(*content)

    def _take_records(self, count: int, columns: dict[str, Any]) -> None:
        targets = zip(*_all(columns.pop("target"), count), strict=True) if "target" in columns else None
        for values in zip(*_all(columns.values(), count), strict=True):
            fields = dict(zip(columns, values, strict=True))
            if targets is not None:
                fields["target"] = self._targets[fields["id"]] = Target(*next(targets))
            self._records.append(Record(fields))

    def _take_targets(self, ids: list[str], columns: list[Any]) -> None:
        self._targets.update(zip(ids, map(Target, *_all(columns, len(ids))), strict=True))

    def _take_journals(self, ids: list[str], journals: list[bytes]) -> None:
        for identifier, journal in zip(ids, journals, strict=True):
            self._journals.append((identifier, [Entry(*each) for each in unpack(journal)]))

    def _take_state(self, rows: list[StateRow]) -> None:
        self._state += rows

    def _take_promises(self, rows: list[tuple[Any, ...]]) -> None:
        self._promises += [Promise(*row) for row in rows]

    def records(self, *, live: bool = False) -> list[Record]:
        return self._records

    def target_of(self, identifier: str) -> Target | None:
        return self._targets.get(identifier)

    def journals(self) -> list[tuple[str, list[Entry]]]:
        return self._journals

    def state(self) -> list[StateRow]:
        return self._state

    def promises(self) -> list[Promise]:
        return self._promises

    def close(self) -> None: ...


def _all(columns: Iterable[Any], count: int) -> list[list[Any]]:
    """Values of columns, of which some are the one value that all have."""
    return [column if type(column) is list else [column] * count for column in columns]


_TAKES: Final = {name: f"_take_{name}" for name in ("records", "targets", "journals", "state", "promises")}
