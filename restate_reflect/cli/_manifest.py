"""``restate-reflect manifest``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from restate_reflect.cli._targets import Found
    from restate_reflect.definitions import ServiceDefinition

__all__ = ["command"]


@click.command("manifest")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option("--version", "version", default=4, show_default=True, type=click.IntRange(1, 4), help="Manifest version.")
def command(targets: tuple[str, ...], version: int) -> None:
    """Print the endpoint manifest (JSON) of TARGETs, as restate-server would discover it.

    Options that the asked version can't carry are named on stderr.
    """
    from restate_reflect.cli._errors import plain_errors
    from restate_reflect.cli._targets import load_all
    from restate_reflect.manifest import build_manifest, unsupported_options

    with plain_errors():
        definitions = asyncio.run(_definitions(load_all(targets)))
    for lost in unsupported_options(definitions, version):
        click.echo(f"{lost.where}: {lost.option} needs manifest version {lost.since}; left out", err=True)
    manifest = build_manifest(definitions, version=version, protocol_mode="BIDI_STREAM")
    click.echo(json.dumps(manifest, indent=2, ensure_ascii=False))


async def _definitions(found: Sequence[Found]) -> tuple[ServiceDefinition, ...]:
    from restate_reflect.cli._application import application, definitions_of

    return definitions_of(await application(found))
