"""Invocations for the page: a list by conditions, and one with its attempts that failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from restate_reflect.frames import folded, split
from restate_reflect.ingress import AdminClient, AdminError, InvocationInfo

__all__ = ["ACTIONS", "act", "attempts", "found", "summary"]

Json = dict[str, Any]

ACTIONS: Final = ("cancel", "kill", "pause", "resume", "restart-as-new", "purge")
"""What can be done to an invocation: last parts of paths of the page and of the admin API."""

_MOST: Final = 200
"""Invocations in a list."""
_STATUSES: Final[dict[str, Json]] = {
    "unfinished": {"unfinished": True},
    "succeeded": {"success": True},
    "failed": {"success": False},
}
"""What the filter knows besides the server's own words."""


async def found(admin: AdminClient, filters: Mapping[str, str]) -> list[Json]:
    """Those that fit every filter, newest first.

    Args:
        filters: ``service``, ``handler``, ``key``, ``id``, ``parent`` (who called), ``status`` (the server's, or
            unfinished, succeeded, failed), ``since`` (ISO 8601) and ``limit``. Empty ones say nothing.

    Raises:
        ValueError: ``since`` is no time, or ``limit`` no number.
    """
    given = {name: value for name, value in filters.items() if value}
    if "id" in given:
        return [summary(await admin.invocation(given["id"]))]
    status = given.get("status")
    conditions: Json = _STATUSES.get(status, {"status": status}) if status else {}
    if "since" in given:
        conditions = {**conditions, "since": datetime.fromisoformat(given["since"])}
    listed = await admin.invocations(
        service=given.get("service"),
        handler=given.get("handler"),
        key=given.get("key"),
        invoked_by_id=given.get("parent"),
        limit=min(int(given.get("limit", _MOST)), _MOST),
        **conditions,
    )
    return [summary(info) for info in listed]


def summary(info: InvocationInfo) -> Json:
    """What the page shows of an invocation besides its journal."""
    times = {
        "created": info.created_at,
        "completed": info.completed_at,
        "nextRetry": info.next_retry_at,
        "scheduled": info.scheduled_start_at,
    }
    failure = info.last_failure
    return {
        "id": info.id,
        "target": info.target,
        "service": info.service,
        "handler": info.handler,
        "key": info.key,
        "status": info.status,
        "success": info.success,
        "failure": info.failure,
        "lastFailure": _folded(failure.message) if failure else None,
        "retries": info.retry_count,
        "deployment": info.deployment_id,
        "idempotencyKey": info.idempotency_key,
        "parent": info.invoked_by_id,
        "parentTarget": info.invoked_by_target,
        **{name: None if value is None else value.isoformat() for name, value in times.items()},
    }


def _folded(failure: str) -> str:
    message, trace = split(failure)
    return f"{message}\n{folded(trace)}" if trace else message


async def attempts(admin: AdminClient, identifier: str) -> list[Json]:
    """Errors of attempts that failed, oldest first, as far as the server keeps them: each once, until another one.

    Returns:
        For each: ``at``, ``after`` (index of the journal's last entry then), ``message``, ``code``, ``trace`` (with
        libraries' frames folded), ``whole`` (the traceback as it came) and ``step`` (the command it is about). Nothing
        from servers without such a table.
    """
    sql = f"SELECT * FROM sys_journal_events WHERE id = '{identifier}' ORDER BY appended_at"
    try:
        rows = await admin.query(sql)
    except AdminError:
        return []
    attempts: list[Json] = []
    for row in rows:
        told = _attempt(row, _failure(row))
        if told["message"] and not (attempts and attempts[-1]["message"] == told["message"]):
            attempts.append(told)
    return attempts


def _failure(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Why an attempt failed: one that others have followed, or the last one before a pause."""
    event = json.loads(row.get("event_json") or "{}")
    known = {"TransientError": event, "Paused": event.get("last_failure")}
    return known.get(str(row.get("event_type"))) or {}


def _attempt(row: Mapping[str, Any], event: Mapping[str, Any]) -> Json:
    words = (event.get("related_command_type"), event.get("related_command_name"))
    return {
        "at": row.get("appended_at"),
        "after": row.get("after_journal_entry_index"),
        "code": event.get("error_code"),
        "message": event.get("error_message") or "",
        "trace": folded(event.get("error_stacktrace") or ""),
        "whole": event.get("error_stacktrace") or "",
        "step": " ".join(word for word in words if word) or None,
    }


async def act(admin: AdminClient, action: str, identifier: str) -> Json:
    """Does one of ``ACTIONS``; the id of the new invocation if there is one."""
    if action == "restart-as-new":
        return {"id": await admin.restart_as_new(identifier)}
    await getattr(admin, action)(identifier)
    return {}
