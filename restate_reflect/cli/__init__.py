"""The command line ``restate-reflect``: one module per command, imported when it is asked for, and nothing else.

Words of a shell go in; text, JSON and an exit code (see ``_errors``) come out. What a TARGET means is ``targets``,
what ``dev`` does is ``dev``, processes and signals are ``processes``; commands for a running server ask it by
``_asking``. Start reading at this file's table of commands, then ``_serve``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from restate_reflect.cli._terminal import say
from restate_reflect.escaping import terminal_text
from restate_reflect.processes.collector import put_off
from restate_reflect.processes.streams import tolerant_streams

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["main"]

_COMMANDS = {
    "attach": ("_calling:attach", "Wait for an invocation and print its result."),
    "call": ("_calling:call", "Call a handler and print its result."),
    "cancel": ("_operating:cancel", "Ask invocations to cancel themselves."),
    "check": ("_check:command", "Hold TARGETs against what a server runs: replays, types, state."),
    "completion": ("_completion:command", "Print what a shell needs to complete commands."),
    "deployments": ("_listing:deployments", "List deployments: address, age, services."),
    "dev": ("_dev:command", "Run TARGETs with an engine, again on each save."),
    "inspect": ("_inspect:command", "Show services, handlers and types of TARGETs."),
    "journal": ("_journal:journal", "Show the journal of an invocation, step by step."),
    "kill": ("_operating:kill", "End invocations at once."),
    "lint": ("_lint:command", "Find what breaks replay, in sources."),
    "manifest": ("_manifest:command", "Print the endpoint manifest of TARGETs."),
    "openapi": ("_openapi:command", "Print an OpenAPI document of TARGETs."),
    "output": ("_calling:output", "Print the result of an invocation if it has one."),
    "pause": ("_operating:pause", "Stop the attempts of invocations."),
    "ps": ("_invocations:ps", "List invocations: status, age, retries, last error."),
    "purge": ("_operating:purge", "Forget finished invocations."),
    "register": ("_register:command", "Register a deployment at a server."),
    "replay": ("_replay:command", "Run your code against a recorded invocation."),
    "restart-as-new": ("_operating:restart_as_new", "Start a finished invocation again."),
    "resume": ("_operating:resume", "Go on with a paused invocation."),
    "send": ("_calling:send", "Start a handler, now or later, without waiting."),
    "serve": ("_serve:command", "Serve TARGETs to a restate-server."),
    "services": ("_listing:services", "List services: kind, revision, handlers."),
    "sql": ("_sql:command", "Ask the tables of a server."),
    "state": ("_state:command", "Read, write and clear the state of a key."),
    "stubs": ("_stubs:command", "Write interfaces of services that run elsewhere."),
}
"""Module and attribute, and the one-line help."""

_INCOMPLETE = 1
"""Exit code of a command that did its work, whose output was lost."""

_VERSION_HELP = "Print the version, and whether this install is compiled."


class _LazyGroup(click.Group):
    """Knows names and one-line helps; imports a command's module only to run or explain it."""

    def main(self, *args: Any, **extra: Any) -> Any:
        with put_off(), tolerant_streams() as out:
            try:
                return super().main(*args, **extra)
            except SystemExit as end:
                out.flush()
                if end.code or not out.complaint or _goes_on(args[0] if args else extra.get("args")):
                    raise
                say(out.complaint, err=True)
                raise SystemExit(_INCOMPLETE) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = terminal_text(error.message)
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        assert isinstance(command, click.Command)
        _name_variables(command)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        commands = [CompletionItem(name, help=_COMMANDS[name][1]) for name in self.list_commands(ctx)]
        return [each for each in commands if each.value.startswith(incomplete)] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            from restate_reflect.targets.suggest import did_you_mean

            ctx.fail(f"there is no command {args[0]!r}.{did_you_mean(args[0], sorted(_COMMANDS))}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in self.list_commands(ctx)])


def _name_variables(command: click.Command) -> None:
    """Each option may be given by ``RESTATE_REFLECT_COMMAND_OPTION``, unless it has a variable of its own."""
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None:
            longest = max(option.opts, key=len).lstrip("-")
            option.envvar = f"RESTATE_REFLECT_{command.name}_{longest}".upper().replace("-", "_")


def _goes_on(arguments: Sequence[str] | None) -> bool:
    """Whether the command is one that serves: what it prints is a log, and no result."""
    given = sys.argv[1:] if arguments is None else arguments
    return next((each for each in given if not each.startswith("-")), None) in ("serve", "dev")


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from restate_reflect.cli._version import version_line

        say(version_line())
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help=_VERSION_HELP)
def main() -> None:
    """Plain annotated Python classes as durable services for Restate.

    TARGET is `module`, `module:attribute`, `path/to/file.py` or `file.py:attribute`; the
    attribute is a class, an instance, or a function that makes one and needs no arguments.
    """
