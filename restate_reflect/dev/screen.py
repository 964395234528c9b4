"""The terminal, by ``rich``: colours where there are some, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click

from restate_reflect.escaping import terminal_text

__all__ = ["Screen"]

_EFFECTS: Final = frozenset({"bold", "dim", "italic"})


class Screen:
    """Stdout. Nothing is wrapped, cut or taken for markup: lines hold what users wrote."""

    def __init__(self) -> None:
        self._print: Callable[[tuple[tuple[str, str], ...]], None] = _by_rich() or _by_click

    def print(self, *parts: tuple[str, str]) -> None:
        """One line of texts and their styles (``"bold red"``). Nothing in a text acts on the terminal."""
        self._print(tuple((terminal_text(text), style) for text, style in parts))


def _by_rich() -> Callable[[tuple[tuple[str, str], ...]], None] | None:
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:  # the extra ``local`` is not installed
        return None
    console = Console(highlight=False, soft_wrap=True, emoji=False, markup=False)
    return lambda parts: console.print(Text.assemble(*parts))


def _by_click(parts: tuple[tuple[str, str], ...]) -> None:
    click.echo("".join(_styled(text, style) for text, style in parts))


def _styled(text: str, style: str) -> str:
    words = style.split()
    colour = next((word for word in words if word not in _EFFECTS), None)
    return click.style(text, fg=colour, **{word: True for word in words if word in _EFFECTS}) if words else text
