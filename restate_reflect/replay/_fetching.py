"""A journal from the tables of a server, or of ``dev``, which has the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from restate_reflect.durable.payload_slots import Positions, slot_of
from restate_reflect.errors import RestateReflectError
from restate_reflect.ingress import AdminClient, InvocationInfo, JournalEntry
from restate_reflect.payloads import Chain
from restate_reflect.protocol.messages import server_names
from restate_reflect.protocol.versions import MAXIMUM
from restate_reflect.replay._recorded import LastFailure, RecordedEntry, RecordedJournal

__all__ = ["JournalGoneError", "decoded", "from_rows", "journal_of"]


class JournalGoneError(RestateReflectError):
    """A server has no journal of an invocation, or none that is understood here."""


async def journal_of(admin: AdminClient, invocation: str) -> RecordedJournal:
    """What the server has of an invocation: its journal, and the state of its key while it is unfinished.

    Raises:
        AdminNotFoundError: It knows no such invocation.
        JournalGoneError: The journal is past its retention, or has no entries yet.
    """
    info = await admin.invocation(invocation)
    entries = await admin.journal(invocation)
    state = None
    if info.key is not None and info.status != "completed":
        state = await admin.state(info.service, info.key, scope=info.raw.get("scope"))
    recorded = from_rows(info, entries, state)
    return recorded if admin.payloads is None else await decoded(recorded, admin.payloads)


async def decoded(recorded: RecordedJournal, chain: Chain) -> RecordedJournal:
    """The journal with plain payloads, of services that have such a chain.

    Raises:
        PayloadError: One can't be decoded.
    """
    positions = Positions(recorded.service, recorded.handler)
    positions.key = recorded.key or ""
    entries = []
    for entry in recorded.entries:
        positions.note(entry.type, entry.payload)
        slot = slot_of(entry.type, entry.payload)
        if slot is not None:
            plain = await chain.read(slot.payload, positions.of(entry.type, slot.message))
            entry = replace(entry, payload=slot.replaced(plain)) if plain != slot.payload else entry
        entries.append(entry)
    return replace(recorded, entries=tuple(entries))


def from_rows(
    info: InvocationInfo, entries: tuple[JournalEntry, ...], state: Mapping[str, bytes] | None
) -> RecordedJournal:
    """The journal, from rows of ``sys_invocation`` and ``sys_journal`` (its columns ``raw``, ``entry_type``).

    Raises:
        JournalGoneError: There are no entries, or they are of a service protocol before V5.
    """
    if not entries:
        raise JournalGoneError(
            f"the server has no journal of {info.id} ({info.target}, {info.status}): it has not started, or its"
            " journal is past its retention (option journal_retention)."
        )
    return RecordedJournal(
        info.id,
        info.service,
        info.handler,
        info.protocol_version or MAXIMUM,  # one that has not started goes by the newest that both sides speak
        tuple(_entry(info, each) for each in entries),
        info.key,
        state,
        scope=info.raw.get("scope"),
        limit_key=info.raw.get("limit_key"),
        idempotency_key=info.idempotency_key,
        status=info.status,
        failure=_failure(info),
        deployment=info.deployment_id,
        recorded_at=datetime.now(UTC).replace(microsecond=0),
    )


def _entry(info: InvocationInfo, entry: JournalEntry) -> RecordedEntry:
    raw = entry.raw.get("raw", "")
    type_ = server_names().get(entry.type)
    if type_ is None or entry.raw.get("version", 2) != 2:
        raise JournalGoneError(
            f"entry {entry.index} of {info.id} is a {entry.type!r} of journal version {entry.raw.get('version')}:"
            " journals of service protocol V5 and newer (version 2) are read here."
        )
    return RecordedEntry(type_, bytes.fromhex(raw), entry.appended_at)


def _failure(info: InvocationInfo) -> LastFailure | None:
    if info.last_failure is None:
        return None
    return LastFailure(
        info.last_failure.message, info.last_failure.code, info.raw.get("last_failure_related_command_index")
    )
