"""Invocations of a server, page by page, replayed: of each page nothing is kept but counts and some ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Final

from restate_reflect.checking._report import Kind, Report
from restate_reflect.checking._values import check_values
from restate_reflect.durable.mismatches import cause_of
from restate_reflect.errors import PayloadError
from restate_reflect.ingress import AdminClient, InvocationInfo, JournalEntry
from restate_reflect.payloads import Chain
from restate_reflect.replay import (
    JournalGoneError,
    Outcome,
    RecordedJournal,
    Replay,
    Replayer,
    UnknownHandlerError,
    decoded,
    from_rows,
)

__all__ = ["completed", "handlers_with_completed", "in_flight", "in_flight_of_others", "replay_all", "state_pages"]

PAGE: Final = 200
"""Invocations that are asked for at once; with their journals some megabytes."""

State = dict[tuple[str, str, str | None], dict[str, bytes]]
"""By service, key and scope; of some keys only those that there are."""
Page = tuple[list[InvocationInfo], dict[str, list[JournalEntry]], State]


def _literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _among(texts: Iterable[str]) -> str:
    return ", ".join(map(_literal, texts))


async def in_flight(admin: AdminClient, services: Sequence[str]) -> AsyncIterator[Page]:
    """Everything that has not ended."""
    last = ""
    while True:
        rows = await admin.query(
            f"SELECT * FROM sys_invocation WHERE status != 'completed' AND target_service_name IN ({_among(services)})"
            f" AND id > {_literal(last)} ORDER BY id LIMIT {PAGE}"
        )
        if not rows:
            return
        last = rows[-1]["id"]
        yield await _page(admin, rows, with_state=True)
        if len(rows) < PAGE:
            return


async def in_flight_of_others(admin: AdminClient, services: Iterable[str]) -> dict[str, int]:
    """How many invocations of these services have not ended; 0 for one that has none."""
    names = sorted(services)
    counted = dict.fromkeys(names, 0)
    if names:
        rows = await admin.query(
            "SELECT target_service_name, count(*) AS n FROM sys_invocation WHERE status != 'completed'"
            f" AND target_service_name IN ({_among(names)}) GROUP BY target_service_name"
        )
        counted.update({row["target_service_name"]: int(row["n"]) for row in rows})
    return counted


async def handlers_with_completed(admin: AdminClient, services: Sequence[str]) -> list[tuple[str, str]]:
    """Service and handler of what has ended."""
    rows = await admin.query(
        "SELECT DISTINCT target_service_name, target_handler_name FROM sys_invocation WHERE status = 'completed'"
        f" AND target_service_name IN ({_among(services)}) ORDER BY target_service_name, target_handler_name"
    )
    return [(row["target_service_name"], row["target_handler_name"]) for row in rows]


async def completed(admin: AdminClient, service: str, handler: str, count: int) -> AsyncIterator[Page]:
    """The last ones of a handler that have ended."""
    for begin in range(0, count, PAGE):
        rows = await admin.query(
            f"SELECT * FROM sys_invocation WHERE status = 'completed' AND target_service_name = {_literal(service)}"
            f" AND target_handler_name = {_literal(handler)} ORDER BY completed_at DESC, id"
            f" LIMIT {min(PAGE, count - begin)} OFFSET {begin}"
        )
        if not rows:
            return
        yield await _page(admin, rows, with_state=False)


async def _page(admin: AdminClient, rows: list[dict[str, Any]], *, with_state: bool) -> Page:
    infos = [InvocationInfo.from_row(row) for row in rows]
    entries: dict[str, list[JournalEntry]] = {info.id: [] for info in infos}
    found = await admin.query(
        "SELECT id, index, entry_type, name, version, raw, appended_at FROM sys_journal"
        f" WHERE id IN ({_among(entries)}) ORDER BY id, index"
    )
    for row in found:
        entries[row["id"]].append(JournalEntry.from_row(row))
    keyed = {(info.service, info.key) for info in infos if info.key is not None and with_state}
    return infos, entries, await _state(admin, keyed)


async def _state(admin: AdminClient, keyed: set[tuple[str, str]]) -> State:
    """Of these keys, in all scopes."""
    state: State = {}
    for service in sorted({service for service, _ in keyed}):
        keys = sorted(key for name, key in keyed if name == service)
        found = await admin.states_by_scope(service, keys)
        state.update({(service, key, scope): values for (key, scope), values in found.items()})
    return state


async def state_pages(admin: AdminClient, service: str, sample: int) -> AsyncIterator[list[tuple[str, str, bytes]]]:
    """What is stored for a service, for as many keys at most, in the order of the keys."""
    last, seen = "", 0
    while seen < sample:
        keys = await admin.query(
            f"SELECT DISTINCT service_key FROM state WHERE service_name = {_literal(service)}"
            f" AND service_key > {_literal(last)} ORDER BY service_key LIMIT {min(PAGE, sample - seen)}"
        )
        if not keys:
            return
        names = [row["service_key"] for row in keys]
        last, seen = names[-1], seen + (len(names) if len(names) == PAGE else sample)
        found = await _state(admin, {(service, name) for name in names})
        yield [(key, name, value) for (_, key, _), values in found.items() for name, value in values.items()]


# ---------------------------------------------------------------- replays


async def replay_all(page: Page, replayer: Replayer, chain: Chain | None, report: Report) -> None:
    """Adds what became of them."""
    infos, entries, state = page
    for info in infos:
        row = report.row(f"{info.service}/{info.handler}")
        if info.status == "completed":
            row.completed += 1
        else:
            row.in_flight += 1
        try:
            journal = from_rows(info, tuple(entries[info.id]), _state_of(info, state))
            journal = journal if chain is None else await decoded(journal, chain)
        except (JournalGoneError, PayloadError):
            _not_read(info, entries, row)
            continue
        _one(journal, info, replayer, report)


def _state_of(info: InvocationInfo, state: State) -> dict[str, bytes] | None:
    """What its handler sees; ``None`` if that is not known any more."""
    if info.key is None or info.status == "completed":
        return None
    return state.get((info.service, info.key, info.raw.get("scope")), {})


def _not_read(info: InvocationInfo, entries: Mapping[str, list[Any]], row: Any) -> None:
    if not entries[info.id] and info.status != "completed":
        row.undecided += 1  # it has not started
    else:
        row.unreadable += 1


def _one(journal: RecordedJournal, info: InvocationInfo, replayer: Replayer, report: Report) -> None:
    where = f"{journal.service}/{journal.handler}"
    row = report.row(where)
    service = replayer.services.get(journal.service)
    handler = None if service is None else service.handlers.get(journal.handler)
    if handler is None:
        row.unreadable += 1
        kind = Kind.SERVICE_REMOVED if service is None else Kind.HANDLER_REMOVED
        report.add(kind, where, "its invocations have no handler any more.", journal.invocation)
        return
    if not check_values(journal, handler, report):
        row.differs += 1
        return
    try:
        replay = replayer.replay(journal)
    except UnknownHandlerError:
        row.unreadable += 1
        return
    _count(replay, info, report)


def _count(replay: Replay, info: InvocationInfo, report: Report) -> None:
    where = f"{info.service}/{info.handler}"
    row = report.row(where)
    if info.status != "completed":
        _count_gates(replay, where, report)
    if replay.fits:
        row.replayed += 1
        row.mended += info.last_failure is not None and info.status != "completed"
    elif replay.used_random or (replay.outcome is Outcome.FAILS and info.last_failure is not None):
        row.undecided += 1
    else:
        row.differs += 1
        _differs(replay, where, report)


def _count_gates(replay: Replay, where: str, report: Report) -> None:
    """An invocation that comes to a gate with nothing left to replay has recorded nothing of it."""
    recorded = {step.title for step in replay.steps if not step.is_new}
    for gate, is_open in replay.gates.items():
        use = report.gate(where, gate)
        use.new += is_open and f"run {gate.step!r}" in recorded
        use.old += not is_open


def _differs(replay: Replay, where: str, report: Report) -> None:
    invocation = replay.journal.invocation
    if replay.mismatch is not None:
        cause = cause_of(replay.mismatch)
        text = f"step {replay.mismatch.number} differs: {cause.text}"
        report.add(Kind.MISMATCH, where, text, invocation, replay.mismatch.number)
    else:
        said = (replay.error or "it fails").strip().splitlines()[0][:200]
        report.add(Kind.FAILS, where, f"after step {len(replay.steps) - 1}: {said}", invocation, len(replay.steps) - 1)
