"""Recorded journals in tests: one replayed, or all that a project keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.embedded import Entry, Invocation
from restate_reflect.embedded.ids import random_seed
from restate_reflect.reflection import reflect_all
from restate_reflect.replay import JournalGoneError, RecordedEntry, RecordedJournal, Replay, Replayer, load

__all__ = ["recorded", "recorded_journals", "replay"]


def recorded(record: Invocation, entries: Iterable[Entry], state: Mapping[str, bytes] | None) -> RecordedJournal:
    """The journal of an invocation of the embedded runtime. Raises ``JournalGoneError``: there are no entries."""
    found = tuple(RecordedEntry(each.type, each.payload, _moment(each.stored_at)) for each in entries)
    if not found or record.protocol is None:
        raise JournalGoneError(f"{record.target} has no journal yet, or none any more.")
    target = record.target
    return RecordedJournal(
        record.id,
        target.service,
        target.handler,
        record.protocol,
        found,
        target.key,
        state,
        random_seed=random_seed(record.id),
        scope=target.scope,
        limit_key=record.limit_key,
        idempotency_key=record.idempotency_key,
        status=record.status.value,
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def replay(journal: RecordedJournal | str | Path, *services: Any, execute: Collection[str] = ()) -> Replay:
    """Runs the code against a recorded journal, without side effects, up to the await where it stands.

    Args:
        journal: A journal, or the file that holds one.
        services: Classes or instances as ``endpoint`` takes them: the handler's, and those that it calls by class.
        execute: Names of steps that are executed if the journal has no result of them.

    Raises:
        JournalFileError: The file holds no journal.
        UnknownHandlerError: There is no such service or handler any more.
    """
    recorded = journal if isinstance(journal, RecordedJournal) else load(journal)
    return Replayer(_definitions(services), execute=execute).replay(recorded)


def _definitions(services: tuple[Any, ...]) -> tuple[ServiceDefinition, ...]:
    return tuple(reflect_all(services))


def recorded_journals(folder: str | Path, pattern: str = "*.json") -> list[Any]:
    """All journals of a folder, for ``@pytest.mark.parametrize("journal", recorded_journals("journals"))``.

    Args:
        folder: Seen from the working directory, or absolute; folders below it are looked into, too.

    Raises:
        FileNotFoundError: There is none: a test of nothing would pass for ever.
        JournalFileError: One is no journal.
    """
    import pytest

    root = Path(folder)
    found = sorted(root.rglob(pattern))
    if not found:
        raise FileNotFoundError(
            f"no {pattern} in {root.absolute()}. `restate-reflect replay ID --save FILE` writes one."
        )
    return [pytest.param(load(file), id=str(file.relative_to(root).with_suffix(""))) for file in found]
