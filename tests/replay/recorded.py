"""Recorded journals for tests: of literal frames, or of what an attempt has written and was fed."""

from __future__ import annotations

from typing import Any

from restate_reflect.protocol.framing import is_command, is_notification
from restate_reflect.replay import RecordedEntry, RecordedJournal, Replay, Replayer
from tests.journals import Played, definition, frames, inv

__all__ = ["journal_of", "recorded", "replayed"]


def recorded(*entries: bytes, service: str = "Shop", handler: str = "buy", **known: Any) -> RecordedJournal:
    """A journal of these frames."""
    messages = [each for entry in entries for each in frames(entry)]
    assert all(is_command(each.type) or is_notification(each.type) for each in messages)
    found = tuple(RecordedEntry(each.type, each.payload) for each in messages)
    return RecordedJournal(inv(1), service, handler, known.pop("protocol", 7), found, **known)


def journal_of(played: Played, **known: Any) -> RecordedJournal:
    """What a server would have stored of it."""
    played.echo()
    attempt = played.attempt
    names = {"service": attempt.service.name, "handler": attempt.handler.name}
    return recorded(*played.stored, **names, protocol=int(attempt.engine.version), **known)


def replayed(journal: RecordedJournal, *services: Any, **options: Any) -> Replay:
    return Replayer([definition(each) for each in services], **options).replay(journal)
