"""``restate-reflect manifest``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from restate_reflect.cli._options import targets_argument
from restate_reflect.cli._terminal import say

if TYPE_CHECKING:
    from restate_reflect.definitions import ServiceDefinition

__all__ = ["command", "definitions"]


@click.command("manifest")
@targets_argument
@click.option("--version", "version", default=4, show_default=True, type=click.IntRange(1, 4), help="Manifest version.")
@click.option("--json", "as_json", is_flag=True, help="Errors as JSON, too; the manifest always is.")
def command(targets: tuple[str, ...], version: int, as_json: bool) -> None:
    """Print the endpoint manifest (JSON) of TARGETs, as restate-server would discover it.

    Options that the asked version can't carry are named on stderr.
    """
    from restate_reflect.cli._errors import plain_errors
    from restate_reflect.manifest import build_manifest, unsupported_options

    with plain_errors(as_json=as_json):
        found = definitions(targets)
    for lost in unsupported_options(found, version):
        say(f"{lost.where}: {lost.option} needs manifest version {lost.since}; left out", err=True)
    manifest = build_manifest(found, version=version, protocol_mode="BIDI_STREAM")
    say(json.dumps(manifest, indent=2, ensure_ascii=False))


def definitions(targets: Sequence[str]) -> tuple[ServiceDefinition, ...]:
    """What the targets would serve.

    Raises:
        TargetError, ReflectionError: they lead to nothing that can be served.
    """
    import asyncio

    from restate_reflect.targets.application import definitions_of, servable
    from restate_reflect.targets.target import load_all

    async def made() -> tuple[ServiceDefinition, ...]:
        return definitions_of(await servable(found))

    found = load_all(targets)
    return asyncio.run(made())
