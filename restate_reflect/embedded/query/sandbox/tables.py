"""What is stored as rows of restate-server's SQL tables (``schema``), with null where there is no value here.

Times are milliseconds since the epoch, spans milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from restate_reflect.embedded import ids
from restate_reflect.embedded.query.sandbox.invocations import (
    INVOCATION_TABLES,
    Facts,
    command_type,
    doc_code,
)
from restate_reflect.embedded.query.sandbox.records import CALLEE_TOLD, Entry, Record, Target
from restate_reflect.embedded.query.sandbox.sources import Source

__all__ = ["rows"]

Row = Mapping[str, Any]
Values = list[Any]

_HANDLER_TYPES: Final = {"EXCLUSIVE": "Exclusive", "SHARED": "Shared", "WORKFLOW": "Workflow"}
_SERVICE_TYPES: Final = {"SERVICE": "Service", "VIRTUAL_OBJECT": "VirtualObject", "WORKFLOW": "Workflow"}
_HOLDING: Final = frozenset({"running", "suspended", "backing-off", "paused"})
_CALLS: Final = frozenset({0x040D, 0x040E})
"""Message types of calls and of one-way calls."""


def rows(table: str, columns: list[str], source: Source) -> Iterator[Values]:
    """These columns of a table; nothing of what does not exist here."""
    if table in INVOCATION_TABLES:
        yield from _invocations(table, columns, source)
    else:
        for row in _TABLES.get(table, _nothing)(source, columns):
            yield [row.get(name) for name in columns]


def _invocations(table: str, columns: list[str], source: Source) -> Iterator[Values]:
    known = INVOCATION_TABLES[table]
    getters = [known[name].get if name in known else _null for name in columns]
    facts = Facts(source.target_of, source.catalog.attempted_on)
    for record in source.records():
        if table != "sys_invocation_state" or record.runs:
            yield [get(record, facts) for get in getters]


def _null(record: Record, facts: Facts) -> None: ...


def _nothing(source: Source, columns: list[str]) -> Iterator[Row]:
    yield from ()


# ---------------------------------------------------------------- journals


def _journals(source: Source, columns: list[str]) -> Iterator[Row]:
    from restate_reflect.embedded.query.sandbox.journal_json import as_json, read_entry

    needs_json = not {"entry_json", "entry_lite_json"}.isdisjoint(columns)
    for identifier, entries in source.journals():
        partition = ids.partition_key(identifier)
        read = [read_entry(entry.type, entry.payload) for entry in entries]
        callees = _callees(entries, read)
        for index, (entry, each) in enumerate(zip(entries, read, strict=True)):
            told = as_json(each, _callee(source, entry, each.message, callees)) if needs_json else (None, None)
            yield {
                "partition_key": partition,
                "id": identifier,
                "index": index,
                "entry_type": each.type,
                "name": each.name,
                "raw": entry.payload,
                "raw_length": len(entry.payload),
                "version": 2,
                "entry_json": told[0],
                "entry_lite_json": told[1],
                "appended_at": entry.stored_at,
            }


def _callees(entries: list[Entry], read: list[Any]) -> dict[int, str]:
    """Invocation ids by the completion id under which the caller was told them."""
    told = (each.message for entry, each in zip(entries, read, strict=True) if entry.type == CALLEE_TOLD)
    return {message.completion_id: message.invocation_id for message in told}


def _callee(source: Source, entry: Entry, message: Any, callees: dict[int, str]) -> tuple[str | None, Row]:
    if entry.type not in _CALLS:
        return None, {}
    identifier = callees.get(message.invocation_id_notification_idx)
    found = source.target_of(identifier) if identifier is not None else None
    if found is not None:
        return identifier, _target(found)
    # The callee is past its retention: what the call says is left.
    key = {"key": message.key} if message.key else {}
    kind = "VirtualObject" if message.key else "Service"
    called = {"handler": message.handler_name, "scope": message.scope or None}
    return identifier, {kind: {"name": message.service_name, **key, **called}}


def _target(target: Target) -> Row:
    inner: dict[str, Any] = {"name": target.service}
    inner |= {} if target.key is None else {"key": target.key}
    inner["handler"] = target.handler
    if target.handler_kind is not None:
        inner["handler_ty"] = _HANDLER_TYPES[target.handler_kind]
    inner["scope"] = target.scope
    return {_SERVICE_TYPES[target.service_kind]: inner}


def _events(source: Source, columns: list[str]) -> Iterator[Row]:
    """Failed attempts, one for several that failed alike, and that they were given up."""
    for record in source.records():
        for at, after, failure in record.failed_attempts:
            yield _event(record, "TransientError", at, after, _told(failure))
        if record.status == "paused":
            told = {} if record.last_failure is None else {"last_failure": _told(record.last_failure)}
            yield _event(
                record, "Paused", max(record.modified_at, record.started_at or 0), max(record.length - 1, 0), told
            )


def _told(failure: Mapping[str, Any]) -> Row:
    told = {
        "error_code": failure["code"],
        "error_message": failure["message"],
        "error_stacktrace": failure.get("stacktrace"),
        "restate_doc_error_code": doc_code(failure),
        "related_command_index": failure.get("command_index"),
        "related_command_name": failure.get("command_name"),
        "related_command_type": command_type(failure),
    }
    return {name: value for name, value in told.items() if value is not None}


def _event(record: Record, kind: str, at: int, after: int, content: Row) -> Row:
    return {
        "partition_key": ids.partition_key(record.id),
        "id": record.id,
        "after_journal_entry_index": after,
        "appended_at": at,
        "event_type": kind,
        "event_json": json.dumps({"ty": kind, **content}, separators=(",", ":")),
    }


# ---------------------------------------------------------------- keys


def _state(source: Source, columns: list[str]) -> Iterator[Row]:
    for service, key, scope, name, value in source.state():
        yield {
            "partition_key": ids.key_partition(scope or key),
            "scope": scope or None,
            "service_name": service,
            "service_key": key,
            "key": name.decode(errors="replace"),
            "key_length": len(name),
            "value_utf8": value.decode(errors="replace"),
            "value": value,
            "value_length": len(value),
        }


def _inbox(source: Source, columns: list[str]) -> Iterator[Row]:
    """Who waits for a key, in turn."""
    waiting = [record for record in source.records(live=True) if record.status == "inboxed"]
    for number, each in enumerate(sorted(waiting, key=lambda record: record.serial)):
        yield {**_keyed(each), "id": each.id, "sequence_number": number, "created_at": None}


def _holders(source: Source, columns: list[str]) -> Iterator[Row]:
    """Who has a key for itself."""
    for each in source.records(live=True):
        if each.target.handler_kind == "EXCLUSIVE" and each.target.key is not None and each.status in _HOLDING:
            yield {**_keyed(each), "invocation_id": each.id}


def _keyed(record: Record) -> dict[str, Any]:
    where = {"service_name": record.target.service, "service_key": record.target.key}
    return {"partition_key": ids.partition_key(record.id), **where}


def _promises(source: Source, columns: list[str]) -> Iterator[Row]:
    for promise in source.promises():
        failure, value = promise.failure, promise.value if promise.failure is None else None
        yield {
            "partition_key": ids.key_partition(promise.scope or promise.key),
            "scope": promise.scope or None,
            "service_name": promise.service,
            "service_key": promise.key,
            "key": promise.name,
            "completed": promise.completed,
            "completion_success_value": value,
            "completion_success_value_utf8": None if value is None else value.decode(errors="replace"),
            "completion_failure": None if failure is None else f"[{failure['code']}] {failure['message']}",
        }


# ---------------------------------------------------------------- what is registered


def _deployments(source: Source, columns: list[str]) -> Iterator[Row]:
    return iter(source.catalog.deployments)


def _services(source: Source, columns: list[str]) -> Iterator[Row]:
    return iter(source.catalog.services)


_TABLES: Final[Mapping[str, Callable[[Source, list[str]], Iterator[Row]]]] = {
    "sys_journal": _journals,
    "sys_journal_events": _events,
    "state": _state,
    "sys_inbox": _inbox,
    "sys_keyed_service_status": _holders,
    "sys_promise": _promises,
    "sys_deployment": _deployments,
    "sys_service": _services,
}
