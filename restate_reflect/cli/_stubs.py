"""``restate-reflect stubs``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restate_reflect.cli._asking import ask_admin
from restate_reflect.cli._errors import plain_errors
from restate_reflect.cli._options import print_json
from restate_reflect.cli._terminal import say

if TYPE_CHECKING:
    from restate_reflect.ingress import AdminClient

__all__ = ["command"]


@click.command("stubs")
@click.option("--from", "source", metavar="ADMIN_URL|FILE", envvar="RESTATE_ADMIN_URL", show_envvar=True, required=True,
              help="An admin API, or a file with a manifest or with its list of services; - is stdin.")  # fmt: skip
@click.option("--only", metavar="SERVICE", multiple=True, help="Only this service; may be given several times.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option("--json", "as_json", is_flag=True, help='Print {"source": …}, errors as JSON, too.')
def command(source: str, only: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Write typed interface classes for services that are implemented elsewhere, for ctx.call and the clients."""
    described = _described(source, as_json)
    from restate_reflect.stubs import generate_stubs

    with plain_errors(as_json=as_json):
        text = generate_stubs(described, only=only)
    if output is not None:
        _write(output, text)
    if as_json:
        print_json({"source": text} | ({"file": str(output)} if output else {}))
    elif output is None:
        say(text.rstrip("\n"))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise click.BadParameter(f"{file} can't be written: {error.strerror}.", param_hint="--output") from None


def _described(source: str, as_json: bool) -> Any:
    if not source.startswith(("http://", "https://")):
        return _from_file(source)

    async def work(admin: AdminClient) -> Any:
        return await admin.services()

    return ask_admin(source, as_json, work)


def _from_file(source: str) -> Any:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text()
    except OSError as error:
        raise click.BadParameter(
            f"{source} can't be read: {error.strerror}. The URL of an admin API begins with http://",
            param_hint="--from",
        ) from None
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"{source} holds no JSON: {error}.", param_hint="--from") from None
