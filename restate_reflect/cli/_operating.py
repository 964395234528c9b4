"""``restate-reflect cancel``, ``kill``, ``pause``, ``resume`` and ``purge``: what operators do with invocations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from restate_reflect.cli import _completing
from restate_reflect.cli._address import parse_id
from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._options import admin_option, json_option, print_json
from restate_reflect.cli._terminal import say

if TYPE_CHECKING:
    from restate_reflect.ingress import AdminClient

__all__ = ["cancel", "kill", "pause", "purge", "resume"]


def _command(verb: str, explanation: str, done: str) -> click.Command:
    @click.command(verb, help=explanation)
    @click.argument(
        "invocations",
        metavar="INVOCATION_ID...",
        nargs=-1,
        required=True,
        shell_complete=_completing.invocations,
    )
    @admin_option
    @json_option
    def command(invocations: tuple[str, ...], admin_url: str, as_json: bool) -> None:
        ids = [parse_id(each) for each in invocations]

        async def work(admin: AdminClient) -> None:
            for each in ids:
                await getattr(admin, verb)(each)
                if not as_json:
                    say(f"{each} {done}")

        ask_admin(admin_url, as_json, work)
        if as_json:
            print_json({verb: ids})

    return command


cancel = _command("cancel", "Ask invocations to cancel themselves; their compensations run.", "asked to cancel")
kill = _command("kill", "End invocations and their calls at once; no compensation runs.", "killed")
pause = _command("pause", "Stop the attempts of invocations, until `resume`.", "paused")
purge = _command("purge", "Forget finished invocations, their results and their journals.", "purged")


@click.command("resume")
@click.argument("invocation", metavar="INVOCATION_ID", shell_complete=_completing.invocations)
@click.option("--deployment", metavar="ID", help="Go on with the code of this deployment; `latest` is the newest.")
@admin_option
@json_option
def resume(invocation: str, deployment: str | None, admin_url: str, as_json: bool) -> None:
    """Go on with a paused invocation, or retry at once one that waits for its next attempt."""

    invocation = parse_id(invocation)

    async def work(admin: AdminClient) -> None:
        await admin.resume(invocation, deployment=deployment)

    ask_admin(admin_url, as_json, work)
    if as_json:
        print_json({"resume": [invocation]})
    else:
        say(f"{invocation} resumed")
