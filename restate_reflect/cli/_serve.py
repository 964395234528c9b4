"""``restate-reflect serve``."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from restate_reflect.cli._logs import LogOptions, log_options, set_up_logging
from restate_reflect.cli._loop import LOOPS, run
from restate_reflect.cli._options import URL, Seconds, env_file_option, payloads_option, targets_argument

if TYPE_CHECKING:
    from collections.abc import Callable

    from restate_reflect.cli._page import PageOptions
    from restate_reflect.cli._registration import Registration
    from restate_reflect.cli._serving import ServeOptions
    from restate_reflect.processes.control import Control

__all__ = ["command"]

_DOCS_HOST = "127.0.0.1"


def _page_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--docs", is_flag=True, help="Serve a page to try handlers, at /docs, to this machine only."),
        click.option("--docs-port", type=click.IntRange(0, 65535), help="Serve the page alone there; 0: a free one."),
        click.option("--docs-host", default=_DOCS_HOST, show_default=True, help="Address of --docs-port."),
        click.option("--docs-allow", metavar="HOST", multiple=True, help="Name under which others may open the page."),
        _url_option("--ingress", "ingress_url", "The page calls handlers there.", "RESTATE_INGRESS_URL"),
        _url_option("--admin", "page_admin_url", "The page finds journals there.", "RESTATE_ADMIN_URL"),
    )[::-1]:
        function = option(function)
    return function


def _url_option(name: str, variable: str, what: str, environment: str) -> Callable[[Any], Any]:
    """Of the server that is registered at, if it is not given, then of the environment."""
    more = f"[default: of the server that is registered at, or {environment}]"
    return click.option(name, variable, type=URL, metavar="URL", help=f"{what} {more}")


@click.command("serve")
@targets_argument
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for all.")
@click.option("--port", default=9080, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 512), help="Processes on that port.")
@click.option("--reload", is_flag=True, help="Serve the new code when a loaded file changes.")
@click.option(
    "--reload-dir",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="Reload when any file in there changes, too. May be given several times.",
)
@click.option(
    "--register", "admin_url", type=URL, metavar="ADMIN_URL", help="Register at this admin API, http://127.0.0.1:9070."
)
@click.option(
    "--advertise",
    type=URL,
    metavar="URL",
    help="URL to register, if the server reaches this endpoint by another one.",
)
@click.option(
    "--wait-for-server",
    type=Seconds(),
    is_flag=False,
    flag_value=60.0,
    metavar="[SECONDS]",
    help="With --register: wait for the server that long, 60 if no number is given.",
)
@click.option("--with-server", is_flag=True, help="Start a restate-server, too (installed from npm if there is none).")
@click.option(
    "--identity-key",
    "identity_keys",
    multiple=True,
    metavar="KEY",
    help="Accept only requests signed for this publickeyv1_… key. May be given several times.",
)
@click.option(
    "--guard",
    type=click.Choice(("off", "warn", "fail")),
    help="What happens when a handler does I/O outside of ctx.run. [default: off]",
)
@click.option(
    "--error-details",
    type=click.Choice(("full", "message", "reference")),
    help="What of exceptions leaves the process, and may reach callers. [default: message]",
)
@click.option(
    "--interceptor",
    "interceptors",
    multiple=True,
    metavar="MODULE:NAME",
    help="Put this object, or what a class or function makes, around all handlers. May be given several times.",
)
@payloads_option
@click.option(
    "--max-protocol-version",
    type=click.IntRange(5, 7),
    help="Newest service protocol to offer. [default: 7]",
)
@_page_options
@log_options
@click.option(
    "--blocked-after",
    default=1.0,
    show_default=True,
    type=Seconds(),
    help="Log who blocks the event loop for that many seconds; 0: never.",
)
@env_file_option
@click.option("--grace", default=30.0, show_default=True, type=Seconds(), help="Seconds to end attempts at a stop.")
@click.option("--loop", default="auto", show_default=True, type=click.Choice(LOOPS), help="auto: uvloop if installed.")
def command(
    admin_url: str | None, advertise: str | None, wait_for_server: float | None, with_server: bool, **options: Any
) -> None:
    """Serve TARGETs to a restate-server.

    TARGET is module, module:attribute, path/to/file.py or file.py:attribute. A module stands
    for all of its classes that have handlers.

    The first SIGINT or SIGTERM stops gracefully, the second at once.
    """
    _check(admin_url, advertise, with_server, options)
    if wait_for_server is not None and not admin_url:
        raise click.UsageError("--wait-for-server waits for the one of --register, which is missing.")
    options["reload"] = options["reload"] or bool(options["folders"])
    level, form, config, access = (
        options.pop(name) for name in ("log_level", "log_format", "log_config", "access_log")
    )
    options["log"] = LogOptions(level, form, config, access)
    if with_server or options["reload"] or options["workers"] > 1:
        from restate_reflect.cli._windows import not_on_windows

        not_on_windows("--with-server, --reload or --workers", "leave them out; 'serve' alone works.")
    from restate_reflect.cli._errors import plain_errors
    from restate_reflect.cli._registration import Registration
    from restate_reflect.cli._serving import ServeOptions

    with plain_errors(options["host"], options["port"]), ExitStack() as resources:
        registration = Registration(
            admin_url=admin_url,
            with_server=with_server,
            advertise=advertise,
            patience=wait_for_server or 0.0,
            resources=resources,
        )
        page = _page(registration, options)
        code = _serve(ServeOptions(page=page, **options), registration)
    raise SystemExit(code)


def _check(admin_url: str | None, advertise: str | None, with_server: bool, options: dict[str, Any]) -> None:
    if admin_url and with_server:
        raise click.UsageError("--register and --with-server exclude each other: the server is registered at anyway.")
    if advertise and not (admin_url or with_server):
        raise click.UsageError("--advertise says what to register; it needs --register or --with-server.")
    beside = options["docs_port"] is not None
    if options["docs_host"] != _DOCS_HOST and not beside:
        raise click.UsageError("--docs-host is the address of --docs-port, which is missing.")
    if options["docs"] and options["identity_keys"] and not beside:
        raise click.UsageError(
            "--docs would let whoever opens the page call handlers without the signature that --identity-key asks for. "
            "Give the page a port of its own: --docs-port 9081"
        )


def _page(registration: Registration, options: dict[str, Any]) -> PageOptions | None:
    """What belongs to the page is taken out of ``options``."""
    from restate_reflect.cli._page import PageOptions

    docs, host, port, allowed, ingress_url, admin_url = (
        options.pop(name) for name in ("docs", "docs_host", "docs_port", "docs_allow", "ingress_url", "page_admin_url")
    )
    if not docs and port is None:
        return None
    ingress, admin = registration.places()
    return PageOptions(
        host=host,
        port=port,
        allowed_hosts=allowed,
        ingress_url=ingress_url or ingress or _first_ingress() or "http://127.0.0.1:8080",
        admin_url=admin_url or admin or os.environ.get("RESTATE_ADMIN_URL") or "http://127.0.0.1:9070",
    )


def _first_ingress() -> str:
    """Of a cluster's nodes, between commas; the page asks one."""
    return os.environ.get("RESTATE_INGRESS_URL", "").partition(",")[0]


def _serve(options: ServeOptions, registration: Registration) -> int:
    from restate_reflect.processes.control import Control

    control = Control.from_environment()
    if control is None and (options.workers > 1 or options.reload):
        from restate_reflect.cli._supervisor import Supervisor

        return run(Supervisor(options, registration).run(), "asyncio")
    _serve_here(options, registration, control)
    return 0


def _serve_here(options: ServeOptions, registration: Registration, control: Control | None) -> None:
    from restate_reflect.cli._serving import serve, stop_orphan
    from restate_reflect.processes.control import user_files
    from restate_reflect.processes.lifeline import when_orphaned
    from restate_reflect.processes.terminal import lent_terminal, pass_over_breakpoints
    from restate_reflect.targets.importing import import_anew_at_each_start
    from restate_reflect.targets.target import load_all

    if control is not None:
        when_orphaned(lambda: stop_orphan(options.grace))
        lent_terminal()
    elif sys.stdin is None or not sys.stdin.isatty():
        pass_over_breakpoints()
    if options.reload:
        import_anew_at_each_start()
    try:
        # Before the loop starts: Ctrl-C can end an import that hangs.
        found = load_all(options.targets)
        set_up_logging(options.log)
        run(serve(found, options, registration, control), options.loop)
    except Exception as error:
        if control is not None:
            control.tell({"files": user_files(error)})
        raise
