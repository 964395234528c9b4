"""All that commands print: text may come from a server, a handler or a file, and is shown, never obeyed."""

from __future__ import annotations

import sys

import click

from restate_reflect.escaping import terminal_text

__all__ = ["say", "show_result"]


def say(text: str, *, err: bool = False) -> None:
    """Lines on stdout, or stderr."""
    click.echo(terminal_text(text), err=err)


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
