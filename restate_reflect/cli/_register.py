"""``restate-reflect register``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._errors import Explained
from restate_reflect.cli._options import URL, admin_option, headers_of, json_option, print_json
from restate_reflect.cli._terminal import say
from restate_reflect.errors import RestateReflectError

if TYPE_CHECKING:
    from restate_reflect.ingress import AdminClient
    from restate_reflect.ingress import Registration as Registered

__all__ = ["command"]


@click.command("register")
@click.argument("url", metavar="URL", type=URL)
@click.option("--force", is_flag=True, help="Replace a deployment with this URL; what runs on it may not survive.")
@click.option("--breaking", is_flag=True, help="Allow changes that callers notice, such as another kind of service.")
@click.option("--http1", "use_http_11", is_flag=True, help="HTTP/1.1, request and response, in place of HTTP/2.")
@click.option("--dry-run", is_flag=True, help="Discover and check, but register nothing.")
@click.option(
    "-H",
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Sent with each request to the deployment; may be repeated.",
)
@admin_option
@json_option
def command(
    url: str,
    force: bool,
    breaking: bool,
    use_http_11: bool,
    dry_run: bool,
    headers: tuple[str, ...],
    admin_url: str,
    as_json: bool,
) -> None:
    """Register the deployment at URL, such as http://127.0.0.1:9080."""
    sent = headers_of(headers)

    async def work(admin: AdminClient) -> Registered:
        return await admin.register(
            url, force=force, breaking=breaking, use_http_11=use_http_11, dry_run=dry_run, additional_headers=sent
        )

    registered = ask_admin(admin_url, as_json, work, _hint)
    if as_json:
        print_json(registered.raw)
        return
    revisions = ", ".join(f"{service.name} (revision {service.revision})" for service in registered.services)
    say(f"{'would register' if dry_run else registered.id}: {revisions}")


def _hint(error: RestateReflectError) -> Explained | None:
    """The server speaks of its own command line's options; these are ours."""
    text = str(error).partition(f": {getattr(error, 'status', '')} ")[2]
    for word, hint in _HINTS.items():
        if word in text.lower():
            return Explained(text, hint)
    return None


_HINTS: Final = {
    "cannot be changed across revisions": "`restate-reflect register URL --breaking` allows it.",
    "breaking": "`restate-reflect register URL --breaking` allows it.",
    "force": "`restate-reflect register URL --force` replaces it.",
    "already exists": "`restate-reflect register URL --force` replaces it.",
    "http1": "`restate-reflect register URL --http1` uses HTTP/1.1.",
}
"""By words of the server's refusals."""
