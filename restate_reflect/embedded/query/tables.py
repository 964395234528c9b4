"""Invocations, journals and state as rows of restate-server's SQL tables, with null where there is no value here."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from restate_reflect.embedded.kernel.journal import JournalEntry
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.records import Failure, Invocation, Status, Target
from restate_reflect.embedded.query.journal_json import describe
from restate_reflect.protocol.messages import MessageType

__all__ = ["COLUMNS", "TABLES"]

Row = dict[str, Any]

COLUMNS: Final[dict[str, str]] = {
    "sys_invocation": (
        "id target target_service_name target_service_key target_handler_name target_service_ty idempotency_key"
        " invoked_by invoked_by_service_name invoked_by_id invoked_by_target pinned_deployment_id"
        " pinned_service_protocol_version journal_size journal_commands_size created_at modified_at scheduled_start_at"
        " completed_at retry_count next_retry_at last_failure last_failure_error_code"
        " last_failure_related_command_type last_failure_related_command_name status completion_result"
        " completion_failure scope limit_key"
    ),
    "sys_journal": "id index entry_type name version entry_json appended_at",
    "sys_journal_events": "id after_journal_entry_index appended_at event_type event_json",
    "state": "service_name service_key key value_utf8 value",
}
"""Names of columns, by table."""

_STATUSES: Final = {status: "pending" if status is Status.INBOXED else status.value for status in Status}
_HANDLER_TYPES: Final = {"EXCLUSIVE": "Exclusive", "SHARED": "Shared", "WORKFLOW": "Workflow"}
_SERVICE_TYPES: Final = {"SERVICE": "Service", "VIRTUAL_OBJECT": "VirtualObject", "WORKFLOW": "Workflow"}
_CODES: Final = {
    400: "Bad request",
    404: "Not found",
    409: "Aborted",
    410: "Gone",
    415: "Unsupported media type",
    470: "Not ready",
    500: "Internal",
    570: "Journal mismatch",
    571: "Protocol violation",
    572: "Awaiting two async results",
    573: "Unsupported feature",
}
"""The server's names of codes, which it writes out for attempts that failed."""
_ERROR_CODES: Final = {570: "RT0016", 571: "RT0012"}
"""Restate's own codes of what ended an attempt; anything else an SDK reports is RT0007."""


Ids = Collection[str] | None
"""Of the invocations that are asked for; ``None`` for all."""


def _chosen(kernel: Kernel, ids: Ids) -> Iterable[Invocation]:
    if ids is None:
        return kernel.all()
    return [found for found in map(kernel.find, sorted(ids)) if found is not None]


def _invocations(kernel: Kernel, ids: Ids) -> Iterator[Row]:
    for each in _chosen(kernel, ids):
        yield {**_identity(each), **_progress(each), **_ending(each), **_caller(kernel, each)}


def _identity(invocation: Invocation) -> Row:
    target = invocation.target
    return {
        "id": invocation.id,
        "target": str(target),
        "target_service_name": target.service,
        "target_service_key": target.key,
        "target_handler_name": target.handler,
        "target_service_ty": target.service_kind.value.lower(),
        "idempotency_key": invocation.idempotency_key,
        "scope": invocation.scope,
        "limit_key": invocation.limit_key,
        "created_at": _moment(invocation.created_at),
        "scheduled_start_at": _time(invocation.execution_time),
        "pinned_deployment_id": invocation.deployment,
        "pinned_service_protocol_version": invocation.protocol,
    }


def _progress(invocation: Invocation) -> Row:
    failure = invocation.last_failure if invocation.status is not Status.COMPLETED else None
    running = invocation.status is Status.RUNNING
    return {
        "status": _STATUSES[invocation.status],
        "modified_at": _moment(max(invocation.modified_at, invocation.created_at)),
        "journal_size": invocation.length,
        "journal_commands_size": invocation.commands,
        "retry_count": invocation.retries + 1 if running else invocation.retries or None,
        "next_retry_at": _time(invocation.retry_at),
        "last_failure": None if failure is None else _failure(failure),
        "last_failure_error_code": None if failure is None else _ERROR_CODES.get(failure.code, "RT0007"),
    }


def _failure(failure: Failure) -> str:
    """As the server shows it: code with its name, message, and the traceback behind them."""
    code = f"{failure.code} {_CODES[failure.code]}" if failure.code in _CODES else str(failure.code)
    return "\n".join([f"[{code}] {failure.message}", *([failure.stacktrace] if failure.stacktrace else [])])


def _ending(invocation: Invocation) -> Row:
    if invocation.completed_at is None:
        return {}
    failure = invocation.failure
    return {
        "completed_at": _moment(invocation.completed_at),
        "completion_result": "success" if failure is None else "failure",
        "completion_failure": None if failure is None else f"[{failure.code}] {failure.message}",
    }


def _caller(kernel: Kernel, invocation: Invocation) -> Row:
    if invocation.parent is None:
        return {"invoked_by": "ingress"}
    caller = kernel.find(invocation.parent)
    known = {} if caller is None else {"invoked_by_target": str(caller.target)}
    name = {} if caller is None else {"invoked_by_service_name": caller.target.service}
    return {"invoked_by": "service", "invoked_by_id": invocation.parent, **known, **name}


def _journals(kernel: Kernel, ids: Ids) -> Iterator[Row]:
    for invocation in _chosen(kernel, ids):
        stored = kernel.store.journal(invocation.id)
        entries = [JournalEntry.read(index, entry) for index, entry in enumerate(stored)]
        callees = _callees(entries)
        for entry in entries:
            described = describe(entry, _callee(kernel, entry, callees))
            yield {
                "id": invocation.id,
                "index": entry.index,
                "entry_type": described.type,
                "name": described.name,
                "version": 2,
                "entry_json": described.json,
                "appended_at": _moment(entry.stored_at),
            }


def _callees(entries: list[JournalEntry]) -> dict[int, str]:
    """Invocation ids by the completion id under which the caller was told them."""
    told = (entry.message for entry in entries if entry.type is MessageType.CALL_INVOCATION_ID_COMPLETION)
    return {message.completion_id: message.invocation_id for message in told}


def _callee(kernel: Kernel, entry: JournalEntry, callees: dict[int, str]) -> tuple[str | None, Row]:
    if entry.type not in (MessageType.CALL_COMMAND, MessageType.ONE_WAY_CALL_COMMAND):
        return None, {}
    message = entry.message
    identifier = callees.get(message.invocation_id_notification_idx)
    found = kernel.find(identifier) if identifier is not None else None
    if found is not None:
        return identifier, _target(found.target)
    # The callee is past its retention: what the call says is left.
    key = {"key": message.key} if message.key else {}
    kind = "VirtualObject" if message.key else "Service"
    return identifier, {kind: {"name": message.service_name, **key, "handler": message.handler_name}}


def _target(target: Target) -> Row:
    inner: Row = {"name": target.service}
    inner |= {} if target.key is None else {"key": target.key}
    inner["handler"] = target.handler
    if target.handler_kind is not None:
        inner["handler_ty"] = _HANDLER_TYPES[target.handler_kind.value]
    return {_SERVICE_TYPES[target.service_kind.value]: inner}


def _events(kernel: Kernel, ids: Ids) -> Iterator[Row]:
    """The last failed attempt, and that it was the last one; the server also keeps those before."""
    for invocation in _chosen(kernel, ids):
        failure = invocation.last_failure
        told = {} if failure is None else _told(failure)
        if failure is not None and invocation.status is not Status.COMPLETED:
            yield _event(invocation, "TransientError", told)
        if invocation.status is Status.PAUSED:
            yield _event(invocation, "Paused", {"last_failure": told} if told else {})


def _told(failure: Failure) -> Row:
    stack = {"error_stacktrace": failure.stacktrace} if failure.stacktrace else {}
    return {"error_code": failure.code, "error_message": failure.message, **stack}


def _event(invocation: Invocation, kind: str, content: Row) -> Row:
    return {
        "id": invocation.id,
        "after_journal_entry_index": max(invocation.length - 1, 0),
        "appended_at": _moment(max(invocation.modified_at, invocation.created_at)),
        "event_type": kind,
        "event_json": json.dumps({"ty": kind, **content}),
    }


def _state(kernel: Kernel, _: Ids) -> Iterator[Row]:
    for service, key in kernel.store.state_owners():
        where = {"service_name": service, "service_key": key}
        for name, value in kernel.store.state((service, key)).items():
            text = value.decode(errors="replace")
            yield {**where, "key": name.decode(errors="replace"), "value_utf8": text, "value": value.hex()}


def _moment(millis: int) -> str:
    return f"{_second(millis // 1000)}.{millis % 1000:03d}Z"


@functools.lru_cache(1000)
def _second(seconds: int) -> str:
    """Formatting was a third of a query's time over 10,000 invocations; these share most of their seconds."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def _time(millis: int | None) -> str | None:
    return None if millis is None else _moment(millis)


TABLES: Final[dict[str, Callable[[Kernel, Ids], Iterator[Row]]]] = {
    "sys_invocation": _invocations,
    "sys_journal": _journals,
    "sys_journal_events": _events,
    "state": _state,
}
"""Makes the rows of a table."""
