"""``restate-reflect serve``."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import click

from restate_reflect.cli._loop import LOOPS, run

__all__ = ["command"]


@click.command("serve")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=9080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 512), help="Processes on that port.")
@click.option("--reload", is_flag=True, help="Serve the new code when a loaded file changes.")
@click.option(
    "--identity-key",
    "identity_keys",
    multiple=True,
    metavar="KEY",
    help="Accept only requests signed for this publickeyv1_… key. May be given several times.",
)
@click.option("--register", "admin_url", metavar="ADMIN_URL", help="Register at this admin API, http://127.0.0.1:9070.")
@click.option("--advertise", metavar="URL", help="URL to register, if the server reaches this endpoint by another one.")
@click.option("--with-server", is_flag=True, help="Start a restate-server, too (installed from npm if there is none).")
@click.option(
    "--grace", default=30.0, show_default=True, type=click.FloatRange(0), help="Seconds to end attempts at a stop."
)
@click.option("--loop", default="auto", show_default=True, type=click.Choice(LOOPS), help="auto: uvloop if installed.")
def command(admin_url: str | None, advertise: str | None, with_server: bool, **options: Any) -> None:
    """Serve TARGETs to a restate-server.

    TARGET is module, module:attribute, path/to/file.py or file.py:attribute. A module stands
    for all of its classes that have handlers.

    The first SIGINT or SIGTERM stops gracefully, the second at once.
    """
    if admin_url and with_server:
        raise click.UsageError("--register and --with-server exclude each other: the server is registered at anyway.")
    if advertise and not (admin_url or with_server):
        raise click.UsageError("--advertise says what to register; it needs --register or --with-server.")
    from restate_reflect.cli._errors import plain_errors
    from restate_reflect.cli._registration import Registration
    from restate_reflect.cli._serving import ServeOptions

    chosen = ServeOptions(**options)
    with plain_errors(chosen.host, chosen.port), ExitStack() as resources:
        registration = Registration(
            admin_url=admin_url, with_server=with_server, advertise=advertise, resources=resources
        )
        code = _serve(chosen, registration)
    raise SystemExit(code)


def _serve(options: Any, registration: Any) -> int:
    from restate_reflect.cli._control import Control
    from restate_reflect.cli._supervisor import Supervisor

    control = Control.from_environment()
    if control is None and (options.workers > 1 or options.reload):
        return run(Supervisor(options, registration).run(), "asyncio")
    _serve_here(options, registration, control)
    return 0


def _serve_here(options: Any, registration: Any, control: Any) -> None:
    from restate_reflect.cli._control import user_files
    from restate_reflect.cli._serving import serve
    from restate_reflect.cli._targets import load_all

    try:
        # Before the loop starts: Ctrl-C can end an import that hangs.
        found = load_all(options.targets)
        run(serve(found, options, registration, control), options.loop)
    except Exception as error:
        if control is not None:
            control.tell({"files": user_files(error)})
        raise
