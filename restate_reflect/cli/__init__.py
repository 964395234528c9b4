"""The command line ``restate-reflect``.

Exit codes: 0 done, 1 failed while running (port in use, no server, …), 2 wrong arguments, a
target that leads nowhere, or a class that can't become a service.

Each command lives in a module of its own, imported when it is asked for.
"""

from __future__ import annotations

import importlib

import click

__all__ = ["main"]

_COMMANDS = {
    "dev": ("restate_reflect.cli._dev", "Run TARGETs on an embedded runtime, again on each save."),
    "manifest": ("restate_reflect.cli._manifest", "Print the endpoint manifest of TARGETs."),
    "serve": ("restate_reflect.cli._serve", "Serve TARGETs to a restate-server."),
}


class _LazyGroup(click.Group):
    """Knows names and one-line helps; imports a command's module only to run or explain it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="restate-reflect")
def main() -> None:
    """Plain annotated Python classes as durable services for Restate.

    TARGET is `module`, `module:attribute`, `path/to/file.py` or `file.py:attribute`; the
    attribute is a class, an instance, or a function that makes one and needs no arguments.
    """
