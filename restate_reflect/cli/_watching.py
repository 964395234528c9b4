"""Commands that go on: they look again and again, until Ctrl-C or until there is nothing more to come."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

import click

from restate_reflect.cli._terminal import show

__all__ = ["PAUSE", "followed", "repeated"]

PAUSE: Final = 1.0
"""Seconds between looks."""


def repeated(look: Callable[[], str]) -> None:
    """Shows what ``look`` returns, in place of what it returned before, until Ctrl-C."""
    followed(lambda: (look(), False))


def followed(look: Callable[[], tuple[str, bool]]) -> None:
    """The same, until it says that this was the last time; without a terminal only what has changed is printed."""
    before: str | None = None
    try:
        while True:
            text, is_last = look()
            if text != before:
                if sys.stdout.isatty():
                    click.clear()
                show(text)
            before = text
            if is_last:
                return
            time.sleep(PAUSE)
    except KeyboardInterrupt:
        raise SystemExit(0) from None
