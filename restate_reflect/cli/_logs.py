"""What ``serve`` logs: how much, in which form, and where to."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import click

from restate_reflect.errors import TargetError

__all__ = ["LogOptions", "log_arguments", "log_options", "set_up_logging"]

F = TypeVar("F", bound=Callable[..., Any])

_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_FORMATS: Final = ("text", "json")
_OPTIONS: Final = (
    click.option("--log-level", type=click.Choice(_LEVELS), help="Of what is logged. [default: info]"),
    click.option("--log-format", type=click.Choice(_FORMATS), help="For people, or for machines. [default: text]"),
    click.option(
        "--log-config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A logging configuration (.json, .toml, .yaml or .ini) in place of all that.",
    ),
    click.option("--access-log", is_flag=True, help="Log every attempt and every other request."),
)


class LogOptions(NamedTuple):
    """What was asked for; ``None`` for what was not."""

    level: str | None = None
    format: str | None = None
    config: Path | None = None
    access: bool = False


def log_options(function: F) -> F:
    """For a command: its parameters ``log_level``, ``log_format``, ``log_config`` and ``access_log``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def log_arguments(options: LogOptions) -> list[str]:
    """For a worker, to log the same."""
    level = ["--log-level", options.level] if options.level else []
    form = ["--log-format", options.format] if options.format else []
    config = ["--log-config", str(options.config.absolute())] if options.config else []
    return [*level, *form, *config, *(["--access-log"] if options.access else [])]


def set_up_logging(options: LogOptions) -> None:
    """To be called when the user's modules are loaded: what they have configured stays, unless an option is given.

    Raises:
        TargetError: The file is no logging configuration.
    """
    if options.config is not None:
        _by_file(options.config)
    elif options.level or options.format or not logging.getLogger().handlers:
        _by_options(options)


def _by_options(options: LogOptions) -> None:
    from restate_reflect.endpoint.records import InvocationFilter, JsonFormatter, TextFormatter

    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(InvocationFilter())
    handler.setFormatter(JsonFormatter() if options.format == "json" else TextFormatter())
    logging.basicConfig(level=(options.level or "info").upper(), handlers=[handler], force=True)


def _by_file(file: Path) -> None:
    import logging.config  # 0.7 MB and 5 ms, for sockets and pickles

    try:
        if file.suffix in (".ini", ".conf", ".cfg"):
            logging.config.fileConfig(file, disable_existing_loggers=False)
        else:
            logging.config.dictConfig({"disable_existing_loggers": False, **_read(file)})
    except Exception as error:  # of the file's content, which may be anything
        cause = f": {error.__cause__}" if error.__cause__ else ""
        raise TargetError(f"--log-config {file}: no logging configuration: {error}{cause}") from error


def _read(file: Path) -> dict[str, Any]:
    text = file.read_text(encoding="utf-8")
    found: dict[str, Any]
    match file.suffix:
        case ".toml":
            import tomllib

            found = tomllib.loads(text)
        case ".yaml" | ".yml":
            found = importlib.import_module("yaml").safe_load(text)
        case _:
            import json

            found = json.loads(text)
    return found
