"""``restate-reflect ps``: the invocations that a server knows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._choosing import STATUSES
from restate_reflect.cli._columns import age, columns, duration
from restate_reflect.cli._options import admin_option, json_option, print_json
from restate_reflect.cli._terminal import paint_status, say, show
from restate_reflect.cli._watching import repeated
from restate_reflect.frames import split

if TYPE_CHECKING:
    from restate_reflect.ingress import AdminClient, InvocationInfo

__all__ = ["as_data", "error_of", "last_failures", "ps", "status_of"]


@click.command("ps")
@click.argument("target", metavar="[SERVICE[/HANDLER]]", required=False)
@click.option("--all", "everything", is_flag=True, help="Those that are completed, too.")
@click.option("--status", type=click.Choice(STATUSES), help="Only those in this state.")
@click.option("--key", help="Only those of this key.")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1), help="At most that many, newest first."
)
@click.option("--watch", is_flag=True, help="Look again each second, until Ctrl-C.")
@admin_option
@json_option
def ps(
    target: str | None,
    everything: bool,
    status: str | None,
    key: str | None,
    limit: int,
    watch: bool,
    admin_url: str,
    as_json: bool,
) -> None:
    """List invocations: status, age, retries, last error.

    Without --all or --status those that are not completed. RETRIES counts since the last progress.
    """
    service, _, handler = (target or "").partition("/")

    async def work(admin: AdminClient) -> tuple[list[InvocationInfo], dict[str, str]]:
        found = await admin.invocations(
            service=service or None,
            handler=handler or None,
            key=key,
            status=status,
            unfinished=not everything and status is None,
            limit=limit,
        )
        return list(found), await last_failures(admin, found)

    none = f"no invocations{'' if everything or status else '; --all shows those that are completed'}"
    if watch:
        repeated(lambda: _table(*ask_admin(admin_url, as_json, work)) or none)
    found, failures = ask_admin(admin_url, as_json, work)
    if as_json:
        print_json([as_data(each, failures) for each in found])
    elif found:
        show(_table(found, failures))
    else:
        say(none, err=True)


def _table(found: Sequence[InvocationInfo], failures: dict[str, str]) -> str:
    if not found:
        return ""
    rows = [_row(each, failures) for each in found]
    return columns([("ID", "TARGET", "STATUS", "AGE", "RETRIES", "LAST ERROR"), *rows], paint=paint_status)


async def last_failures(admin: AdminClient, found: Iterable[InvocationInfo]) -> dict[str, str]:
    """Of paused invocations, by id: restate-server (1.7) keeps them as events only."""
    paused = [each.id for each in found if each.status == "paused" and each.last_failure is None]
    if not paused:
        return {}
    ids = ", ".join(f"'{each}'" for each in paused)
    conditions = f"event_type = 'Paused' AND id IN ({ids})"
    rows = await admin.query(f"SELECT id, event_json FROM sys_journal_events WHERE {conditions} ORDER BY appended_at")
    failures = {row["id"]: json.loads(row["event_json"]).get("last_failure") or {} for row in rows}
    return {id_: f"[{each['error_code']}] {each['error_message']}" for id_, each in failures.items() if each}


def _row(info: InvocationInfo, failures: dict[str, str]) -> tuple[str, ...]:
    # What is counted is attempts.
    retries = str(max(info.retry_count - 1, 0) or "-")
    return info.id, info.target, status_of(info), age(info.created_at), retries, error_of(info, failures) or "-"


def status_of(info: InvocationInfo) -> str:
    """The server's word, with how it ended, or how long until it goes on."""
    if info.success is not None:
        return "succeeded" if info.success else "failed"
    for word, time in (("backing-off", info.next_retry_at), ("scheduled", info.scheduled_start_at)):
        if info.status == word and time is not None:
            left = duration(time - datetime.now(time.tzinfo))
            return f"{word} ({left})"
    return info.status


def error_of(info: InvocationInfo, failures: dict[str, str]) -> str | None:
    """The terminal failure, or why the last attempt failed, without its traceback."""
    if info.failure is not None:
        return info.failure
    if info.last_failure is None:
        return failures.get(info.id)
    return split(info.last_failure.message)[0]


def as_data(found: Any, failures: dict[str, str] | None = None) -> dict[str, Any]:
    """What the admin client gives, for ``--json``."""
    data = {field.name: getattr(found, field.name) for field in dataclasses.fields(found) if field.name != "raw"}
    data["kind"] = found.kind.value
    if (failure := data["last_failure"]) is not None:
        data["last_failure"] = dataclasses.asdict(failure)
    elif failures and found.id in failures:
        data["last_failure"] = {"message": failures[found.id], "code": None, "command": None}
    return data
