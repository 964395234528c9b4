"""What is stored as rows of restate-server's SQL tables (``schema``), with null where there is no value here.

Times are milliseconds since the epoch, spans milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from restate_reflect.embedded import ids as ids_of
from restate_reflect.embedded.kernel.journal import JournalEntry
from restate_reflect.embedded.kernel.kernel import Kernel
from restate_reflect.embedded.kernel.records import Failure, Invocation, Status, Target
from restate_reflect.embedded.query.journal_json import describe, words
from restate_reflect.embedded.query.schema import TABLES
from restate_reflect.protocol.messages import MessageType

__all__ = ["ROWS"]

Row = dict[str, Any]

VERSION: Final = "1.7.12"
"""Of the server that this one answers as."""

_STATUSES: Final = {status: "pending" if status is Status.INBOXED else status.value for status in Status}
_STORED_STATUSES: Final = {
    **{status: status.value for status in Status},
    **dict.fromkeys((Status.RUNNING, Status.BACKING_OFF), "invoked"),
}
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
        yield {**_identity(each), **_progress(kernel, each), **_ending(each), **_caller(kernel, each)}


def _statuses(kernel: Kernel, ids: Ids) -> Iterator[Row]:
    """As they are stored, without what an attempt is about."""
    for each in _chosen(kernel, ids):
        stored = {**_identity(each), **_stored(each), **_ending(each), **_caller(kernel, each)}
        yield {**stored, "partition_key": ids_of.partition_key(each.id), "status": _STORED_STATUSES[each.status]}


def _attempts(kernel: Kernel, ids: Ids) -> Iterator[Row]:
    """Of invocations that have begun and are not over."""
    for each in _chosen(kernel, ids):
        if each.status in (Status.RUNNING, Status.BACKING_OFF):
            in_flight = {"in_flight": each.status is Status.RUNNING}
            yield {"partition_key": ids_of.partition_key(each.id), "id": each.id, **in_flight, **_attempt(kernel, each)}


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
        "restarted_from": invocation.restarted_from,
        "created_at": invocation.created_at,
        "created_using_restate_version": VERSION,
        "scheduled_at": invocation.created_at if invocation.execution_time is not None else None,
        "scheduled_start_at": invocation.execution_time,
        "inboxed_at": invocation.inboxed_at,
        "running_at": invocation.running_at,
        "completion_retention": invocation.completion_retention,
        "journal_retention": invocation.journal_retention,
        "pinned_deployment_id": invocation.deployment,
        "pinned_service_protocol_version": invocation.protocol,
    }


def _progress(kernel: Kernel, invocation: Invocation) -> Row:
    return {**_stored(invocation), "status": _STATUSES[invocation.status], **_attempt(kernel, invocation)}


def _stored(invocation: Invocation) -> Row:
    has_begun = invocation.status not in (Status.SCHEDULED, Status.INBOXED)
    return {
        "modified_at": max(invocation.modified_at, invocation.created_at, invocation.inboxed_at or 0),
        "journal_size": invocation.length if has_begun else None,
        "journal_commands_size": invocation.commands if has_begun else None,
    }


def _attempt(kernel: Kernel, invocation: Invocation) -> Row:
    """The latest one; of what no attempt is made for at the moment nothing is known."""
    if invocation.status not in (Status.RUNNING, Status.BACKING_OFF):
        return {} if invocation.status is not Status.PAUSED else _told_failure(invocation.last_failure)
    running = invocation.status is Status.RUNNING
    registration = kernel.catalog.choose(invocation.target.service, invocation.deployment)
    return {
        "retry_count": invocation.retries + 1 if running else invocation.retries or None,
        "last_start_at": invocation.started_at,
        "next_retry_at": invocation.retry_at,
        "last_attempt_deployment_id": registration.id if registration else None,
        "last_attempt_server": registration.sdk_version if registration else None,
        **_told_failure(invocation.last_failure),
    }


def _told_failure(failure: Failure | None) -> Row:
    if failure is None:
        return {}
    return {
        "last_failure": _failure(failure),
        "last_failure_error_code": _ERROR_CODES.get(failure.code, "RT0007"),
        "last_failure_related_command_index": failure.command_index,
        "last_failure_related_command_name": failure.command_name,
        "last_failure_related_command_type": _command_type(failure),
    }


def _command_type(failure: Failure) -> str | None:
    if failure.command_type is None:
        return None
    try:
        return words(MessageType(failure.command_type))
    except ValueError:  # of a newer protocol
        return None


def _failure(failure: Failure) -> str:
    """As the server shows it: code with its name, message, and the traceback behind them."""
    code = f"{failure.code} {_CODES[failure.code]}" if failure.code in _CODES else str(failure.code)
    return "\n".join([f"[{code}] {failure.message}", *([failure.stacktrace] if failure.stacktrace else [])])


def _ending(invocation: Invocation) -> Row:
    if invocation.completed_at is None:
        return {}
    failure = invocation.failure
    return {
        "completed_at": invocation.completed_at,
        "completion_result": "success" if failure is None else "failure",
        "completion_failure": None if failure is None else f"[{failure.code}] {failure.message}",
    }


def _caller(kernel: Kernel, invocation: Invocation) -> Row:
    if invocation.restarted_from is not None:
        return {"invoked_by": "restart_as_new"}
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
            raw = stored[entry.index].payload
            yield {
                "partition_key": ids_of.partition_key(invocation.id),
                "id": invocation.id,
                "index": entry.index,
                "entry_type": described.type,
                "name": described.name,
                "raw": raw,
                "raw_length": len(raw),
                "version": 2,
                "entry_json": described.json,
                "entry_lite_json": described.lite_json,
                "appended_at": entry.stored_at,
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
    """Failed attempts, one for several that failed alike, and that they were given up."""
    for invocation in _chosen(kernel, ids):
        for at, after, failure in invocation.failed_attempts:
            yield _event(invocation, "TransientError", at, after, _told(failure))
        if invocation.status is Status.PAUSED:
            told = {} if invocation.last_failure is None else {"last_failure": _told(invocation.last_failure)}
            at = max(invocation.modified_at, invocation.started_at or 0)
            yield _event(invocation, "Paused", at, max(invocation.length - 1, 0), told)


def _told(failure: Failure) -> Row:
    told: Row = {
        "error_code": failure.code,
        "error_message": failure.message,
        "error_stacktrace": failure.stacktrace,
        "restate_doc_error_code": _ERROR_CODES.get(failure.code, "RT0007"),
        "related_command_index": failure.command_index,
        "related_command_name": failure.command_name,
        "related_command_type": _command_type(failure),
    }
    return {name: value for name, value in told.items() if value is not None}


def _event(invocation: Invocation, kind: str, at: int, after: int, content: Row) -> Row:
    return {
        "partition_key": ids_of.partition_key(invocation.id),
        "id": invocation.id,
        "after_journal_entry_index": after,
        "appended_at": at,
        "event_type": kind,
        "event_json": json.dumps({"ty": kind, **content}, separators=(",", ":")),
    }


def _state(kernel: Kernel, _: Ids) -> Iterator[Row]:
    for service, key in kernel.store.state_owners():
        where = {"partition_key": ids_of.key_partition(key), "service_name": service, "service_key": key}
        for name, value in kernel.store.state((service, key)).items():
            yield {
                **where,
                "key": name.decode(errors="replace"),
                "key_length": len(name),
                "value_utf8": value.decode(errors="replace"),
                "value": value,
                "value_length": len(value),
            }


# ---------------------------------------------------------------- keys


def _inbox(kernel: Kernel, _: Ids) -> Iterator[Row]:
    """Who waits for a key, in turn."""
    waiting = [each for each in kernel.live.values() if each.status is Status.INBOXED]
    for number, each in enumerate(sorted(waiting, key=lambda invocation: invocation.serial)):
        yield {
            "partition_key": ids_of.partition_key(each.id),
            "service_name": each.target.service,
            "service_key": each.target.key,
            "id": each.id,
            "sequence_number": number,
            "created_at": None,
        }


def _locks(kernel: Kernel, _: Ids) -> Iterator[Row]:
    """Who holds a key."""
    for each in kernel.live.values():
        keyed = each.target.keyed
        if keyed is not None and kernel.keys.holder(keyed) == each.id:
            yield {
                "partition_key": ids_of.partition_key(each.id),
                "service_name": each.target.service,
                "service_key": each.target.key,
                "invocation_id": each.id,
            }


def _promises(kernel: Kernel, _: Ids) -> Iterator[Row]:
    for (service, key), name, promise in kernel.store.promises():
        failure, value = promise.failure, promise.value if promise.failure is None else None
        yield {
            "partition_key": ids_of.key_partition(key),
            "service_name": service,
            "service_key": key,
            "key": name,
            "completed": promise.completed,
            "completion_success_value": value,
            "completion_success_value_utf8": None if value is None else value.decode(errors="replace"),
            "completion_failure": None if failure is None else f"[{failure.code}] {failure.message}",
        }


# ---------------------------------------------------------------- what is registered


def _deployments(kernel: Kernel, _: Ids) -> Iterator[Row]:
    for each in kernel.catalog.registrations.values():
        yield {
            "id": each.id,
            "ty": "http",
            "endpoint": each.transport.address,
            "created_at": each.created_at,
            "min_service_protocol_version": each.min_version,
            "max_service_protocol_version": each.max_version,
            "services": list(each.services),
        }


def _services(kernel: Kernel, _: Ids) -> Iterator[Row]:
    for each in kernel.catalog.services.values():
        yield {
            "name": each.name,
            "revision": each.revision,
            "public": each.public,
            "ty": each.kind.value.lower(),
            "deployment_id": each.deployment,
        }


def _nothing(kernel: Kernel, _: Ids) -> Iterator[Row]:
    """Of what does not exist here."""
    yield from ()


ROWS: Final[Mapping[str, Callable[[Kernel, Ids], Iterator[Row]]]] = {
    **dict.fromkeys(TABLES, _nothing),
    "sys_invocation": _invocations,
    "sys_invocation_status": _statuses,
    "sys_invocation_state": _attempts,
    "sys_journal": _journals,
    "sys_journal_events": _events,
    "state": _state,
    "sys_inbox": _inbox,
    "sys_keyed_service_status": _locks,
    "sys_promise": _promises,
    "sys_deployment": _deployments,
    "sys_service": _services,
}
"""Makes the rows of a table."""
