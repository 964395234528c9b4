"""``restate-reflect completion``: what a shell needs to complete commands, options, handlers and invocations."""

from __future__ import annotations

import click

from restate_reflect.cli._terminal import say

__all__ = ["command"]


@click.command("completion")
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash  ~/.bashrc:                   eval "$(restate-reflect completion bash)"
    zsh   ~/.zshrc, after compinit:    eval "$(restate-reflect completion zsh)"
    fish  restate-reflect completion fish > ~/.config/fish/completions/restate-reflect.fish

    HANDLER and INVOCATION are completed from what the admin API (RESTATE_ADMIN_URL) knows.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # these three are click's own
    program = "restate-reflect"
    script = kind(ctx.find_root().command, {}, program, "_RESTATE_REFLECT_COMPLETE").source()
    say(script.rstrip("\n"))
