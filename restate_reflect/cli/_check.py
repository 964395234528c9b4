"""``restate-reflect check``: whether code can take over from what a server runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._columns import columns
from restate_reflect.cli._errors import REFUSED, plain_errors
from restate_reflect.cli._options import URL, json_option, payloads_option, print_json, targets_argument
from restate_reflect.cli._terminal import show
from restate_reflect.escaping import terminal_text

if TYPE_CHECKING:
    from restate_reflect.checking import HandlerRow, Report
    from restate_reflect.ingress import AdminClient

__all__ = ["command"]


@click.command("check")
@targets_argument
@click.option(
    "--against", "admin_url", type=URL, metavar="ADMIN_URL", envvar="RESTATE_ADMIN_URL", show_envvar=True,
    default="http://127.0.0.1:9070", show_default=True, help="Admin API of the server whose invocations are replayed.",
)  # fmt: skip
@click.option(
    "--completed", type=click.IntRange(min=0), default=0, metavar="N",
    help="Replay the last N completed invocations of each handler, too.",
)  # fmt: skip
@click.option(
    "--keys", type=click.IntRange(min=0), default=10_000, show_default=True, metavar="N",
    help="Read the stored state of this many keys of each service at most.",
)  # fmt: skip
@click.option(
    "--all", "everything", is_flag=True,
    help="TARGETs are all that the server is to serve: whatever else it serves counts as removed.",
)  # fmt: skip
@payloads_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    targets: tuple[str, ...],
    admin_url: str,
    completed: int,
    keys: int,
    everything: bool,
    payloads: str | None,
    as_json: bool,
) -> None:
    """Hold the code of TARGETs against what a server runs, before it is deployed.

    Every invocation in flight is replayed, without side effects; what is registered, and recorded inputs, outputs and
    state, are compared with the new types.

    Exit code 0: it fits. 1: it does not. 2: no such target. 6: no server.
    """
    from restate_reflect.checking import check
    from restate_reflect.cli._manifest import definitions
    from restate_reflect.processes.collector import resume

    with plain_errors(as_json=as_json):
        services = definitions(targets)
    resume()  # each replay leaves cycles; put off, they are 184 MiB after 10,000 invocations, in place of 70

    async def work(admin: AdminClient) -> Report:
        return await check(services, admin, completed=completed, keys=keys, everything=everything)

    report = ask_admin(admin_url, as_json, work, payloads=payloads)
    if as_json:
        print_json(report.as_data())
    else:
        show("\n".join(_lines(report)))
    ctx.exit(0 if report.fits else REFUSED)


def _lines(report: Report) -> Iterator[str]:
    rows = [_cells(row) for row in report.sorted_rows()]
    if rows:
        heads = ("HANDLER", "IN FLIGHT", "COMPLETED", "REPLAYED", "DIFFER", "UNREADABLE", "UNDECIDED")
        yield columns([heads, *rows])
    else:
        yield "no invocations to replay"
    for finding in report.findings:
        yield ""
        yield terminal_text(f"{finding.where}: {finding.text}")
        if finding.count:
            yield terminal_text(f"  {_counted(finding.count, finding.examples)}")
        yield f"  {finding.advice}"
    yield from _remarks(report)
    yield ""
    yield "it fits" if report.fits else f"{len(report.findings)} found"


def _cells(row: HandlerRow) -> tuple[str, ...]:
    counts = (row.in_flight, row.completed, row.replayed, row.differs, row.unreadable, row.undecided)
    return (terminal_text(row.name), *map(str, counts))


def _counted(count: int, examples: Sequence[str]) -> str:
    more = f" and {count - len(examples)} more" if count > len(examples) else ""
    return f"{', '.join(examples)}{more}"


def _remarks(report: Report) -> Iterator[str]:
    said = [*report.notes, *(use.text for use in report.gates.values())]
    if report.others:
        listed = ", ".join(f"{name} ({count} in flight)" for name, count in report.others.items())
        said.append(f"served by other deployments, and not looked at: {listed}. With --all they count as removed.")
    mended = sum(row.mended for row in report.rows.values())
    if mended:
        said.append(
            f"{mended} that fail now would go on with this code: `restate-reflect resume ID --deployment latest`."
        )
    if said:
        yield ""
        yield from map(terminal_text, said)
