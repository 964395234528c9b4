"""Negative numbers as arguments: ``call Counter/a/add -1`` is a body, not an option."""

from __future__ import annotations

import re
from typing import Final

import click

__all__ = ["TakesNumbers"]

_NEGATIVE: Final = re.compile(r"-\d[\d_]*(\.\d+)?([eE][+-]?\d+)?")


class TakesNumbers(click.Command):
    """A command whose last argument may be a negative number."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args if "--" in args else self._behind_options(args))

    def _behind_options(self, args: list[str]) -> list[str]:
        """Negative numbers that are no option's value stand last, behind ``--``."""
        takes_value = {
            name for each in self.params if isinstance(each, click.Option) and not each.is_flag for name in each.opts
        }
        before = ["", *args]
        numbers = [
            index for index, text in enumerate(args) if _NEGATIVE.fullmatch(text) and before[index] not in takes_value
        ]
        rest = [text for index, text in enumerate(args) if index not in numbers]
        return [*rest, "--", *(args[index] for index in numbers)] if numbers else args
