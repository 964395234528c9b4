"""``restate-reflect openapi``."""

from __future__ import annotations

import json

import click

from restate_reflect.cli._options import ingress_option, targets_argument
from restate_reflect.cli._terminal import say

__all__ = ["command"]


@click.command("openapi")
@targets_argument
@click.option(
    "--format", "form", type=click.Choice(("yaml", "json")), default="yaml", show_default=True, help="Of the document."
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@ingress_option
@click.option("--title", help="The services' names if it is not given.")
@click.option("--api-version", default="1.0.0", show_default=True, help="Of your API.")
def command(
    targets: tuple[str, ...],
    form: str,
    as_json: bool,
    ingress_urls: tuple[str, ...],
    title: str | None,
    api_version: str,
) -> None:
    """Print an OpenAPI 3.1 document: how the handlers of TARGETs are called over the ingress.

    No server is asked; --ingress is what the document names.
    """
    from restate_reflect.cli._errors import plain_errors
    from restate_reflect.cli._manifest import definitions
    from restate_reflect.openapi import build_openapi, to_yaml

    with plain_errors(as_json=as_json):
        found = definitions(targets)
    document = build_openapi(found, server_url=ingress_urls[0], title=title, version=api_version)
    as_json = as_json or form == "json"
    say(json.dumps(document, indent=2, ensure_ascii=False) if as_json else to_yaml(document).rstrip("\n"))
