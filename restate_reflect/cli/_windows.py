"""What needs a Unix: processes that hand sockets to each other, and restate-server itself."""

from __future__ import annotations

import sys

import click

__all__ = ["not_on_windows"]


def not_on_windows(what: str, instead: str) -> None:
    """
    Raises:
        UsageError: this is Windows; the message says what to do there.
    """
    if sys.platform == "win32":
        raise click.UsageError(f"{what} needs Linux or macOS (WSL is one). On Windows: {instead}")
