"""Questions before what can't be undone."""

from __future__ import annotations

import sys

import click

from restate_reflect.cli._terminal import say
from restate_reflect.escaping import terminal_text

__all__ = ["confirmed", "yes_option"]

yes_option = click.option("-y", "--yes", is_flag=True, help="Don't ask.")


def confirmed(question: str) -> None:
    """Returns if the answer is yes. Where nobody can be asked, ``--yes`` is."""
    if not sys.stdin.isatty():
        say(f"{question} Nobody can be asked here: give --yes.", err=True)
        raise SystemExit(2)
    if not click.confirm(terminal_text(question), err=True):
        raise SystemExit(1)
