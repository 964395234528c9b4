"""Recorded journals in tests: one replayed, or all that a project keeps."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from restate_reflect.definitions import ServiceDefinition
from restate_reflect.reflection import reflect_all
from restate_reflect.replay import RecordedJournal, Replay, Replayer, load

__all__ = ["recorded_journals", "replay"]


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
