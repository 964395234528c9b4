"""Journals that were recorded somewhere, replayed against the code that is here, without side effects.

A journal comes in from a server's tables, from a file that people can read, or from a test; what comes out says how far
the handler goes with it, what it waits for, what it would do next, or where it takes another path. ``_recorded`` is the
journal, ``_file`` its JSON, ``_masking`` takes secrets out, ``_fetching`` asks a server; ``_replaying`` runs the
handler, ``_summary`` reads what came of it, which is a ``_result``, ``_showing`` says it in words, and ``_debugging``
stops a debugger in it. Start reading at ``_replaying``.
"""

from __future__ import annotations

from restate_reflect.replay._fetching import JournalGoneError, decoded, from_rows, journal_of
from restate_reflect.replay._file import JournalFileError, dump, load, loads, save
from restate_reflect.replay._masking import mask_secrets
from restate_reflect.replay._recorded import LastFailure, RecordedEntry, RecordedJournal
from restate_reflect.replay._replaying import Replayer, UnknownHandlerError
from restate_reflect.replay._result import Awaited, Outcome, Replay, ReplayedStep, ReplayError, WaitingFrame

__all__ = [
    "Awaited",
    "JournalFileError",
    "JournalGoneError",
    "LastFailure",
    "Outcome",
    "RecordedEntry",
    "RecordedJournal",
    "Replay",
    "ReplayError",
    "ReplayedStep",
    "Replayer",
    "UnknownHandlerError",
    "WaitingFrame",
    "decoded",
    "dump",
    "from_rows",
    "journal_of",
    "load",
    "loads",
    "mask_secrets",
    "save",
]
