"""``restate-reflect dev``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

__all__ = ["command"]


@click.command("dev")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option("--port", default=0, show_default="a free one", type=click.IntRange(0, 65535), help="Of the endpoint.")
@click.option("--ingress-port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--admin-port", default=9070, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option(
    "--data-dir",
    default=".restate-reflect",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where invocations are kept; a restart goes on with them.",
)
@click.option("--fresh", is_flag=True, help="Forget what is in the data directory.")
@click.option("--latest", is_flag=True, help="After a save, replay invocations in flight on the new code.")
def command(
    targets: tuple[str, ...],
    port: int,
    ingress_port: int,
    admin_port: int,
    data_dir: Path,
    fresh: bool,
    latest: bool,
) -> None:
    """Run TARGETs on an embedded runtime, and again whenever a file is saved.

    Needs no server. Invocations in flight finish on the code they began with, unless --latest
    is given; a save that does not load leaves the old code serving. For one developer's machine;
    production runs restate-server.
    """
    from restate_reflect.cli._dev_session import DevOptions, DevSession
    from restate_reflect.cli._errors import plain_errors
    from restate_reflect.cli._loop import run

    folder = _prepared(data_dir, fresh)
    options = DevOptions(
        targets=targets, port=port, ingress_port=ingress_port, admin_port=admin_port, folder=folder, latest=latest
    )
    with plain_errors("127.0.0.1", ingress_port):
        code = run(DevSession(options).run(), "asyncio")
    raise SystemExit(code)


def _prepared(folder: Path, fresh: bool) -> Path:
    """The folder, kept out of git by itself."""
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder
