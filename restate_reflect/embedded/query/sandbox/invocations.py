"""Columns of the tables of invocations: what of a record each needs, and how it is made of it.

The kernel's process reads from here which fields it has to send, and ``tables`` how rows are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from restate_reflect.embedded import ids
from restate_reflect.embedded.query.sandbox.records import Record, Target

__all__ = ["INVOCATION_TABLES", "Column", "Facts", "command_type", "doc_code", "fields_of"]

VERSION: Final = "1.7.12"
"""Of the server that this one answers as."""
_ERROR_CODES: Final = {570: "RT0016", 571: "RT0012"}
"""Restate's own codes of what an SDK reports; anything else is RT0007."""
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
_BEFORE: Final = frozenset({"scheduled", "inboxed"})


class Facts(NamedTuple):
    """What else rows are made of."""

    target_of: Callable[[str], Target | None]
    """Of an invocation, by id."""
    attempted_on: Callable[[Record], tuple[str, str | None] | None]
    """Id and SDK of the deployment on which a record's attempts are made."""


Getter = Callable[[Record, Facts], Any]


class Column(NamedTuple):
    """How a value is made."""

    fields: tuple[str, ...]
    """Of the record."""
    get: Getter


def _plain(field: str) -> Column:
    return Column((field,), lambda record, _: getattr(record, field))


def _of(fields: str, get: Callable[[Record], Any]) -> Column:
    return Column(tuple(fields.split()), lambda record, _: get(record))


def _attempt(fields: str, get: Getter) -> Column:
    """Of what no attempt is made for at the moment nothing is known."""
    return Column(("status", *fields.split()), lambda record, facts: get(record, facts) if record.runs else None)


def _failure(get: Callable[[Mapping[str, Any]], Any]) -> Column:
    """Of why the latest attempt failed, as long as there is to be a next one."""

    def read(record: Record, _: Facts) -> Any:
        known = record.last_failure is not None and (record.runs or record.status == "paused")
        return get(record.last_failure) if known and record.last_failure is not None else None

    return Column(("status", "last_failure"), read)


def _caller(get: Callable[[Target], Any]) -> Column:
    def read(record: Record, facts: Facts) -> Any:
        if record.parent is None or record.restarted_from is not None:
            return None
        target = facts.target_of(record.parent)
        return None if target is None else get(target)

    return Column(("id", "target", "parent", "restarted_from"), read)


def _invoked_by(record: Record) -> str:
    if record.restarted_from is not None:
        return "restart_as_new"
    return "ingress" if record.parent is None else "service"


def _retries(record: Record, _: Facts) -> int | None:
    return record.retries + 1 if record.status == "running" else record.retries or None


def _deployment(record: Record, facts: Facts) -> str | None:
    found = facts.attempted_on(record)
    return None if found is None else found[0]


def _sdk(record: Record, facts: Facts) -> str | None:
    found = facts.attempted_on(record)
    return None if found is None else found[1]


def _told(failure: Mapping[str, Any]) -> str:
    """As the server shows it: code with its name, message, and the traceback behind them."""
    code = failure["code"]
    shown = f"{code} {_CODES[code]}" if code in _CODES else str(code)
    stacktrace = failure.get("stacktrace")
    return "\n".join([f"[{shown}] {failure['message']}", *([stacktrace] if stacktrace else [])])


def command_type(failure: Mapping[str, Any]) -> str | None:
    """Of the command that an attempt's error is about."""
    number = failure.get("command_type")
    if number is None:
        return None
    from restate_reflect.embedded.query.sandbox.journal_json import words

    return words(number)


def doc_code(failure: Mapping[str, Any]) -> str:
    """Restate's own code of an attempt's error."""
    return failure.get("doc_code") or _ERROR_CODES.get(failure["code"], "RT0007")


def _ended(get: Callable[[Record], Any]) -> Column:
    return _of("completed_at failure", lambda record: None if record.completed_at is None else get(record))


def _result(record: Record) -> str:
    return "success" if record.failure is None else "failure"


def _ending(record: Record) -> str | None:
    return None if record.failure is None else f"[{record.failure['code']}] {record.failure['message']}"


_IDENTITY: Final[Mapping[str, Column]] = {
    "id": _plain("id"),
    "target": _of("target", lambda record: str(record.target)),
    "target_service_name": _of("target", lambda record: record.target.service),
    "target_service_key": _of("target", lambda record: record.target.key),
    "target_handler_name": _of("target", lambda record: record.target.handler),
    "scope": _of("target", lambda record: record.target.scope),
    "target_service_ty": _of("target", lambda record: record.target.service_kind.lower()),
    **{name: _plain(name) for name in ("idempotency_key", "limit_key", "restarted_from", "created_at")},
    "created_using_restate_version": _of("", lambda _: VERSION),
    "scheduled_at": _of(
        "created_at execution_time", lambda each: None if each.execution_time is None else each.created_at
    ),
    "scheduled_start_at": _plain("execution_time"),
    **{name: _plain(name) for name in ("inboxed_at", "running_at", "completion_retention", "journal_retention")},
    "pinned_deployment_id": _plain("deployment"),
    "pinned_service_protocol_version": _plain("protocol"),
    "modified_at": _of(
        "modified_at created_at inboxed_at",
        lambda each: max(each.modified_at, each.created_at, each.inboxed_at or 0),
    ),
    "journal_size": _of("status length", lambda each: None if each.status in _BEFORE else each.length),
    "journal_commands_size": _of("status commands", lambda each: None if each.status in _BEFORE else each.commands),
    "completed_at": _plain("completed_at"),
    "completion_result": _ended(_result),
    "completion_failure": _ended(_ending),
    "invoked_by": _of("parent restarted_from", _invoked_by),
    "invoked_by_id": _of("parent restarted_from", lambda each: None if each.restarted_from else each.parent),
    "invoked_by_target": _caller(str),
    "invoked_by_service_name": _caller(lambda target: target.service),
}
_ATTEMPT: Final[Mapping[str, Column]] = {
    "retry_count": _attempt("retries", _retries),
    "last_start_at": _attempt("started_at", lambda record, _: record.started_at),
    "next_retry_at": _attempt("retry_at", lambda record, _: record.retry_at),
    "last_attempt_deployment_id": _attempt("target deployment", _deployment),
    "last_attempt_server": _attempt("target deployment", _sdk),
    "last_failure": _failure(_told),
    "last_failure_error_code": _failure(doc_code),
    "last_failure_related_command_index": _failure(lambda failure: failure.get("command_index")),
    "last_failure_related_command_name": _failure(lambda failure: failure.get("command_name")),
    "last_failure_related_command_type": _failure(command_type),
}
_PARTITION: Final = _of("id", lambda record: ids.partition_key(record.id))

INVOCATION_TABLES: Final[Mapping[str, Mapping[str, Column]]] = {
    "sys_invocation": {
        **_IDENTITY,
        **_ATTEMPT,
        "status": _of("status", lambda each: "pending" if each.status == "inboxed" else each.status),
    },
    "sys_invocation_status": {
        **_IDENTITY,
        "partition_key": _PARTITION,
        "status": _of("status", lambda each: "invoked" if each.runs else each.status),
    },
    "sys_invocation_state": {
        **_ATTEMPT,
        "id": _plain("id"),
        "partition_key": _PARTITION,
        "in_flight": _of("status", lambda each: each.status == "running"),
    },
}
"""Columns that are not null everywhere."""
_OTHERS: Final[Mapping[str, tuple[str, ...]]] = {
    "sys_journal_events": (("id", "status", "failed_attempts", "last_failure", "modified_at", "started_at", "length")),
    "sys_inbox": ("id", "status", "target", "serial"),
    "sys_keyed_service_status": ("id", "status", "target"),
}
_AS_JSON: Final = frozenset({"entry_json", "entry_lite_json"})
_JSON_FIELDS: Final = frozenset({"id", "target"})
"""Calls are shown with what the callee is."""


def fields_of(table: str, columns: Iterable[str]) -> frozenset[str]:
    """The fields of records that these columns of a table are made of; none for tables that are of something else."""
    if table == "sys_journal":
        return _JSON_FIELDS if _AS_JSON & set(columns) else frozenset({"id"})
    known = INVOCATION_TABLES.get(table)
    if known is None:
        return frozenset(_OTHERS.get(table, ()))
    found = {field for column in columns if column in known for field in known[column].fields}
    return frozenset(found | {"id"} | ({"status"} if table == "sys_invocation_state" else set()))
