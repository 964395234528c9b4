"""``restate-reflect dev``."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import click

from restate_reflect.cli._options import URL, env_file_option, full_trace_option, payloads_option, targets_argument

__all__ = ["command"]


@click.command("dev")
@targets_argument
@click.option("--port", default=0, show_default="a free one", type=click.IntRange(0, 65535), help="Of the endpoint.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Of the ingress, the admin API and the page.")
@click.option("--ingress-port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--admin-port", default=9070, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--docs/--no-docs", default=True, show_default=True, help="A page to try handlers and see journals.")
@click.option("--docs-port", show_default="9081, or a free one", type=click.IntRange(0, 65535), help="Of that page.")
@click.option("--open", "open_page", is_flag=True, help="Open that page in the browser.")
@click.option(
    "--data-dir",
    "folder",
    default=".restate-reflect",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where invocations are kept; a restart goes on with them.",
)
@click.option("--fresh", is_flag=True, help="Forget what is in the data directory.")
@click.option("--latest", is_flag=True, help="After a save, replay invocations in flight on the new code.")
@click.option(
    "--guard",
    default="warn",
    show_default=True,
    type=click.Choice(["off", "warn", "fail"]),
    help="What happens when handler code does I/O outside of ctx.run, or assigns to self.",
)
@click.option(
    "--engine",
    default="embedded",
    show_default=True,
    type=click.Choice(["embedded", "server"]),
    help="Who keeps the journals: this process, or a restate-server of its own.",
)
@click.option(
    "--interceptor",
    "interceptors",
    multiple=True,
    metavar="MODULE:NAME",
    help="Put this object, or what a class or function makes, around all handlers. May be given several times.",
)
@payloads_option
@full_trace_option
@env_file_option
@click.option(
    "--reload-dir",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="A new revision when any file in there changes, too. May be given several times.",
)
@click.option(
    "--otlp",
    type=URL,
    metavar="ENDPOINT",
    help="Send spans to this collector, as Jaeger on http://localhost:4318. Needs the extra otlp.",
)
@click.option(
    "--cors",
    "origins",
    metavar="ORIGIN",
    multiple=True,
    help="Let pages of this origin (http://localhost:5173; * is any) call handlers. May be given several times.",
)
@click.option(
    "--server-binary",
    metavar="PATH",
    help="Of restate-server; by default the one of RESTATE_SERVER_BINARY, PATH or npm.",
)
def command(folder: Path, fresh: bool, **options: Any) -> None:
    """Run TARGETs with an engine, and again whenever a file is saved.

    Needs no server. Invocations in flight finish on the code they began with, unless --latest
    is given; a save that does not load leaves the old code serving. For one developer's machine;
    production runs restate-server.
    """
    if options["server_binary"] and options["engine"] != "server":
        raise click.UsageError("--server-binary is for --engine server.")
    if options["host"] != "127.0.0.1" and options["engine"] == "server":
        raise click.UsageError("--host is for the embedded runtime; dev's restate-server is for this machine alone.")
    if options["docs_port"] is not None and not options["docs"]:
        raise click.UsageError("--docs-port and --no-docs exclude each other.")
    if options["open_page"] and not options["docs"]:
        raise click.UsageError("--open and --no-docs exclude each other.")
    if options["otlp"]:
        _check_exporter()
    _check_origins(options)
    from restate_reflect.cli._windows import not_on_windows

    not_on_windows(
        "dev", "run a restate-server elsewhere and 'serve --register URL', or test with the durable fixture."
    )
    from restate_reflect.cli._errors import plain_errors
    from restate_reflect.cli._loop import run
    from restate_reflect.dev.folder import data_folder
    from restate_reflect.dev.session import DevOptions, DevSession

    with plain_errors(options["host"], options["ingress_port"]), data_folder(folder, fresh=fresh) as prepared:
        code = run(DevSession(DevOptions(folder=prepared, **options)).run(), "asyncio")
    raise SystemExit(code)


def _check_exporter() -> None:
    try:
        importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError as error:
        raise click.UsageError(
            f"--otlp needs OpenTelemetry's SDK and exporter ({error}). Run: pip install 'restate-reflect[otlp]'"
        ) from None


def _check_origins(options: dict[str, Any]) -> None:
    if not options["origins"]:
        return
    if options["engine"] == "server":
        raise click.UsageError("--cors is for the embedded runtime; restate-server lets pages of any origin call.")
    from restate_reflect.endpoint.hosts import OriginError, check_origin

    for origin in options["origins"]:
        try:
            check_origin(origin)
        except OriginError as error:
            raise click.BadParameter(str(error), param_hint="--cors") from None
