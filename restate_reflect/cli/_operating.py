"""``restate-reflect cancel``, ``kill``, ``pause``, ``purge``, ``resume`` and ``restart-as-new``: what operators do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from restate_reflect.cli import _completing
from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._choosing import MOST, STATUSES, Chosen, check_target, find, id_of
from restate_reflect.cli._confirming import confirmed, yes_option
from restate_reflect.cli._options import admin_option, json_option, print_json
from restate_reflect.cli._terminal import say

if TYPE_CHECKING:
    from restate_reflect.ingress import AdminClient

__all__ = ["cancel", "kill", "pause", "purge", "restart_as_new", "resume"]

INVOCATION = "INVOCATION"
_HELP = """

INVOCATION is an id, or Workflow/key for the run of a workflow. In place of any, --service,
--status and --key choose all that fit; their number is shown, and asked about."""


def _command(verb: str, explanation: str, done: str, *, completed: bool = False) -> click.Command:
    @click.command(verb, help=explanation + _HELP)
    @click.argument("invocations", metavar=f"[{INVOCATION}...]", nargs=-1, shell_complete=_completing.invocations)
    @click.option("--service", metavar="SERVICE[/HANDLER]", help="All of this service.")
    @click.option("--status", type=click.Choice(STATUSES), help="All in this state.")
    @click.option("--key", help="All of this key.")
    @yes_option
    @admin_option
    @json_option
    def command(
        invocations: tuple[str, ...],
        service: str | None,
        status: str | None,
        key: str | None,
        yes: bool,
        admin_url: str,
        as_json: bool,
    ) -> None:
        chosen = Chosen(service, status, key)
        _check(verb, invocations, chosen)
        if chosen:
            ids = ask_admin(admin_url, as_json, lambda admin: find(admin, chosen, completed=completed))
            _ask(verb, ids, yes=yes)
        else:
            ids = invocations
        changed = ask_admin(admin_url, as_json, lambda admin: _change(admin, verb, ids, None if as_json else done))
        if as_json:
            print_json({verb: changed})
        elif chosen:
            say(f"{len(changed)} {done}")

    return command


def _check(verb: str, invocations: Sequence[str], chosen: Chosen) -> None:
    if bool(invocations) is bool(chosen):
        raise click.UsageError(
            f"Give the invocations to {verb}, or choose them by --service, --status and --key; not both."
        )
    for each in invocations:
        check_target(each)


def _ask(verb: str, ids: Sequence[str], *, yes: bool) -> None:
    if not ids:
        say("no invocations fit", err=True)
        raise SystemExit(0)
    if len(ids) > MOST:
        raise click.UsageError(f"More than {MOST:,} invocations fit. Choose fewer: --service, --status, --key.")
    if not yes:
        confirmed(f"{verb.capitalize()} {len(ids)} invocation{'s' if len(ids) > 1 else ''}?")


async def _change(admin: AdminClient, verb: str, targets: Sequence[str], done: str | None) -> list[str]:
    """``done`` is said of each, ``None`` for nothing."""
    changed = []
    for target in targets:
        identifier = await id_of(admin, target)
        await getattr(admin, verb)(identifier)
        changed.append(identifier)
        if done is not None:
            say(f"{identifier} {done}")
    return changed


cancel = _command("cancel", "Ask invocations to cancel themselves; their compensations run.", "asked to cancel")
kill = _command("kill", "End invocations and their calls at once; no compensation runs.", "killed")
pause = _command("pause", "Stop the attempts of invocations, until `resume`.", "paused")
purge = _command("purge", "Forget finished invocations, their results and their journals.", "purged", completed=True)


@click.command("resume")
@click.argument("invocation", metavar=INVOCATION, shell_complete=_completing.invocations)
@click.option("--deployment", metavar="ID", help="Go on with the code of this deployment; `latest` is the newest.")
@admin_option
@json_option
def resume(invocation: str, deployment: str | None, admin_url: str, as_json: bool) -> None:
    """Go on with a paused invocation, or retry at once one that waits for its next attempt.

    INVOCATION is an id, or Workflow/key.
    """
    check_target(invocation)

    async def work(admin: AdminClient) -> str:
        identifier = await id_of(admin, invocation)
        await admin.resume(identifier, deployment=deployment)
        return identifier

    identifier = ask_admin(admin_url, as_json, work)
    _told(as_json, {"resume": [identifier]}, f"{identifier} resumed")


@click.command("restart-as-new")
@click.argument("invocation", metavar=INVOCATION, shell_complete=_completing.invocations)
@click.option("--from", "from_index", type=click.IntRange(0), metavar="INDEX", help="Keep the journal up to this step.")
@click.option("--deployment", metavar="ID", help="Run on this deployment; `latest` is the newest, `keep` the same.")
@admin_option
@json_option
def restart_as_new(
    invocation: str, from_index: int | None, deployment: str | None, admin_url: str, as_json: bool
) -> None:
    """Start a new invocation with the input of a finished one, and print its id.

    INVOCATION is an id, or Workflow/key.
    """
    check_target(invocation)

    async def work(admin: AdminClient) -> str:
        identifier = await id_of(admin, invocation)
        return await admin.restart_as_new(identifier, from_index=from_index, deployment=deployment)

    new = ask_admin(admin_url, as_json, work)
    _told(as_json, {"restart-as-new": new}, new)


def _told(as_json: bool, data: dict[str, Any], text: str) -> None:
    if as_json:
        print_json(data)
    else:
        say(text)
