"""Options that several commands share: where the server is, and the form of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from restate_reflect.cli._terminal import say

__all__ = [
    "URL",
    "Seconds",
    "admin_option",
    "env_file_option",
    "files",
    "full_trace_option",
    "headers_of",
    "ingress_option",
    "json_option",
    "payloads_option",
    "print_json",
    "targets_argument",
    "timeout_option",
]

F = TypeVar("F", bound=Callable[..., Any])


if TYPE_CHECKING:
    _ParamType = click.ParamType[str]
    _ManyType = click.ParamType[tuple[str, ...]]
else:
    _ParamType = _ManyType = click.ParamType  # not generic in older versions


class _UrlType(_ParamType):
    """``http://`` may be left out: ``localhost:8080``."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).strip()
        scheme, separator, rest = text.rpartition("://")
        if separator and scheme not in ("http", "https"):
            self.fail(f"{value!r} is no URL of a server: it must begin with http:// or https://.", param, ctx)
        if not rest.partition("/")[0].partition(":")[0]:
            self.fail(f"{value!r} is no URL of a server. Write it as http://127.0.0.1:8080.", param, ctx)
        return (text if separator else f"http://{text}").rstrip("/")


URL = _UrlType()
"""The base URL of a server, without a slash at the end."""


class _UrlsType(_ManyType):
    """Several, between commas."""

    name = "urls"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return tuple(URL.convert(each, param, ctx) for each in str(value).split(","))


ingress_option = click.option(
    "--ingress",
    "ingress_urls",
    type=_UrlsType(),
    metavar="URL[,URL…]",
    envvar="RESTATE_INGRESS_URL",
    show_envvar=True,
    default="http://127.0.0.1:8080",
    show_default=True,
    help="Where handlers are called; of a cluster several nodes.",
)

admin_option = click.option(
    "--admin",
    "admin_url",
    type=URL,
    metavar="URL",
    envvar="RESTATE_ADMIN_URL",
    show_envvar=True,
    default="http://127.0.0.1:9070",
    show_default=True,
    help="The admin API.",
)

payloads_option = click.option(
    "--payloads",
    metavar="MODULE:NAME",
    help="Payload codecs of the services: a Chain, a list of them, or a function that makes one.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, errors too.")


full_trace_option = click.option("--full-trace", is_flag=True, help="Tracebacks with the frames of libraries, too.")


def _load_env_file(ctx: click.Context, param: click.Parameter, file: str | None) -> None:
    if file is None or ctx.resilient_parsing:
        return
    try:
        import dotenv
    except ImportError:
        raise click.UsageError("--env-file needs python-dotenv. Run: pip install 'restate-reflect[local]'") from None
    dotenv.load_dotenv(file)


env_file_option = click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_load_env_file,
    help="Read environment variables from it (KEY=value a line); those that are set stay.",
)


class Seconds(click.FloatRange):
    """A number of seconds that any clock can wait: ``nan`` and ``inf`` are floats, too."""

    def __init__(self, *, min_open: bool = False) -> None:
        super().__init__(0, _LONGEST, min_open=min_open)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found: float = super().convert(value, param, ctx)
        if found != found:  # which no comparison with the bounds tells
            self.fail(f"{value!r} is no number of seconds.", param, ctx)
        return found


_LONGEST: Final = 10 * 365 * 86_400.0

timeout_option = click.option(
    "--timeout",
    type=Seconds(min_open=True),
    metavar="SECONDS",
    help="Give up after that long, with exit code 5; what was accepted goes on.",
)


def targets_argument(function: F) -> F:
    """One or more TARGETs; a shell completes the names of files."""
    return click.argument("targets", metavar="TARGET...", nargs=-1, required=True, shell_complete=files)(function)


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """For ``shell_complete``: the shell completes the names of files itself."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def headers_of(values: tuple[str, ...]) -> dict[str, str]:
    """``name: value`` each, as curl takes them.

    Raises:
        click.BadParameter: there is no colon in one.
    """
    pairs = [value.partition(":") for value in values]
    for name, colon, _ in pairs:
        if not colon or not name.strip():
            raise click.BadParameter(f"{name!r} is no header. Write it as 'name: value'.", param_hint="--header")
    return {name.strip(): value.strip() for name, _, value in pairs}


def print_json(data: Any) -> None:
    """On stdout, readable; times become ISO 8601."""
    say(json.dumps(data, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
