"""All that commands print: text may come from a server, a handler or a file, and is shown, never obeyed."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from restate_reflect.escaping import terminal_text

__all__ = ["paint_status", "say", "show", "show_result"]


def say(text: str, *, err: bool = False) -> None:
    """Lines on stdout, or stderr."""
    click.echo(terminal_text(text), err=err)


def show(text: str) -> None:
    """Lines that are harmless already and may have colours, which only a terminal gets."""
    click.echo(text)


_COLOURS: Final = {
    "succeeded": "green",
    "running": "cyan",
    "ready": "cyan",
    "backing-off": "yellow",
    "paused": "magenta",
    "failed": "red",
    "scheduled": "blue",
    "suspended": "blue",
    "pending": "blue",
}


def paint_status(cell: str) -> str:
    """A word for the state of an invocation in its colour; everything else as it is. ``NO_COLOR`` is heeded."""
    colour = _COLOURS.get(cell.split(" ", 1)[0])
    return cell if colour is None or os.environ.get("NO_COLOR") else click.style(cell, fg=colour)


def show_result(result: bytes) -> None:
    """A handler's result: as it is for a file or a pipe, with a newline after text; as text for a terminal."""
    try:
        text = result.decode()
    except UnicodeDecodeError:
        if not sys.stdout.isatty():
            sys.stdout.buffer.write(result)
            return
        text = result.decode(errors="backslashreplace")
    if text:
        click.echo(terminal_text(text) if sys.stdout.isatty() else text)
