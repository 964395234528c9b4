"""``restate-reflect journal``: what an invocation has done, step by step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from restate_reflect.cli import _completing
from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._choosing import check_target, id_of
from restate_reflect.cli._columns import age, columns, duration, one_line
from restate_reflect.cli._errors import plain_errors
from restate_reflect.cli._invocations import as_data, error_of, last_failures, status_of
from restate_reflect.cli._options import (
    admin_option,
    files,
    full_trace_option,
    json_option,
    payloads_option,
    print_json,
)
from restate_reflect.cli._terminal import paint_status, show
from restate_reflect.cli._watching import followed
from restate_reflect.escaping import terminal_text
from restate_reflect.frames import folded, split

if TYPE_CHECKING:
    from restate_reflect.definitions import ServiceDefinition
    from restate_reflect.ingress import AdminClient, InvocationInfo, JournalEntry

    Found = tuple[InvocationInfo, tuple[JournalEntry, ...], dict[str, str]]

__all__ = ["journal"]


@click.command("journal")
@click.argument("invocation", metavar="INVOCATION", shell_complete=_completing.invocations)
@click.argument("targets", metavar="[TARGET...]", nargs=-1, shell_complete=files)
@full_trace_option
@click.option("--follow", is_flag=True, help="Go on until the invocation has ended, or Ctrl-C.")
@admin_option
@json_option
@payloads_option
def journal(
    invocation: str,
    targets: tuple[str, ...],
    full_trace: bool,
    follow: bool,
    admin_url: str,
    as_json: bool,
    payloads: str | None,
) -> None:
    """Show the journal of an invocation, step by step, with times and values.

    INVOCATION is an id, or Workflow/key for the run of a workflow.

    JSON and text are shown as they are. With TARGETs, the code of the service and of those it
    calls, binary protobuf messages are shown as protobuf-JSON; with the services' --payloads what
    these have encoded is decoded.
    """
    check_target(invocation)
    services = _services(targets, as_json)

    async def work(admin: AdminClient) -> Found:
        identifier = await id_of(admin, invocation)
        info = await admin.invocation(identifier)
        return info, await admin.journal(identifier), await last_failures(admin, [info])

    def look() -> tuple[str, bool]:
        info, entries, failures = ask_admin(admin_url, as_json, work, payloads=payloads)
        return _shown(info, _steps(entries, info, services), failures, full_trace), info.status == "completed"

    if follow:
        followed(look)
        return
    info, entries, failures = ask_admin(admin_url, as_json, work, payloads=payloads)
    steps = _steps(entries, info, services)
    if as_json:
        print_json({"invocation": as_data(info, failures), "steps": steps})
    else:
        show(_shown(info, steps, failures, full_trace))


def _shown(info: InvocationInfo, steps: Sequence[dict[str, Any]], failures: dict[str, str], full_trace: bool) -> str:
    """All of it as text that is harmless."""
    status = paint_status(status_of(info))
    said = [terminal_text(f"{info.id}  {info.target}  ") + f"{status}, began {age(info.created_at)} ago"]
    said += _lines(steps) if steps else ["no steps: the journal is past its retention"]
    if (error := error_of(info, failures)) is not None:
        said.append(terminal_text(f"{'failed' if info.success is False else 'last error'}: {error}"))
    if info.last_failure is not None and (trace := split(info.last_failure.message)[1]):
        said.append(terminal_text(trace.rstrip() if full_trace else folded(trace.rstrip())))
    return "\n".join(said)


def _services(targets: Sequence[str], as_json: bool) -> Sequence[ServiceDefinition]:
    if not targets:
        return ()
    from restate_reflect.cli._manifest import definitions

    with plain_errors(as_json=as_json):
        return definitions(targets)


def _steps(
    entries: Sequence[JournalEntry], info: InvocationInfo, services: Sequence[ServiceDefinition]
) -> list[dict[str, Any]]:
    from restate_reflect.checking import declared_state
    from restate_reflect.page._timeline import Known, timeline

    handlers = {(service.name, name): handler for service in services for name, handler in service.handlers.items()}
    state = {
        name: codec for service in services if service.name == info.service for name, codec in declared_state(service)
    }
    return timeline(entries, handlers.get((info.service, info.handler)), Known(handlers, state))


def _lines(steps: Sequence[dict[str, Any]]) -> list[str]:
    began = _time(steps[0]["start"])
    rows = [(str(step["index"]), _since(step, began), _took(step), _title(step), _details(step)) for step in steps]
    return columns([("#", "AT", "TOOK", "STEP", "VALUES"), *rows]).splitlines()


def _title(step: dict[str, Any]) -> str:
    name = step["name"]
    return f"{_words(step['type'])} {name}" if name else _words(step["type"])


def _words(kind: str) -> str:
    """``GetEagerState`` -> ``get state``."""
    text = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind.replace("Eager", ""))
    return text.strip()


def _since(step: dict[str, Any], began: datetime | None) -> str:
    start = _time(step["start"])
    return "" if start is None or began is None else f"+{duration(start - began)}"


def _took(step: dict[str, Any]) -> str:
    start, end = _time(step["start"]), _time(step["end"])
    if step["state"] == "waiting":
        return "waits"
    return "" if start is None or end is None or start == end else duration(end - start)


def _details(step: dict[str, Any]) -> str:
    shown = [f"{each['label'].lower()}: {_value(each)}" for each in step["details"]]
    return ", ".join([*shown, *([step["invocationId"]] if step["invocationId"] else [])])


def _value(detail: dict[str, str]) -> str:
    if detail["form"] == "time":
        return datetime.fromtimestamp(int(detail["text"]) / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if detail["form"] == "empty":
        return "nothing"
    if detail["form"] == "json":
        return _compact(detail["text"])
    return one_line(detail["text"], 200)


def _compact(text: str) -> str:
    return one_line(json.dumps(json.loads(text), ensure_ascii=False), 200)


def _time(text: str | None) -> datetime | None:
    from restate_reflect.ingress._admin_data import moment

    return None if text is None else moment(text)
